package pg_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// patience is how long a test waits for what should come soon.
const patience = 60 * time.Second

// pod is a store that runs, and what it has told.
type pod struct {
	*pg.Store
	t       testing.TB
	stop    func()
	figures *prometheus.Registry

	mu        sync.Mutex
	delivered map[chat.ID][]chat.Message
	hints     []pg.Hint
}

// run starts a pod on a database, behind a gate if one is given; config may be nil.
func run(t testing.TB, name, conn string, config func() (*pgx.ConnConfig, error), gates ...func(*pg.Store) pg.Gate) *pod {
	t.Helper()
	if config == nil {
		config = func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(conn) }
	}
	figures := prometheus.NewRegistry()
	s, err := pg.Open(pg.Options{Config: config, Pod: name, Log: slog.New(slog.DiscardHandler), Registry: figures})
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{Store: s, t: t, figures: figures, delivered: map[chat.ID][]chat.Message{}}
	for _, g := range gates {
		s.Obey(g(s))
	}
	s.OnCommit(p.committed)
	s.OnHint(func(h pg.Hint) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hints = append(p.hints, h)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	p.stop = func() { cancel(); <-ended }
	t.Cleanup(p.stop)
	return p
}

// figure adds up a metric's values.
func (p *pod) figure(name string) (sum float64) {
	p.t.Helper()
	families, err := p.figures.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func (p *pod) committed(ms []chat.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range ms {
		p.delivered[m.Room] = append(p.delivered[m.Room], m)
	}
}

func (p *pod) deliveredIn(room chat.ID) []chat.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]chat.Message(nil), p.delivered[room]...)
}

func (p *pod) heard(want func(pg.Hint) bool) func() bool {
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, h := range p.hints {
			if want(h) {
				return true
			}
		}
		return false
	}
}

// post posts and gives the way to wait for the result.
func (p *pod) post(d chat.Draft, version int64) chan pg.PostResult {
	c := make(chan pg.PostResult, 2) // a second result would be an error that result finds
	p.Post(d, version, true, func(r pg.PostResult) { c <- r })
	return c
}

func result(t testing.TB, c chan pg.PostResult) pg.PostResult {
	t.Helper()
	select {
	case r := <-c:
		return r
	case <-time.After(patience):
		t.Fatal("a post had no result")
		panic("unreachable")
	}
}

// mustPost posts until it is stored, as a client does.
func (p *pod) mustPost(d chat.Draft, version int64) chat.Message {
	p.t.Helper()
	var last error
	var m chat.Message
	eventually(p.t, "a post is stored", func() bool {
		r := result(p.t, p.post(d, version))
		m, last = r.Message, r.Err
		return last == nil
	})
	return m
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

const alice, bob = chat.Principal("sip:alice@example.com"), chat.Principal("sip:bob@example.com")

var everybody = []chat.Principal{"domain:example.com"}

func category(name string) chat.Category {
	return chat.Category{Name: name, Allowed: everybody, ChatHistory: true}
}

func room(name string) chat.Room {
	return chat.Room{Name: name, Privacy: chat.Open, Type: chat.Normal, Invitations: chat.Inherit}
}

// rooms makes n rooms in a category and gives them in the order of their ids.
func (p *pod) rooms(n int) []chat.Room {
	p.t.Helper()
	ctx := p.t.Context()
	if _, err := p.PutCategory(ctx, "ns/cat", category("cat"), "", nil); err != nil {
		p.t.Fatal(err)
	}
	var rs []chat.Room
	for i := range n {
		r, err := p.PutRoom(ctx, fmt.Sprintf("ns/room-%d", i), "ns/cat", room(fmt.Sprintf("room %d", i)), "", nil)
		if err != nil {
			p.t.Fatal(err)
		}
		rs = append(rs, r.Room)
	}
	return rs
}

// draft makes the n-th draft of an author.
func draft(r chat.ID, author chat.Principal, n int) chat.Draft {
	return chat.Draft{Room: r, Author: author, Name: author.User(), Endpoint: "ep", Envelope: fmt.Sprint(n), Stamp: "2026-01-01T00:00:00Z",
		Text: fmt.Sprintf("%s says %d", author.User(), n)}
}

// history reads a whole room, waiting for the database to be proven.
func (p *pod) history(r chat.ID) []chat.Message {
	p.t.Helper()
	var all []chat.Message
	eventually(p.t, "history is readable", func() bool {
		all = nil
		for after := chat.Position(0); ; {
			ms, err := p.After(p.t.Context(), r, after, 100)
			if err != nil {
				return false
			}
			all = append(all, ms...)
			if len(ms) < 100 {
				return true
			}
			after = ms[len(ms)-1].Pos
		}
	})
	return all
}

// noGaps checks that positions count up from 1 in epoch 1, and that no draft is there twice.
func noGaps(t testing.TB, ms []chat.Message) {
	t.Helper()
	texts := map[string]bool{}
	for i, m := range ms {
		if m.Pos != chat.At(1, int64(i+1)) {
			t.Fatalf("message %d has position %s", i+1, m.Pos)
		}
		if key := string(m.Author) + m.Text; texts[key] {
			t.Fatalf("%s is there twice: %q", m.Pos, m.Text)
		} else {
			texts[key] = true
		}
	}
}

func TestSchemaIsReadyAfterMigration(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	conn := server.ConnString("postgres")
	p := run(t, "a", conn, nil)
	if err := p.SchemaReady(t.Context()); !chat.Is(err, chat.Unavailable) {
		t.Fatalf("without a schema: %v", err)
	}
	config := func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(conn) }
	var wg sync.WaitGroup
	for range 3 { // at once: one works, the others wait and find nothing to do
		wg.Go(func() {
			if err := pg.Migrate(t.Context(), config, nil, slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := p.SchemaReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := p.SchemaVersion(t.Context()); v != 3 || err != nil {
		t.Fatalf("version %d: %v", v, err)
	}
}

type chatResult = pg.PostResult

var errStale = pg.ErrStale
