//go:build sipe

package server_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/internal/server"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// name is what a DNS name is for a client: it leads to one server, and later to another.
type name struct {
	net.Listener
	mu sync.Mutex
	to string
}

func (p *pool) name(to string) *name {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	p.check(err)
	n := &name{Listener: l, to: to}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { n.join(in) })
		}
	})
	p.t.Cleanup(func() { l.Close(); open.Wait() })
	return n
}

func (n *name) join(in net.Conn) {
	defer in.Close()
	n.mu.Lock()
	to := n.to
	n.mu.Unlock()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		io.Copy(out, in)
		out.Close()
	}()
	io.Copy(in, out)
}

func (n *name) leadsTo(to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.to = to
}

// pidgin-sipe knows one name. The server lets it go; when it connects again by that name, it comes to the other site, joins its
// rooms again as Pidgin does, and reads what it missed. While the name still leads to where the pool was, it is told 503 and
// tries again later.
func TestSIPEOverAMove(t *testing.T) {
	for sentence, slow := range map[string]bool{"the name leads to the backup at once": false, "the name follows later": true} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			home := newGatedPool(t, pgtest.Database(t))
			backup := home.at("backup")
			h, b := home.startPod("home-0"), backup.startPod("backup-0")
			introduce(home, backup, h, b)
			home.open(h, adminapi.Opening{Epoch: 1})
			room := home.openDesk(h).URI
			dns := home.name(h.SIP)
			alice := home.startSIPE(&pod{Addresses: server.Addresses{SIP: dns.Addr().String()}}, "alice", "RECONNECT=1")
			alice.do("rooms")
			alice.want("ROOMS-END")
			alice.do("join", room)
			alice.want("JOINED")
			alice.do("say", room, "at home")
			alice.want("MSG", "at home")

			if !slow {
				dns.leadsTo(b.SIP)
			}
			move(1, home, backup, []*pod{h}, []*pod{b}, func() {})
			bob := backup.dial("bob", b)
			backup.join(bob, "Desk")
			backup.post(bob, room, "at the backup")
			alice.want("ERROR 0")
			if slow {
				alice.want("ERROR 0", "Service unavailable")
				dns.leadsTo(b.SIP)
			}
			alice.want("SIGNED-ON")
			alice.want("JOINED")
			alice.want("MSG", "at the backup")
			alice.do("say", room, "so am I")
			alice.want("MSG", "so am I")
			for _, want := range []string{"at the backup", "so am I"} {
				if m := next[client.Message](backup, bob); m.Text != want {
					t.Errorf("bob read %q, want %q", m.Text, want)
				}
			}
		})
	}
}
