package client_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/client/clienttest"
)

// twoSites is a pool that is at home until it is moved: then home knows nobody any more, and points at backup.
type twoSites struct {
	*clienttest.Pool
	home, backup *clienttest.Server
	moved        atomic.Bool
	quiesced     atomic.Bool // posts are refused
}

func newTwoSites(t *testing.T) *twoSites {
	p := &twoSites{Pool: clienttest.New(t, people, "Desk")}
	p.home, p.backup = p.ListenTLS("chat.example.com"), p.ListenTLS("chat.example.com")
	p.home.Site, p.backup.Site = "home", "backup"
	p.Elsewhere = "<sip:" + p.backup.Addr + ";transport=tls>"
	p.OnRequest = func(q clienttest.Request) clienttest.Action {
		switch {
		case q.Server == p.home.Addr && p.moved.Load() && q.Method == "INFO":
			return clienttest.Gone
		case q.Server == p.home.Addr && p.moved.Load():
			return clienttest.Away
		case q.Command == "grpchat" && p.quiesced.Load():
			return clienttest.Refuse
		}
		return clienttest.Handle
	}
	return p
}

func (p *twoSites) options(user string, servers ...*clienttest.Server) client.Options {
	o := options(user, servers...)
	o.PlainTCP, o.RootCAs, o.ServerName = false, p.home.CA, "chat.example.com"
	return o
}

func TestTheClientFollowsThePoolToItsOtherSite(t *testing.T) {
	for sentence, named := range map[string]bool{"servers name the sites": true, "it is known by the redirect alone": false} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			p, ctx := newTwoSites(t), testContext(t)
			if named {
				p.Named = []string{p.home.Addr, p.backup.Addr}
			}
			alice, bob := dial(t, p.options("alice", p.home)), dial(t, p.options("bob", p.home))
			for _, c := range []*client.Client{alice, bob} {
				if _, err := c.Join(ctx, p.URI("Desk")); err != nil {
					t.Fatal(err)
				}
			}
			post := func(text string) client.Receipt {
				r, err := alice.Post(ctx, p.URI("Desk"), text)
				if err != nil {
					t.Error(err)
				}
				return r
			}
			post("message 1")
			if m := next[client.Message](t, alice); m.Pos != chat.At(1, 1) {
				t.Errorf("first %+v", m)
			}
			p.quiesced.Store(true)
			done := make(chan client.Receipt)
			go func() { done <- post("message 2") }()
			p.awaitRefusal(t)
			p.NewEpoch("Desk")
			p.moved.Store(true)
			p.quiesced.Store(false)
			e := next[client.Reconnected](t, alice)
			want := client.Reconnected{Server: p.backup.Addr, Away: e.Away, Resent: 1}
			if named {
				want.Site, want.Moved = "backup", true
			}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Error(diff)
			}
			if r := <-done; r.Sent < 2 {
				t.Errorf("receipt %+v", r)
			}
			if _, err := bob.Rooms(ctx, ""); err != nil { // it, too, learns that it must go
				t.Error(err)
			}
			post("message 3")
			if d := cmp.Diff(texts(3)[1:], collect(t, alice, 2)); d != "" {
				t.Error("alice:", d)
			}
			if d := cmp.Diff(texts(3), collect(t, bob, 3)); d != "" {
				t.Error("bob:", d)
			}
			if d := cmp.Diff(texts(3), stored(p.Pool, "Desk")); d != "" {
				t.Error("stored:", d)
			}
		})
	}
}

// awaitRefusal waits until a post was refused.
func (p *twoSites) awaitRefusal(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for p.Refused() == 0 {
		if time.Now().After(deadline) {
			t.Fatal("no post was refused")
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestAHintIsNoMoreThanThat(t *testing.T) {
	for sentence, c := range map[string]struct {
		elsewhere func(p *twoSites) string
	}{
		"a redirect to plain TCP":           {func(p *twoSites) string { return "<sip:" + p.Listen().Addr + ";transport=tcp>" }},
		"a redirect to where nobody is":     {func(*twoSites) string { return "<sip:127.0.0.1:1;transport=tls>" }},
		"a redirect to a wrong certificate": {func(p *twoSites) string { return "<sip:" + p.ListenTLS("other.example.com").Addr + ";transport=tls>" }},
		"a redirect to itself":              {func(p *twoSites) string { return "<sip:" + p.home.Addr + ";transport=tls>" }},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			p := newTwoSites(t)
			p.moved.Store(true)
			p.Elsewhere = c.elsewhere(p)
			alice := dial(t, p.options("alice", p.home, p.backup))
			s, err := alice.ServerInfo(testContext(t))
			if err != nil || s.Address != p.backup.Addr {
				t.Errorf("signed in at %+v, %v; want the second of the user's servers", s, err)
			}
		})
	}
}

func TestTheSearchForAServerEndsWhenItIsBounded(t *testing.T) {
	p := newTwoSites(t)
	o := p.options("alice", p.home)
	o.GiveUp = 2 * time.Second
	alice := dial(t, o)
	p.home.Stop()
	for {
		if e := next[client.Disconnected](t, alice); e.Final {
			if !chat.Is(e.Err, chat.Unavailable) {
				t.Errorf("ended with %v", e.Err)
			}
			break
		}
	}
	began := time.Now()
	if _, err := client.Dial(testContext(t), o); !chat.Is(err, chat.Unavailable) || time.Since(began) < time.Second {
		t.Errorf("Dial ended after %s with %v", time.Since(began), err)
	}
}
