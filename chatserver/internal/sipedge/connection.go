package sipedge

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"chatpool.dev/chatserver/chat"
)

// connection is a client's connection. Its reader goroutine (serve) owns the fields without a mutex.
type connection struct {
	server    *Server
	conn      net.Conn
	transport string // TCP or TLS
	address   string // the client's IP address
	tag       string // of To in answers outside of dialogs
	log       *slog.Logger
	out       *writer
	slots     chan struct{} // holds a token for each document that waits for its answer

	user         *identity // nil before REGISTER
	accepted     time.Time
	registeredTo time.Time

	mu      sync.Mutex
	dialogs map[string]*dialog
	moving  bool // the server is shutting down: dialogs that open are moved
}

// identity is who a connection belongs to.
type identity struct {
	subject  chat.Subject
	login    string // the name he signed in with
	endpoint string
}

func newConnection(s *Server, conn, raw net.Conn, transport, address string) *connection {
	c := &connection{
		server: s, conn: conn, transport: transport, address: address, tag: randomHex(8), accepted: time.Now(),
		log:   s.log.With("remote", conn.RemoteAddr().String()),
		slots: make(chan struct{}, s.limits.Unanswered), dialogs: map[string]*dialog{},
	}
	c.out = newWriter(conn, raw, &s.limits, func() {
		s.metrics.slowReaders.Inc()
		c.log.Warn("a slow reader was cut off")
	})
	return c
}

// serve reads until the connection is lost, and ends what belongs to it.
func (c *connection) serve() {
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.out.run()
	}()
	if c.safely(c.read) {
		c.drain()
	}
	c.out.end()
	<-written
	for _, d := range c.allDialogs() {
		d.end()
	}
}

// safely keeps a panic inside the connection: it ends that, and no other.
func (c *connection) safely(read func() bool) (sending bool) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("connection ended by a panic", "panic", r, "stack", string(debug.Stack()))
			sending = false
		}
	}()
	return read()
}

// read handles messages until the connection is lost, or is to be closed: then the client may still be sending.
func (c *connection) read() (sending bool) {
	limits := &c.server.limits
	f := framer{in: bufio.NewReaderSize(c.conn, 4<<10), limits: limits}
	for {
		until := c.idleUntil()
		if time.Now().After(until) {
			return false // also of a client that always has sent the beginning of its next message
		}
		c.conn.SetReadDeadline(until)
		ping, err := f.blank()
		switch {
		case err != nil:
			return false
		case ping:
			if c.out.send([]byte("\r\n"), nil) != nil {
				return false
			}
			continue
		}
		c.conn.SetReadDeadline(time.Now().Add(limits.MessageTimeout))
		m, err := f.next()
		if err != nil {
			return c.refuseFrame(m, err)
		}
		if !c.handle(m) {
			return true
		}
	}
}

// drain reads on for a moment what will not be handled: closing at once would take back the last answer from a client that
// is still sending.
func (c *connection) drain() {
	c.conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	io.CopyN(io.Discard, c.conn, 1<<20)
}

// idleUntil tells how long the client may be silent.
func (c *connection) idleUntil() time.Time {
	limits := &c.server.limits
	if c.user == nil {
		return c.accepted.Add(limits.SignInTimeout)
	}
	return earlier(time.Now().Add(limits.IdleTimeout), c.registeredTo)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (c *connection) refuseFrame(m *message, err error) (sending bool) {
	var f *frameError
	if !errors.As(err, &f) {
		return false
	}
	c.log.Info("connection closed: its messages cannot be told apart", "err", err)
	if answerable(m) {
		c.respond(m, f.status, "")
	}
	return true
}

func (c *connection) allDialogs() []*dialog {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*dialog, 0, len(c.dialogs))
	for _, d := range c.dialogs {
		out = append(out, d)
	}
	return out
}

// dialog finds a dialog by Call-ID and our tag.
func (c *connection) dialog(callID, tag string) *dialog {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dialogs[dialogKey(callID, tag)]
}

func dialogKey(callID, tag string) string { return callID + "\x00" + tag }

// move sends all dialogs of the connection to another server; without any it closes the connection.
func (c *connection) move() {
	c.mu.Lock()
	c.moving = true
	c.mu.Unlock()
	dialogs := c.allDialogs()
	for _, d := range dialogs {
		d.Close(Moved)
	}
	if len(dialogs) == 0 {
		c.out.end()
	}
}

// deserted tells that the server is shutting down and nothing holds the connection any more.
func (c *connection) deserted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moving && len(c.dialogs) == 0
}
