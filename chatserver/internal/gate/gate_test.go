package gate_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/gate"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16") // the tests do little but wait
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// pod is a store behind a gate.
type pod struct {
	*pg.Store
	gate *gate.Gate
	t    *testing.T
	// ahead is how much the pod's clock is ahead of ours: a jump looks to the gate like a standstill.
	ahead atomic.Int64
	looks atomic.Int64
	// witness: the pool has one.
	witness atomic.Bool
}

// Watch counts looks.
func (p *pod) Watch(ctx context.Context) (pg.Watched, error) {
	w, err := p.Store.Watch(ctx)
	if err == nil {
		p.looks.Add(1)
	}
	return w, err
}

var boot = time.Now()

func start(t *testing.T, site, name string, conn *atomic.Pointer[string]) *pod {
	t.Helper()
	p := &pod{t: t}
	var err error
	p.Store, err = pg.Open(pg.Options{
		Config: func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(*conn.Load()) }, Pod: name, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.gate = gate.New(gate.Options{
		Database: p, Site: site, Pod: name, Log: slog.New(slog.DiscardHandler),
		Clock:   func() time.Duration { return time.Since(boot) + time.Duration(p.ahead.Load()) },
		Witness: p.witness.Load,
	})
	p.Obey(p.gate)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{p.Store.Run, p.gate.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); running.Wait() })
	return p
}

// at is an address that may change.
func at(conn string) *atomic.Pointer[string] {
	var p atomic.Pointer[string]
	p.Store(&conn)
	return &p
}

// standStill makes the pod's loop look as if it had stood still.
func (p *pod) standStill(d time.Duration) { p.ahead.Add(int64(d)) }

func (p *pod) activate(o adminapi.Opening) error {
	o.Ticket = p.gate.Activation().Ticket
	_, err := p.gate.Activate(p.t.Context(), o)
	return err
}

func (p *pod) mustActivate(o adminapi.Opening) {
	p.t.Helper()
	eventually(p.t, "the operator activates", func() bool {
		err := p.activate(o)
		if err != nil && !chat.Is(err, chat.Unavailable) {
			p.t.Fatal(err)
		}
		return err == nil
	})
}

// record records an epoch that has nothing in common with the one before, until the database has it.
func (p *pod) record(epoch int64, site string) {
	p.t.Helper()
	eventually(p.t, "the epoch is recorded", func() bool {
		err := p.gate.Record(p.t.Context(), adminapi.Recording{Epoch: epoch, Site: site})
		if err != nil && !chat.Is(err, chat.Unavailable) {
			p.t.Fatal(err)
		}
		return err == nil
	})
}

func (p *pod) awaitNeighbour(epoch int64) {
	p.t.Helper()
	eventually(p.t, "a neighbour's heartbeat activates", func() bool {
		a := p.gate.Activation()
		return a.Epoch == epoch && a.How == adminapi.ByNeighbour
	})
}

// awaitLooks waits until the pod has looked at the database so often.
func (p *pod) awaitLooks(n int64) {
	p.t.Helper()
	from := p.looks.Load()
	eventually(p.t, "looks at the database", func() bool { return p.looks.Load() >= from+n })
}

func (p *pod) post(d chat.Draft) pg.PostResult {
	p.t.Helper()
	done := make(chan pg.PostResult, 1)
	p.Post(d, 1, true, func(r pg.PostResult) { done <- r })
	select {
	case r := <-done:
		return r
	case <-time.After(patience):
		p.t.Fatal("a post had no result")
		panic("unreachable")
	}
}

// mustPost posts until it is stored, as a client does.
func (p *pod) mustPost(d chat.Draft) pg.PostResult {
	p.t.Helper()
	var last pg.PostResult
	eventually(p.t, "a post is stored", func() bool { last = p.post(d); return last.Err == nil })
	return last
}

// room makes a room.
func (p *pod) room() chat.ID {
	p.t.Helper()
	var id chat.ID
	eventually(p.t, "a room is made", func() bool {
		if err := p.makeRoom(&id); err != nil {
			p.t.Log(err)
			return false
		}
		return true
	})
	return id
}

func (p *pod) makeRoom(id *chat.ID) error {
	if _, err := p.PutCategory(p.t.Context(), "ns/cat", chat.Category{Name: "cat", Allowed: []chat.Principal{"domain:example.com"}, ChatHistory: true}, "", nil); err != nil {
		return err
	}
	r, err := p.PutRoom(p.t.Context(), "ns/room", "ns/cat", chat.Room{Name: "room", Privacy: chat.Open, Type: chat.Normal, Invitations: chat.Inherit}, "", nil)
	*id = r.Room.ID
	return err
}

const alice = chat.Principal("sip:alice@example.com")

func draft(room chat.ID, n int) chat.Draft {
	return chat.Draft{Room: room, Author: alice, Name: "Alice", Endpoint: "ep", Envelope: fmt.Sprint(n), Stamp: "2026-01-01T00:00:00Z", Text: fmt.Sprint("post ", n)}
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

func TestAServerThatStartsAcceptsNothing(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := start(t, "home", "a", at(conn))
	var none chat.ID
	if err := a.makeRoom(&none); !chat.Is(err, chat.Unavailable) {
		t.Fatalf("the catalog is changed by a server that is not activated: %v", err)
	}
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	a.mustPost(draft(room, 1))

	a.gate.Deactivate()
	b := start(t, "home", "b", at(conn)) // a power cut ends both, and both are back
	b.awaitLooks(5)
	for name, p := range map[string]*pod{"deactivated": a, "started": b} {
		if r := p.post(draft(room, 2)); !chat.Is(r.Err, chat.Unavailable) {
			t.Errorf("%s: a post is not refused: %+v", name, r)
		}
		if act := p.gate.Activation(); act.Epoch != 0 || act.Active() || act.Reason == "" {
			t.Errorf("%s: %+v", name, act)
		}
		eventually(t, "history is read", func() bool { ms, err := p.After(t.Context(), room, 0, 9); return err == nil && len(ms) == 1 })
		if err := p.Join(t.Context(), room, pg.Participant{User: alice, Name: "Alice", Endpoint: name}); err != nil {
			t.Errorf("%s: join: %v", name, err)
		}
	}
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`); n != 1 {
		t.Errorf("%d messages: want 1", n)
	}
}

func TestTwoBeatsOfANeighbourActivate(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := start(t, "home", "a", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	b, far := start(t, "home", "b", at(conn)), start(t, "backup", "far", at(conn))
	b.awaitNeighbour(1)
	if by := b.gate.Activation().Neighbour; by != "a" {
		t.Errorf("activated by %q", by)
	}
	if r := b.mustPost(draft(room, 1)); r.Message.Pos != chat.At(1, 1) {
		t.Errorf("position %s", r.Message.Pos)
	}
	far.awaitLooks(5)
	if act := far.gate.Activation(); act.Active() || act.Highest != 1 {
		t.Errorf("a server of another site: %+v", act)
	}
	hearts := far.gate.Heartbeats()
	if len(hearts) != 1 || hearts[0].Site != "home" || hearts[0].Epoch != 1 || hearts[0].AgeSeconds == nil {
		t.Errorf("heartbeats seen from the other site: %+v", hearts)
	}
}

func TestAStandstillEndsTheRight(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := start(t, "home", "a", at(conn)), start(t, "home", "b", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	b.awaitNeighbour(1)
	room := a.room()
	a.mustPost(draft(room, 1))
	before, err := a.gate.Pass()
	if err != nil {
		t.Fatal(err)
	}

	// One of two: it comes back by the other.
	a.standStill(gate.ColdStartAfter + 5*time.Second)
	if a.gate.Holds(before) {
		t.Error("a pass from before holds")
	}
	a.awaitNeighbour(1)
	a.mustPost(draft(room, 2))
	if a.gate.Holds(before) {
		t.Error("a pass from before holds again")
	}

	// Both: nobody comes back, however long they watch, until the operator says so.
	for _, p := range []*pod{a, b} {
		p.standStill(gate.ColdStartAfter + 5*time.Second)
		if r := p.post(draft(room, 3)); !chat.Is(r.Err, chat.Unavailable) {
			t.Fatalf("right after the standstill: %+v", r)
		}
	}
	a.awaitLooks(6)
	b.awaitLooks(6)
	if x, y := a.gate.Activation(), b.gate.Activation(); x.Active() || y.Active() {
		t.Fatalf("a cold site opened by itself: %+v, %+v", x, y)
	}
	b.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	a.awaitNeighbour(1)
}

func TestADatabaseThatIsAwayEndsNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	a := start(t, "home", "a", at(server.Database(t)))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	a.mustPost(draft(room, 1))
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 4 { // as if almost a minute went by, and the loop ran
		a.standStill(gate.ColdStartAfter - 2*time.Second)
		eventually(t, "the loop runs", func() bool { return a.gate.Idle() < 2*time.Second })
	}
	if act := a.gate.Activation(); act.Epoch != 1 {
		t.Fatalf("%+v", act)
	}
	if r := a.post(draft(room, 2)); !chat.Is(r.Err, chat.Unavailable) {
		t.Fatalf("%+v", r)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	a.mustPost(draft(room, 2))
}

func TestAnOldRequestOpensNothing(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := start(t, "home", "a", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	a.gate.Deactivate()
	old := a.gate.Activation().Ticket
	shut := adminapi.Opening{Epoch: 1, Site: "home", Ticket: old}
	a.gate.Deactivate()
	if _, err := a.gate.Activate(t.Context(), shut); !chat.Is(err, chat.Unavailable) {
		t.Errorf("with a ticket from before it was shut: %v", err)
	}
	for name, c := range map[string]struct {
		opening func() adminapi.Opening
		kind    chat.Kind
	}{
		"without a ticket":                  {func() adminapi.Opening { return adminapi.Opening{Epoch: 1, Site: "home"} }, chat.Unavailable},
		"with one of another server":        {func() adminapi.Opening { return adminapi.Opening{Epoch: 1, Site: "home", Ticket: "b/1/0/7"} }, chat.Unavailable},
		"with one from before a standstill": {func() adminapi.Opening { return adminapi.Opening{Epoch: 1, Site: "home", Ticket: old} }, chat.Unavailable},
		"for another site": {func() adminapi.Opening {
			return adminapi.Opening{Epoch: 1, Site: "backup", Ticket: a.gate.Activation().Ticket}
		}, chat.Conflict},
		"for no epoch": {func() adminapi.Opening { return adminapi.Opening{Site: "home", Ticket: a.gate.Activation().Ticket} }, chat.Invalid},
		"for an epoch that is not recorded": {func() adminapi.Opening {
			return adminapi.Opening{Epoch: 3, Site: "home", Ticket: a.gate.Activation().Ticket}
		}, chat.Conflict},
	} {
		a.standStill(gate.ColdStartAfter + time.Second)
		if _, err := a.gate.Activate(t.Context(), c.opening()); !chat.Is(err, c.kind) {
			t.Errorf("%s: %v; want %s", name, err, c.kind)
		}
	}
	if a.gate.Activation().Active() {
		t.Error("one of them opened the server")
	}
}
