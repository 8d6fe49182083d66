//go:build sipe

package server_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/client"
)

// sipe is the real pidgin-sipe (hack/interop/sipe), driven by lines.
type sipe struct {
	t     *testing.T
	in    io.Writer
	lines chan string
}

func (p *pool) startSIPE(one *pod, user string, env ...string) *sipe {
	p.t.Helper()
	cmd := exec.Command("../../../hack/interop/sipe/sipe-chat.sh")
	cmd.Env = append(os.Environ(), "SERVER="+one.SIP, fmt.Sprintf("LOGIN=%s@%s,%[1]s", user, domain), "PASSWORD="+password)
	cmd.Env = append(cmd.Env, env...)
	in, err := cmd.StdinPipe()
	p.check(err)
	out, err := cmd.StdoutPipe()
	p.check(err)
	p.check(cmd.Start())
	s := &sipe{t: p.t, in: in, lines: make(chan string, 1000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(s.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.lines <- scan.Text()
		}
	}()
	p.t.Cleanup(func() {
		in.Close() // it quits
		<-ended
		cmd.Wait()
	})
	s.want("SIGNED-ON")
	return s
}

// want waits for a line that begins so and has the parts in it; others are passed over.
func (s *sipe) want(prefix string, parts ...string) {
	s.t.Helper()
	late := time.After(patience)
next:
	for {
		select {
		case line, more := <-s.lines:
			if !more {
				s.t.Fatalf("pidgin-sipe ended before %s %q", prefix, parts)
			}
			if !strings.HasPrefix(line, prefix) {
				continue
			}
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue next
				}
			}
			return
		case <-late:
			s.t.Fatalf("pidgin-sipe never said %s %q", prefix, parts)
		}
	}
}

func (s *sipe) do(words ...string) { fmt.Fprintln(s.in, strings.Join(words, " ")) }

func TestSIPETalksWithChat(t *testing.T) {
	p := newPool(t)
	one := p.startPod("a")
	room := p.openDesk(one).URI
	bob := p.dial("bob", one)
	p.join(bob, room)
	p.post(bob, room, "before you came & <all>")

	alice := p.startSIPE(one, "alice")
	alice.do("rooms")
	alice.want("ROOM ", room, "name=Desk")
	alice.want("ROOMS-END")
	alice.do("join", room)
	alice.want("JOINED")
	alice.want("MSG", "from=sip:bob@example.test", "before you came &amp; &lt;all&gt;")
	alice.do("users", room)
	alice.want("USER", "who=sip:bob@example.test")
	if e := next[client.Entered](p, bob); e.User.URI != "sip:alice@example.test" {
		t.Errorf("bob saw %v come in", e.User)
	}
	alice.do("say", room, "hello from sipe")
	alice.want("MSG", "from=sip:alice@example.test", "hello from sipe")
	if m := next[client.Message](p, bob); m.Text != "hello from sipe" {
		t.Errorf("bob read %q", m.Text)
	}
	p.post(bob, room, "welcome")
	alice.want("MSG", "welcome")
	carol := p.dial("carol", one)
	p.join(carol, room)
	alice.want("ENTER", "who=sip:carol@example.test")
	p.check(carol.Part(p.context(), room))
	alice.want("LEAVE", "who=sip:carol@example.test")
	alice.do("part", room)
	for e := next[client.Left](p, bob); e.User.URI != "sip:alice@example.test"; e = next[client.Left](p, bob) {
	}
	alice.do("quit")
	alice.want("BYE")

	// Anew, with the endpoint id that it had, the envelope numbers begin anywhere, and the same words are another post.
	alice = p.startSIPE(one, "alice")
	alice.do("rooms")
	alice.want("ROOMS-END")
	alice.do("join", room)
	alice.want("MSG", "welcome")
	alice.do("say", room, "hello from sipe")
	alice.want("MSG", "hello from sipe")
	if m := next[client.Message](p, bob); m.Text != "hello from sipe" || m.Pos.Seq() != 4 {
		t.Errorf("bob read %q at %v", m.Text, m.Pos)
	}
}
