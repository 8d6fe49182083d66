package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/internal/store/pgtest"
	"github.com/google/go-cmp/cmp"
)

func httpStatus(ctx context.Context, t *testing.T, one *pod, path string) int {
	t.Helper()
	status, _ := httpGet(ctx, t, one, path)
	return status
}

func httpGet(ctx context.Context, t *testing.T, one *pod, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+one.HTTP+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

const (
	categoryKey = "chat/trading"
	roomKey     = "chat/desk"
)

var staff = adminapi.Category{Name: "Trading", AllowedMembers: []chat.Principal{"group:staff"}}

// openDesk makes the category and an open room "Desk" in it.
func (p *pool) openDesk(one *pod) adminapi.RoomStatus {
	p.t.Helper()
	api := p.admin(one)
	_, err := api.PutCategory(p.context(), categoryKey, staff)
	p.check(err)
	st, err := api.PutRoom(p.context(), roomKey, adminapi.Room{Category: categoryKey, Name: "Desk", Privacy: chat.Open})
	p.check(err)
	return st
}

func (p *pool) join(c *client.Client, room string) client.Room {
	p.t.Helper()
	var r client.Room
	// A room that was made on another pod is known here a moment later.
	p.await("joined "+room, func(ctx context.Context) bool {
		var err error
		r, err = c.Join(ctx, room)
		if err != nil && !chat.Is(err, chat.NotFound) {
			p.t.Fatal(err)
		}
		return err == nil
	})
	return r
}

func (p *pool) post(c *client.Client, room, text string) {
	p.t.Helper()
	if _, err := c.Post(p.context(), room, text); err != nil {
		p.t.Fatal(err)
	}
}

func TestPeopleOnTwoPodsTalk(t *testing.T) {
	p := newPool(t)
	a, b := p.startPod("a"), p.startPod("b")
	p.openDesk(a)
	alice, bob := p.dial("alice", a), p.dial("bob", b)
	room := p.join(alice, "Desk")
	p.join(bob, "Desk")
	if got := next[client.Entered](p, alice); got.User.URI != "sip:bob@example.test" {
		t.Errorf("alice saw %v come in, want bob", got.User)
	}
	p.post(alice, room.URI, "hello from a")
	p.post(bob, room.URI, "hello from b")
	for name, c := range map[string]*client.Client{"alice": alice, "bob": bob} {
		first, second := next[client.Message](p, c), next[client.Message](p, c)
		if first.Text != "hello from a" || second.Text != "hello from b" {
			t.Errorf("%s got %q, %q", name, first.Text, second.Text)
		}
		if second.Pos != first.Pos+1 {
			t.Errorf("%s got positions %v, %v", name, first.Pos, second.Pos)
		}
		if first.Author != "sip:alice@example.test" || first.AuthorName != "The alice" {
			t.Errorf("%s sees author %q, %q", name, first.Author, first.AuthorName)
		}
	}
	carol := p.dial("carol", b)
	p.join(carol, "Desk")
	history, err := carol.History(p.context(), room.URI, 10)
	p.check(err)
	var texts []string
	for _, m := range history {
		texts = append(texts, m.Text)
	}
	if diff := cmp.Diff([]string{"hello from a", "hello from b"}, texts); diff != "" {
		t.Errorf("history of who came later (-want +got):\n%s", diff)
	}
	p.check(bob.Part(p.context(), room.URI))
	if got := next[client.Left](p, alice); got.User.URI != "sip:bob@example.test" {
		t.Errorf("alice saw %v leave, want bob", got.User)
	}
	carol.Close() // it signs off, and is not kept for its lease
	if got := next[client.Left](p, alice); got.User.URI != "sip:carol@example.test" {
		t.Errorf("alice saw %v leave, want carol", got.User)
	}
}

func TestScopeThatShrinksPutsPeopleOut(t *testing.T) {
	p := newPool(t)
	a, b := p.startPod("a"), p.startPod("b")
	p.openDesk(a)
	alice, bob := p.dial("alice", a), p.dial("bob", b)
	room := p.join(alice, "Desk")
	p.join(bob, "Desk")
	next[client.Entered](p, alice)
	shrunk := staff
	shrunk.DeniedMembers = []chat.Principal{"sip:bob@example.test"}
	began := time.Now()
	_, err := p.admin(a).PutCategory(p.context(), categoryKey, shrunk)
	p.check(err)
	next[client.Kicked](p, bob)
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("bob was put out after %v, want at most 5 s", d)
	}
	if got := next[client.Left](p, alice); got.User.URI != "sip:bob@example.test" {
		t.Errorf("alice saw %v leave, want bob", got.User)
	}
	if _, err := bob.Join(p.context(), room.URI); !chat.Is(err, chat.Denied) {
		t.Errorf("bob joins again: %v, want Denied", err)
	}
	p.post(alice, room.URI, "he is gone")
}

func TestDirectoryThatChangesEndsSessions(t *testing.T) {
	p := newPool(t)
	a := p.startPod("a")
	p.openDesk(a)
	alice, bob := p.dial("alice", a), p.dial("bob", a)
	p.join(alice, "Desk")
	p.join(bob, "Desk")
	p.config.Directory.Users[0].Groups = nil    // alice leaves the scope
	p.config.Directory.Users[1].Disabled = true // bob must go
	p.config.Limits.MessageBytes = 600          // and posts become short
	p.saveConfig()
	began := time.Now()
	next[client.Kicked](p, alice)
	if lost := next[client.Disconnected](p, bob); lost.Final {
		t.Error("bob's first loss is final; want him to try again and be refused")
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v, want at most 10 s", d)
	}
}

func TestPodThatStopsMovesItsPeople(t *testing.T) {
	p := newPool(t)
	a, b := p.startPod("a"), p.startPod("b")
	p.openDesk(a)
	alice, bob := p.dial("alice", a, b), p.dial("bob", b)
	room := p.join(alice, "Desk")
	p.join(bob, "Desk")
	p.post(alice, room.URI, "before")
	a.stop()
	p.post(bob, room.URI, "between")
	p.post(alice, room.URI, "after")
	for name, c := range map[string]*client.Client{"alice": alice, "bob": bob} {
		var texts []string
		for range 3 {
			texts = append(texts, next[client.Message](p, c).Text)
		}
		if diff := cmp.Diff([]string{"before", "between", "after"}, texts); diff != "" {
			t.Errorf("%s got (-want +got):\n%s", name, diff)
		}
	}
}

func TestManyPostsFromTwoPodsReachEverybodyOnceInOrder(t *testing.T) {
	p := newPool(t)
	a, b := p.startPod("a"), p.startPod("b")
	room := p.openDesk(a).URI
	const each = 200
	clients := map[string]*client.Client{"alice": p.dial("alice", a), "bob": p.dial("bob", b)}
	for _, c := range clients {
		p.join(c, "Desk")
	}
	errs := make(chan error)
	for name, c := range clients {
		go func() {
			for i := range each {
				if _, err := c.Post(p.t.Context(), room, fmt.Sprint(name, i)); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var reading sync.WaitGroup
	var mu sync.Mutex
	got := map[string][]chat.Position{}
	for name, c := range clients {
		reading.Go(func() {
			for range 2 * each {
				m, err := await[client.Message](p.context(), c)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				mu.Lock()
				got[name] = append(got[name], m.Pos)
				mu.Unlock()
			}
		})
	}
	for range clients {
		p.check(<-errs)
	}
	reading.Wait()
	if diff := cmp.Diff(got["alice"], got["bob"]); diff != "" {
		t.Errorf("alice and bob got different things:\n%s", diff)
	}
	for i, pos := range got["alice"] {
		if pos.Seq() != int64(i+1) {
			t.Fatalf("message %d has number %d", i+1, pos.Seq())
		}
	}
}

func TestHealthAndStatus(t *testing.T) {
	t.Parallel()
	p := newPoolAt(t, "postgres://nobody@127.0.0.1:1/chat")
	s := pgtest.Database(t)
	a := func() *pod { defer func() { p.write("database/uri", []byte(s)) }(); return p.launch("a") }()
	p.await("ready once the database is there", func(ctx context.Context) bool { return httpStatus(ctx, t, a, "/readyz") == 200 })
	if got := httpStatus(p.context(), t, a, "/healthz"); got != 200 {
		t.Errorf("healthz is %d", got)
	}
	if _, metrics := httpGet(p.context(), t, a, "/metrics"); !strings.Contains(metrics, "chatpool_sessions 0") {
		t.Error("metrics lack chatpool_sessions")
	}
	var st adminapi.Status
	p.await("the database is reached", func(ctx context.Context) bool {
		var err error
		st, err = p.admin(a).Status(ctx)
		p.check(err)
		return st.DatabaseReachable
	})
	if st.Pod != "a" || !st.Ready || st.SchemaVersion < 1 {
		t.Errorf("status %+v", st)
	}
	stranger := adminapi.NewClient("https://"+a.Admin, p.clientTLS("somebody"))
	defer stranger.CloseIdleConnections()
	if _, err := stranger.Status(p.context()); !chat.Is(err, chat.Denied) {
		t.Errorf("a stranger's call: %v, want Denied", err)
	}
}
