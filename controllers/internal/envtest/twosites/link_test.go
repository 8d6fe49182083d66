package twosites

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// link is a way to an API server that can be cut: then nothing arrives any more, and nothing is answered.
type link struct {
	to       string
	listener net.Listener

	lock  sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newLink leads to the API server of a site.
func newLink(t *testing.T, to *site) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{to: strings.Trim(strings.TrimPrefix(to.Config.Host, "https:"), "/"), listener: listener, conns: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { l.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.listener.Close()
		l.set(false)
		l.drop()
		serving.Wait()
	})
	return l
}

// address is a URL; that of no link is empty.
func (l *link) address() string {
	if l == nil {
		return ""
	}
	return "https://" + l.listener.Addr().String()
}

// serve passes on what comes, both ways. What came while the link was cut waits until it is closed.
func (l *link) serve(c net.Conn) {
	if !l.keep(c) {
		return
	}
	on, err := net.Dial("tcp", l.to)
	if err != nil || !l.keep(on) {
		_ = c.Close()
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{c, on}, {on, c}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = c.Close()
			_ = on.Close()
		})
	}
	both.Wait()
	l.lock.Lock()
	defer l.lock.Unlock()
	delete(l.conns, c)
	delete(l.conns, on)
}

// keep notes a connection, and tells whether something passes.
func (l *link) keep(c net.Conn) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.conns[c] = true
	return !l.cut
}

// set cuts the link or mends it; connections of before are lost.
func (l *link) set(cut bool) {
	l.lock.Lock()
	l.cut = cut
	l.lock.Unlock()
	l.drop()
}

func (l *link) drop() {
	l.lock.Lock()
	defer l.lock.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
}
