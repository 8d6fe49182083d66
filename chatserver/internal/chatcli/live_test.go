package chatcli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/client/clienttest"
	"chatpool.dev/chatserver/internal/chatcli"
)

// person is a running program with somebody at it.
type person struct {
	t      *testing.T
	typed  *io.PipeWriter
	lines  chan string
	status chan int
}

func start(t *testing.T, name, password string, servers string) *person {
	t.Helper()
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	p := &person{t: t, typed: typed, lines: make(chan string, 100), status: make(chan int, 1)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	go func() {
		e := chatcli.Environment{In: in, Out: out, Err: out, Getenv: func(string) string { return password }}
		p.status <- chatcli.Run(ctx, e, []string{"-tcp", "-server", servers, "-user", name + "@example.com", "-join", "Desk"})
		_ = out.Close()
	}()
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(shown); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	p.sees(`^-- you are in Desk now$`)
	return p
}

func (p *person) types(s string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.typed, s); err != nil {
		p.t.Fatal(err)
	}
}

// sees waits for a line.
func (p *person) sees(pattern string) {
	p.t.Helper()
	want := regexp.MustCompile(pattern)
	deadline := time.After(20 * time.Second)
	for {
		select {
		case s, open := <-p.lines:
			if want.MatchString(s) {
				return
			}
			if !open {
				p.t.Fatalf("the program ended before %s was seen", pattern)
			}
		case <-deadline:
			p.t.Fatalf("never saw %s", pattern)
		}
	}
}

func (p *person) ends(want int) {
	p.t.Helper()
	_ = p.typed.Close()
	for range p.lines {
	}
	if got := <-p.status; got != want {
		p.t.Errorf("status %d, want %d", got, want)
	}
}

func TestTwoPeopleAtTheirTerminals(t *testing.T) {
	pool := clienttest.New(t, map[string]string{"alice@example.com": "x", "bob@example.com": "y"}, "Desk")
	one, two := pool.Listen(), pool.Listen()
	alice := start(t, "alice", "x", one.Addr+","+two.Addr)
	bob := start(t, "bob", "y", two.Addr)
	alice.sees(`^-- bob entered Desk$`)
	bob.types("hello alice")
	alice.sees(`^\d\d:\d\d:\d\d \[Desk\] bob: hello alice$`)
	bob.sees(`\[Desk\] bob: hello alice$`)
	one.Stop()
	alice.sees(`^-- connection to ` + regexp.QuoteMeta(one.Addr) + ` lost`)
	alice.sees(`^-- connected to ` + regexp.QuoteMeta(two.Addr) + ` after`)
	alice.types("here again")
	bob.sees(`\[Desk\] alice: here again$`)
	bob.types("/leave")
	alice.sees(`^-- Bob left Desk$`)
	pool.Close("Desk", "sip:alice@example.com")
	alice.sees(`^-- you are out of Desk: `)
	alice.types("still here")
	alice.sees(`^chat: post to .* not joined`)
	bob.ends(0)
	alice.types("quit")
	alice.ends(1)
}

func TestARecoveredMessageIsMarkedAndNotShownTwice(t *testing.T) {
	pool := clienttest.New(t, map[string]string{"alice@example.com": "x"}, "Desk")
	alice := start(t, "alice", "x", pool.Listen().Addr)
	alice.types("ready") // done when the history has been shown
	alice.sees(`alice: ready$`)
	pool.Say("Desk", "sip:bob@example.com", "seen")
	alice.sees(`bob: seen$`)
	lost := pool.Messages("Desk")[1:]
	lost = append(lost, lost[0])
	lost[1].Pos, lost[1].Text = lost[0].Pos+1, "not seen"
	pool.Overtake("Desk", 1)
	for _, m := range lost {
		pool.Recover("Desk", m)
	}
	pool.Say("Desk", "sip:bob@example.com", "after")
	for line := range alice.lines {
		if strings.HasSuffix(line, "seen") && !strings.HasSuffix(line, "bob: (recovered) not seen") {
			t.Errorf("shown: %s", line)
		}
		if strings.HasSuffix(line, "not seen") {
			break
		}
	}
	alice.sees(`bob: after$`)
	alice.ends(0)
}
