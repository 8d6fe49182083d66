package gate_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/gate"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// writer posts one after the other until it is refused three times in a row, and notes what was acknowledged.
func writer(p *pod, room chat.ID, n int, acknowledged *sync.Map) {
	for i, refused := 0, 0; refused < 3; i++ {
		d := draft(room, n*1_000_000+i)
		r := p.post(d)
		if r.Err == nil {
			refused = 0
			acknowledged.Store(d.Text, r.Message.Pos)
		} else {
			refused++
		}
	}
}

func TestQuiesceUnderLoad(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := start(t, "home", "a", at(conn)), start(t, "home", "b", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	b.awaitNeighbour(1)
	room := a.room()
	var acknowledged sync.Map
	var writers sync.WaitGroup
	for n := range 16 {
		writers.Go(func() { writer([]*pod{a, b}[n%2], room, n+1, &acknowledged) })
	}
	eventually(t, "there is load", func() bool { return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`) > 300 })
	if act, err := a.gate.Quiesce(t.Context(), 1); err != nil || act.Quiesced != 1 || act.Active() {
		t.Fatalf("%+v, %v", act, err)
	}
	stored := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`)
	writers.Wait()
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`); n != stored {
		t.Errorf("%d messages were stored after quiesce had answered", n-stored)
	}
	acknowledged.Range(func(text, pos any) bool {
		p := pos.(chat.Position)
		if pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message WHERE text = $1 AND epoch = $2 AND seq = $3`, text, p.Epoch(), p.Seq()) != 1 {
			t.Errorf("%s at %s was acknowledged and is lost", text, p)
		}
		return true
	})
	if err := b.makeRoom(new(chat.ID)); !chat.Is(err, chat.Unavailable) {
		t.Errorf("the catalog is changed in a quiesced epoch: %v", err)
	}
	eventually(t, "the other server notices", func() bool { return !b.gate.Activation().Active() })
	a.awaitLooks(4)
	if a.gate.Activation().Active() {
		t.Error("opened by itself")
	}
	started := start(t, "home", "c", at(conn))
	started.awaitLooks(2)
	for p, want := range map[*pod]int64{a: 1, b: 1, started: 0} {
		if act := p.gate.Activation(); act.Quiesced != want {
			t.Errorf("while the epoch is quiesced: %+v", act)
		}
	}

	// Rolled back: one of them is opened in the old epoch, and the other follows.
	b.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	a.awaitNeighbour(1)
	started.awaitNeighbour(1)
	for i, p := range []*pod{a, b} {
		if r := p.mustPost(draft(room, i)); r.Message.Pos != chat.At(1, int64(stored+i+1)) {
			t.Errorf("position %s after %d messages", r.Message.Pos, stored+i)
		}
	}
}

func TestQuiesceWaitsForACommitThatWaitsForTheMirror(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{Mirror: true})
	conn := server.Database(t)
	a := start(t, "home", "a", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	a.mustPost(draft(room, 1))
	server.Freeze(t)
	posted := make(chan pg.PostResult, 1)
	a.Post(draft(room, 2), 1, true, func(r pg.PostResult) { posted <- r })
	eventually(t, "the commit waits", func() bool {
		return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) == 1
	})
	if _, err := a.gate.Quiesce(t.Context(), 1); !chat.Is(err, chat.Unavailable) {
		t.Fatalf("quiesced with a commit under way: %v", err)
	}
	if r := a.post(draft(room, 3)); !chat.Is(r.Err, chat.Unavailable) {
		t.Fatalf("the server that was asked is not shut: %+v", r)
	}
	server.Thaw(t)
	if r := <-posted; r.Err != nil {
		t.Fatalf("the post under way: %v", r.Err)
	}
	eventually(t, "quiesced", func() bool { _, err := a.gate.Quiesce(t.Context(), 1); return err == nil })
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`); n != 2 {
		t.Errorf("%d messages: want 2", n)
	}
}

func TestANewEpochIsRecordedOnce(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	pgtest.TellTimelines(t, conn)
	a := start(t, "home", "a", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	for n := range 3 {
		a.mustPost(draft(room, n))
	}
	eventually(t, "the heart beats", func() bool { return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM heartbeat`) == 1 })
	for range 2 {
		a.record(3, "home")
	}
	if act := a.gate.Activation(); act.Active() || act.Highest != 3 || act.Quiesced != 0 {
		t.Errorf("after the record of a new epoch the server is %+v", act)
	}
	if r := a.post(draft(room, 9)); !chat.Is(r.Err, chat.Unavailable) {
		t.Errorf("a post in an epoch that nobody opened: %+v", r)
	}
	facts := a.mustFacts()
	e := facts.Epochs
	if len(e) != 2 || e[0].Epoch != 3 || e[0].Site != "home" || e[0].Fork != nil || e[0].ForkBeat != facts.Beat || facts.Beat>>32 != 1 || facts.Beat<<32 == 0 || e[1].ForkBeat != 0 {
		t.Errorf("facts %+v", facts)
	}
	a.mustActivate(adminapi.Opening{Epoch: 3, Site: "home"})
	if r := a.mustPost(draft(room, 9)); r.Message.Pos != chat.At(3, 4) {
		t.Errorf("position %s: want 3/4", r.Message.Pos)
	}
	if r := a.mustPost(draft(room, 1)); !r.Duplicate || r.Message.Pos != chat.At(1, 2) {
		t.Errorf("a post of the epoch before is sent again: %+v", r)
	}
	if n := pgtest.Scalar[int](t, conn, `SELECT seq FROM epoch_room WHERE epoch = 3 AND from_epoch = 1 AND room_id = $1::text::uuid`, string(room)); n != 3 {
		t.Errorf("the room was at %d when the epoch began: want 3", n)
	}
	eventually(t, "the heart beats in the new epoch", func() bool { return a.mustFacts().Beat>>32 == 3 })
	other := start(t, "backup", "far", at(conn))
	for name, c := range map[string]struct {
		pod   *pod
		r     adminapi.Recording
		field string
	}{
		"a lower epoch":                       {a, adminapi.Recording{Epoch: 2, Site: "home"}, "epoch"},
		"an epoch of another site's server":   {a, adminapi.Recording{Epoch: 4, Site: "backup"}, "site"},
		"the same epoch for another site":     {other, adminapi.Recording{Epoch: 3, Site: "backup"}, "site"},
		"a timeline that was never left":      {a, adminapi.Recording{Epoch: 5, Site: "home", Timeline: 1}, "timeline"},
		"a lower epoch, told by the database": {other, adminapi.Recording{Epoch: 2, Site: "backup"}, "epoch"},
	} {
		record := a.gate.Record
		if c.pod != a {
			record = c.pod.RecordEpoch // without what the server knows
		}
		err := record(t.Context(), c.r)
		var e *chat.Error
		if !errors.As(err, &e) || e.Kind != chat.Conflict || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, o := range map[string]adminapi.Opening{
		"a lower epoch":        {Epoch: 1, Site: "home"},
		"one not recorded yet": {Epoch: 5, Site: "home"},
	} {
		if err := a.activate(o); !chat.Is(err, chat.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := other.activate(adminapi.Opening{Epoch: 3, Site: "backup"}); !chat.Is(err, chat.Conflict) {
		t.Errorf("another site's epoch: %v", err)
	}
	if n := len(a.mustFacts().Epochs); n != 2 {
		t.Errorf("%d epochs after all refusals", n)
	}
}

func (p *pod) mustFacts() *adminapi.DatabaseFacts {
	p.t.Helper()
	var f *adminapi.DatabaseFacts
	eventually(p.t, "the database tells what it is like", func() (ok bool) {
		var err error
		f, err = p.Facts(p.t.Context())
		return err == nil
	})
	return f
}

// The backup's database follows home's, is promoted, and goes on in its own epoch; home's server comes late.
func TestAFollowerIsReadAndThenPromoted(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{Mirror: true})
	home := server.Database(t)
	pgtest.TellTimelines(t, home)
	backup := server.PromotedConnString(home)
	where := at(home)
	a := start(t, "home", "a", where)
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	for n := range 5 {
		a.mustPost(draft(room, n))
	}
	b := start(t, "backup", "b", at(backup))
	readable := func() bool { ms, err := b.After(t.Context(), room, 0, 9); return err == nil && len(ms) == 5 }
	eventually(t, "the follower is read", readable)
	if err := b.Join(t.Context(), room, pg.Participant{User: alice, Name: "Alice", Endpoint: "x"}); err != nil {
		t.Errorf("join: %v", err)
	}
	if err := b.Leave(t.Context(), room, alice, "y"); err != nil {
		t.Errorf("leave: %v", err)
	}
	if r := b.post(draft(room, 9)); !chat.Is(r.Err, chat.Unavailable) {
		t.Errorf("post: %+v", r)
	}
	if err := b.activate(adminapi.Opening{Epoch: 1, Site: "backup"}); !chat.Is(err, chat.Unavailable) {
		t.Errorf("activated on a database that takes no writes: %v", err)
	}
	forked := adminapi.Recording{Epoch: 2, Site: "backup", Timeline: 1}
	if err := b.gate.Record(t.Context(), forked); !chat.Is(err, chat.Unavailable) {
		t.Errorf("recorded in a database that takes no writes: %v", err)
	}
	eventually(t, "nothing is to be quiesced", func() bool { _, err := b.gate.Quiesce(t.Context(), 1); return err == nil })
	if act := b.gate.Activation(); act.Quiesced != 0 || !a.gate.Activation().Active() {
		t.Errorf("quiesce at the follower: %+v, and at home %+v", act, a.gate.Activation())
	}
	b.awaitLooks(4)
	if b.gate.Activation().Active() {
		t.Error("home's heartbeat opened the backup")
	}
	facts, err := b.Facts(t.Context())
	if err != nil || !facts.InRecovery || facts.ReplayedLSN == nil || facts.ReceivedLSN == nil || facts.CurrentLSN != nil || facts.Timeline == nil || *facts.Timeline != 1 ||
		facts.Receiver == nil || facts.Receiver.Status != "streaming" || facts.Receiver.Timeline != 1 || facts.Receiver.SenderHost == "" ||
		facts.OldestLSN == nil || *facts.OldestLSN > *facts.ReplayedLSN || facts.Beat>>32 != 1 {
		t.Fatalf("facts of the follower: %+v, %v", facts, err)
	}
	beat := facts.Beat
	eventually(t, "home's heartbeat is seen to move", func() bool { return b.mustFacts().Beat > beat })
	if facts, err = a.Facts(t.Context()); err != nil || facts.Receiver != nil || facts.OldestLSN == nil || *facts.OldestLSN > *facts.CurrentLSN || facts.InRecovery || len(facts.Followers) != 1 || facts.Followers[0].Name != "mirror" ||
		facts.Followers[0].Flushed == nil || facts.CurrentLSN == nil || facts.SystemIdentifier == nil || len(facts.Unknown) > 0 {
		t.Fatalf("facts of the primary: %+v, %v", facts, err)
	}

	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := server.Promote(); err != nil {
		t.Fatal(err)
	}
	alone(t, backup)
	where.Store(&backup) // the service points there now
	wrong := forked
	wrong.Timeline = 7
	eventually(t, "a timeline that it never was on is refused", func() bool { return chat.Is(b.gate.Record(t.Context(), wrong), chat.Conflict) })
	for range 2 {
		if err := b.gate.Record(t.Context(), forked); err != nil {
			t.Fatal(err)
		}
	}
	facts = b.mustFacts()
	if fork := facts.Epochs[0].Fork; facts.InRecovery || *facts.Timeline != 2 || fork == nil || fork.Timeline != 1 ||
		fork.LSN < *facts.OldestLSN || fork.LSN > *facts.CurrentLSN || facts.Epochs[0].ForkBeat < beat {
		t.Errorf("the promoted database: %+v", facts)
	}
	if text := pgtest.Scalar[string](t, backup, `SELECT chatpool_timeline_history(2)`); !strings.Contains(text, facts.Epochs[0].Fork.LSN.String()) {
		t.Errorf("the fork is at %s, the history says %q", facts.Epochs[0].Fork.LSN, text)
	}
	b.mustActivate(adminapi.Opening{Epoch: 2, Site: "backup"})
	if r := b.mustPost(draft(room, 5)); r.Message.Pos != chat.At(2, 6) {
		t.Errorf("position %s: want 2/6", r.Message.Pos)
	}
	if r := b.mustPost(draft(room, 3)); !r.Duplicate || r.Message.Pos != chat.At(1, 4) {
		t.Errorf("a post from before the move is sent again: %+v", r)
	}
	eventually(t, "who joined while it was only read is written", func() bool {
		return pgtest.Scalar[int](t, backup, `SELECT count(*) FROM participant WHERE endpoint = 'x'`) == 1
	})
	eventually(t, "home's server reaches the database and is refused", func() bool {
		r := a.post(draft(room, 7))
		if r.Err == nil {
			t.Fatalf("a late server of an old epoch posted at %s", r.Message.Pos)
		}
		return a.gate.Activation().Highest == 2 && !a.gate.Activation().Active()
	})
	var page pg.Page
	eventually(t, "resume from beyond the fork", func() bool { page, err = b.Resume(t.Context(), room, chat.At(1, 8), 9); return err == nil })
	if !page.Forked || page.Fork != chat.At(1, 5) || len(page.Messages) != 1 || page.Messages[0].Pos != chat.At(2, 6) {
		t.Errorf("%+v", page)
	}
}

// alone lets a promoted mirror commit without one.
func alone(t *testing.T, conn string) {
	t.Helper()
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = ''`, `SELECT pg_reload_conf()`} {
		c, err := pgx.Connect(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		c.Close(t.Context())
	}
}

func TestMigrationsObeyTheGate(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	fresh, conn := server.ConnString("postgres"), server.Database(t)
	migrate := func(ctx context.Context, conn string) error {
		config := func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(conn) }
		return pg.Migrate(ctx, config, gate.Await("home"), slog.New(slog.DiscardHandler))
	}
	if err := migrate(t.Context(), fresh); err != nil {
		t.Errorf("a new database: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := migrate(ctx, conn); err == nil {
		t.Error("a database that nobody was activated for is migrated")
	}
	a := start(t, "home", "a", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	if err := migrate(t.Context(), conn); err != nil {
		t.Errorf("a database with an activated server: %v", err)
	}
	if _, err := a.gate.Quiesce(t.Context(), 1); err != nil {
		t.Errorf("the migration has left the epoch locked: %v", err)
	}
}

// fixed is a gate that has heard of nothing new.
type fixed int64

func (f fixed) Pass() (pg.Pass, error) { return pg.Pass{Epoch: int64(f)}, nil }
func (f fixed) Holds(pg.Pass) bool     { return true }

// open runs a store behind a gate of the test's own.
func open(t *testing.T, name, conn string, g pg.Gate) *pod {
	t.Helper()
	p := &pod{t: t}
	var err error
	p.Store, err = pg.Open(pg.Options{Config: func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(conn) }, Pod: name, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p.Obey(g)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return p
}

// The check in the transaction: a server whose gate is late is refused, from the moment that the new epoch is there.
func TestTheDatabaseRefusesALateServer(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := start(t, "home", "a", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	late := open(t, "late", conn, fixed(1))
	var writers sync.WaitGroup
	var acknowledged sync.Map
	for n := range 8 {
		writers.Go(func() { writer(late, room, n+1, &acknowledged) })
	}
	eventually(t, "there is load", func() bool { return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`) > 100 })
	a.record(3, "home")
	a.mustActivate(adminapi.Opening{Epoch: 3, Site: "home"})
	writers.Wait()
	acked := int64(0)
	acknowledged.Range(func(any, any) bool { acked++; return true })
	if n := pgtest.Scalar[int64](t, conn, `SELECT count(*) FROM message WHERE epoch = 1`); n != acked {
		t.Errorf("%d messages stored in epoch 1, %d acknowledged", n, acked)
	}
	// Where the room was when the epoch began is where the old one ended.
	if n := pgtest.Scalar[int64](t, conn, `SELECT seq FROM epoch_room WHERE epoch = 3`); n != acked {
		t.Errorf("the fork is at %d, the old epoch ended at %d", n, acked)
	}
	if r := a.mustPost(draft(room, 1)); r.Message.Pos != chat.At(3, acked+1) {
		t.Errorf("position %s: want 3/%d", r.Message.Pos, acked+1)
	}
	if err := late.makeRoom(new(chat.ID)); !chat.Is(err, chat.Unavailable) {
		t.Errorf("a late server changed the catalog: %v", err)
	}
}

// sleepy is a gate of a process that stands still while a post's transaction is under way.
type sleepy struct {
	fixed
	awake atomic.Int64 // how often Holds is true yet
}

func (s *sleepy) Holds(pg.Pass) bool { return s.awake.Add(-1) >= 0 }

// A post that was stored by a process that stood still meanwhile is not acknowledged; sent again it is the same.
func TestAStandstillDuringACommitLeavesThePostInDoubt(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := start(t, "home", "a", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	room := a.room()
	s := &sleepy{fixed: 1}
	s.awake.Store(1) // at the check before the commit
	slow := open(t, "slow", conn, s)
	if r := slow.post(draft(room, 1)); !chat.Is(r.Err, chat.Unavailable) {
		t.Fatalf("%+v", r)
	}
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`); n != 1 {
		t.Fatalf("%d messages: want 1", n)
	}
	if r := slow.post(draft(room, 2)); !chat.Is(r.Err, chat.Unavailable) {
		t.Fatalf("%+v", r)
	}
	if r := a.mustPost(draft(room, 1)); !r.Duplicate || r.Message.Pos != chat.At(1, 1) {
		t.Errorf("sent again: %+v", r)
	}
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`); n != 1 {
		t.Errorf("%d messages: the check before the commit let one through", n)
	}
}
