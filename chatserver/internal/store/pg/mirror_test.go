package pg_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// waiting counts the commits that wait for the mirror.
func waiting(t testing.TB, conn string) int {
	return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
}

// mirrored gives two pods on a server with a mirror, and a room.
func mirrored(t testing.TB) (server *pgtest.Server, conn string, a, b *pod, r chat.Room) {
	server = pgtest.Start(t, pgtest.Options{Mirror: true})
	conn = server.Database(t)
	a, b = run(t, "a", conn, nil), run(t, "b", conn, nil)
	r = a.rooms(1)[0]
	a.mustPost(draft(r.ID, alice, 0), r.Version)
	b.mustPost(draft(r.ID, bob, 0), r.Version)
	a.history(r.ID)
	b.history(r.ID)
	return server, conn, a, b, r
}

// unreadable checks that nobody reads messages or the catalog now, in any way.
func unreadable(t *testing.T, r chat.ID, pods ...*pod) {
	t.Helper()
	errs := make(chan error)
	for _, p := range pods {
		for _, read := range []func() error{
			func() error { _, err := p.Heads(t.Context(), []chat.ID{r}); return err },
			func() error { _, err := p.After(t.Context(), r, 0, 10); return err },
			func() error { _, err := p.Last(t.Context(), r, 0, 10); return err },
			func() error { _, err := p.Catalog(t.Context(), 0); return err },
		} {
			go func() { errs <- read() }()
		}
	}
	for range 4 * len(pods) {
		if err := <-errs; !chat.Is(err, chat.Unavailable) {
			t.Errorf("readable without proof: %v", err)
		}
	}
}

func TestNothingIsAcknowledgedOrReadThatTheMirrorDoesNotHave(t *testing.T) {
	t.Parallel()
	server, conn, a, b, r := mirrored(t)
	server.Freeze(t)
	post := a.post(draft(r.ID, alice, 1), r.Version)
	eventually(t, "the commit waits", func() bool { return waiting(t, conn) == 1 })
	if heads, err := b.Heads(t.Context(), []chat.ID{r.ID}); err != nil || heads[r.ID] != chat.At(1, 2) {
		t.Fatalf("heads %v, %v: want 1/2", heads, err)
	}
	if err := b.Join(t.Context(), r.ID, pg.Participant{User: bob, Name: "Bob", Endpoint: "x"}); err != nil {
		t.Fatalf("join without the mirror: %v", err)
	}
	if len(post) > 0 || len(a.deliveredIn(r.ID)) != 1 {
		t.Fatal("acknowledged or delivered before the mirror has it")
	}
	server.Thaw(t)
	if got := result(t, post); got.Err != nil || got.Message.Pos != chat.At(1, 3) {
		t.Fatalf("%+v", got)
	}
	eventually(t, "delivered", func() bool { return len(a.deliveredIn(r.ID)) == 2 })
}

func TestACancelledWaitForTheMirrorIsNoAcknowledgement(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		t.Run(how, func(t *testing.T) {
			server, conn, a, b, r := mirrored(t)
			server.Freeze(t)
			post := a.post(draft(r.ID, alice, 1), r.Version)
			eventually(t, "the commit waits", func() bool { return waiting(t, conn) == 1 })
			pgtest.Scalar[bool](t, conn, `SELECT `+how+`(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
			if got := result(t, post); !chat.Is(got.Err, chat.Unavailable) {
				t.Fatalf("%+v", got)
			}
			eventually(t, "both witnesses wait", func() bool { return waiting(t, conn) == 2 })
			if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`); n != 3 {
				t.Fatalf("%d rows: PostgreSQL should have committed on the primary alone", n)
			}
			unreadable(t, r.ID, a, b)
			if doubts, proven := a.figure("chatpool_store_doubtful_commits_total"), a.figure("chatpool_store_proven"); doubts != 1 || proven != 0 {
				t.Errorf("%v doubts, proven %v: want 1 and 0", doubts, proven)
			}

			again := a.post(draft(r.ID, alice, 1), r.Version)
			eventually(t, "the duplicate's commit waits as well", func() bool { return waiting(t, conn) == 3 })
			if len(again) > 0 {
				t.Fatal("a duplicate was acknowledged that the mirror does not have")
			}
			server.Thaw(t)
			if got := result(t, again); got.Err != nil || !got.Duplicate || got.Message.Pos != chat.At(1, 3) {
				t.Fatalf("%+v", got)
			}
			for _, p := range []*pod{a, b} {
				if ms := p.history(r.ID); len(ms) != 3 {
					t.Fatalf("%d messages: want 3", len(ms))
				}
			}
			if a.figure("chatpool_store_proven") != 1 || a.figure("chatpool_store_posts_total") != 3 || a.figure("chatpool_store_commit_seconds") == 0 {
				t.Error("the figures do not say what happened")
			}
			if n := len(a.deliveredIn(r.ID)); n != 1 {
				t.Fatalf("%d messages delivered: that one is to be found by reading", n)
			}
		})
	}
}

func TestAfterACrashNothingIsReadUntilTheMirrorHasIt(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]func(*pgtest.Server) error{
		"the server":                            (*pgtest.Server).Restart,
		"one process, under a living first one": (*pgtest.Server).KillBackend,
	} {
		t.Run(name, func(t *testing.T) {
			server, conn, a, b, r := mirrored(t)
			if err := server.StopMirror(); err != nil {
				t.Fatal(err)
			}
			post := a.post(draft(r.ID, alice, 1), r.Version)
			eventually(t, "the commit waits", func() bool { return waiting(t, conn) == 1 })
			if err := crash(server); err != nil {
				t.Fatal(err)
			}
			if got := result(t, post); !chat.Is(got.Err, chat.Unavailable) {
				t.Fatalf("%+v", got)
			}
			eventually(t, "the server is back and both witnesses wait", func() bool {
				c, err := pgx.Connect(t.Context(), conn)
				if err != nil {
					return false
				}
				defer c.Close(t.Context())
				n := 0
				err = c.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`).Scan(&n)
				return err == nil && n == 2
			})
			if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`); n != 3 {
				t.Fatalf("%d rows: recovery should show the one that waited", n)
			}
			unreadable(t, r.ID, a, b)
			if err := server.StartMirror(); err != nil {
				t.Fatal(err)
			}
			if ms := b.history(r.ID); len(ms) != 3 {
				t.Fatalf("%d messages: want 3", len(ms))
			}
			if got := result(t, a.post(draft(r.ID, alice, 1), r.Version)); got.Err != nil || !got.Duplicate {
				t.Fatalf("sent again: %+v", got)
			}
		})
	}
}

func TestAPromotedMirrorIsReadOnlyWhenItHasAMirror(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{Mirror: true})
	old := server.Database(t)
	promoted := server.PromotedConnString(old)
	var target atomic.Pointer[string]
	target.Store(&old)
	a := run(t, "a", "", func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(*target.Load()) })
	r := a.rooms(1)[0]
	a.mustPost(draft(r.ID, alice, 1), r.Version)
	a.history(r.ID)
	if err := server.Promote(); err != nil {
		t.Fatal(err)
	}
	target.Store(&promoted)
	// The witness is on the old primary, which lives; the pool gets connections to the new one.
	pgtest.Scalar[int](t, old, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'a'`)
	eventually(t, "the witness moves to the promoted server and waits there", func() bool {
		_, err := a.Heads(t.Context(), []chat.ID{r.ID})
		if !chat.Is(err, chat.Unavailable) {
			t.Fatalf("read without proof: %v", err)
		}
		return waiting(t, promoted) == 1
	})
	unreadable(t, r.ID, a)
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = ''`, `SELECT pg_reload_conf()`} {
		c, err := pgx.Connect(t.Context(), promoted)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		c.Close(t.Context())
	}
	if ms := a.history(r.ID); len(ms) != 1 {
		t.Fatalf("%d messages: want 1", len(ms))
	}
	a.mustPost(draft(r.ID, alice, 2), r.Version)
}

// TestNothingIsLostDoubledOrOutOfOrder posts through two pods, each draft until it is acknowledged and now and then once
// more, while the primary crashes and the mirror stands still.
func TestNothingIsLostDoubledOrOutOfOrder(t *testing.T) {
	t.Parallel()
	server, _, a, b, _ := mirrored(t)
	rs := a.rooms(4)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); wg.Wait() })
	defer end()
	var acknowledged, again atomic.Int64
	for i := range 6 {
		c := client{t: t, pods: []*pod{a, b}, rooms: rs, author: chat.Principal(fmt.Sprintf("sip:c%d@example.com", i)),
			random: rand.New(rand.NewPCG(1, uint64(i))), again: &again}
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					c.post(n)
					acknowledged.Add(1)
				}
			}
		})
	}
	trouble(t, server)
	end()
	total := -2 // of mirrored
	for _, r := range rs {
		ms := a.history(r.ID)
		noGaps(t, ms)
		total += len(ms)
		for _, p := range []*pod{a, b} {
			var last chat.Position
			for _, m := range p.deliveredIn(r.ID) {
				if m.Text != ms[m.Pos.Seq()-1].Text || m.Pos <= last {
					t.Errorf("delivered %s %q after %s: not as stored, twice or out of order", m.Pos, m.Text, last)
				}
				last = m.Pos
			}
		}
	}
	if int(acknowledged.Load()) != total {
		t.Errorf("%d acknowledged, %d stored", acknowledged.Load(), total)
	}
	t.Logf("%d posts, %d tries more", total, again.Load())
}

// client posts like an impatient one: each draft until it is acknowledged, to either pod.
type client struct {
	t      *testing.T
	pods   []*pod
	rooms  []chat.Room
	author chat.Principal
	random *rand.Rand
	again  *atomic.Int64
}

func (c *client) post(n int) {
	d := draft(c.rooms[c.random.IntN(len(c.rooms))].ID, c.author, n)
	var late []chan pg.PostResult
	for stored := false; !stored; {
		answer := c.pods[c.random.IntN(2)].post(d, 1)
		select {
		case r := <-answer:
			stored = r.Err == nil
			if r.Err != nil && !chat.Is(r.Err, chat.Unavailable) {
				c.t.Errorf("post: %v", r.Err)
				return
			}
		case <-time.After(50 * time.Millisecond):
			late = append(late, answer)
		}
		if !stored {
			c.again.Add(1)
		}
	}
	for _, answer := range late {
		if r := result(c.t, answer); r.Err == nil && r.Message.Text != d.Text {
			c.t.Errorf("another's result: %+v", r)
		}
	}
}

// trouble freezes the mirror and lets the primary crash, three times each.
func trouble(t *testing.T, server *pgtest.Server) {
	t.Helper()
	for range 3 {
		server.Freeze(t)
		<-time.After(300 * time.Millisecond)
		server.Thaw(t)
		<-time.After(200 * time.Millisecond)
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		if err := server.AwaitMirror(); err != nil {
			t.Fatal(err)
		}
	}
}
