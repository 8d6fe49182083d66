package salvage

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

const (
	alice    = chat.Principal("sip:alice@example.test")
	bob      = chat.Principal("sip:bob@example.test")
	patience = 60 * time.Second
)

// right is the right to write in an epoch; 0: none.
type right struct{ epoch atomic.Int64 }

func (r *right) Pass() (pg.Pass, error) {
	if e := r.epoch.Load(); e > 0 {
		return pg.Pass{Epoch: e}, nil
	}
	return pg.Pass{}, chat.Errorf(chat.Unavailable, "not activated")
}

func (r *right) Holds(pg.Pass) bool { return true }

// pod is a server's store and salvager.
type pod struct {
	*pg.Store
	t      testing.TB
	right  *right
	salvor *Salvager
	stop   func()
	heads  chan pg.Hint
}

func start(t testing.TB, name, conn string, epoch int64) *pod {
	t.Helper()
	s, err := pg.Open(pg.Options{
		Config: func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(conn) }, Pod: name, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{Store: s, t: t, right: &right{}, heads: make(chan pg.Hint, 10000)}
	p.right.epoch.Store(epoch)
	s.Obey(p.right)
	s.OnHint(func(h pg.Hint) {
		if h.Kind == pg.HintMessage {
			select {
			case p.heads <- h:
			default:
			}
		}
	})
	p.salvor = New(Options{Store: s, Groups: func(chat.Principal) []chat.Principal { return nil },
		Active: func() bool { return p.right.epoch.Load() > 0 }, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 2)
	go func() { _ = s.Run(ctx); ended <- struct{}{} }()
	go func() { _ = p.salvor.Run(ctx); ended <- struct{}{} }()
	stopped := false
	p.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-ended
			<-ended
		}
	}
	t.Cleanup(p.stop)
	return p
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for begin := time.Now(); !f(); {
		if time.Since(begin) > patience {
			t.Fatalf("%s: not within %s", what, patience)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func categoryNamed(name string) chat.Category {
	return chat.Category{Name: name, Allowed: []chat.Principal{"domain:example.test"}, ChatHistory: true}
}

func (p *pod) category(name string) {
	p.t.Helper()
	eventually(p.t, "category "+name, func() bool {
		_, err := p.PutCategory(p.t.Context(), "ns/"+name, categoryNamed(name), "", nil)
		if err != nil && !chat.Is(err, chat.Unavailable) {
			p.t.Fatal(err)
		}
		return err == nil
	})
}

func (p *pod) room(category, name string) chat.Room {
	p.t.Helper()
	r, err := p.PutRoom(p.t.Context(), "ns/"+name, "ns/"+category, chat.Room{Name: name, Members: []chat.Principal{alice, bob}, Privacy: chat.Closed,
		Type: chat.Normal, Invitations: chat.Inherit}, "", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Room
}

func draftOf(r chat.Room, n int) chat.Draft {
	return chat.Draft{Room: r.ID, Author: alice, Name: "Alice", Endpoint: "x", Envelope: fmt.Sprint(n), Stamp: "s", Text: fmt.Sprintf("post %d", n),
		RTF: strings.Repeat("r", n%2), Alert: n%3 == 0}
}

// post posts drafts, one after the other is queued, and waits for all.
func (p *pod) post(r chat.Room, keep bool, numbers ...int) []chat.Position {
	p.t.Helper()
	results := make(chan pg.PostResult, len(numbers))
	for _, n := range numbers {
		p.Post(draftOf(r, n), r.Version, keep, func(res pg.PostResult) { results <- res })
	}
	var at []chat.Position
	for range numbers {
		select {
		case res := <-results:
			if res.Err != nil {
				p.t.Fatal(res.Err)
			}
			at = append(at, res.Message.Pos)
		case <-time.After(patience):
			p.t.Fatal("a post has no outcome")
		}
	}
	return at
}

func numbers(from, n int) []int {
	var out []int
	for i := range n {
		out = append(out, from+i)
	}
	return out
}

// fork is a pair of servers: the mirror's copy was promoted, the primary went on, and then was made to take no writes.
type fork struct {
	t      testing.TB
	server *pgtest.Server
}

func sql(t testing.TB, conn, text string, args ...any) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// newFork makes databases that before fills, on the site that is lost; then the other site is promoted, and after adds to the first.
func newFork(t testing.TB, count int, before, after func(n int, p *pod, conn string)) (f *fork, conns []string) {
	t.Helper()
	f = &fork{t: t, server: pgtest.Start(t, pgtest.Options{Mirror: true})}
	sql(t, f.server.ConnString("postgres"), `ALTER SYSTEM SET synchronous_standby_names = ''`)
	sql(t, f.server.ConnString("postgres"), `SELECT pg_reload_conf()`)
	var pods []*pod
	for n := range count {
		conn := f.server.Database(t)
		pgtest.TellTimelines(t, conn)
		p := start(t, "a", conn, 1)
		before(n, p, conn)
		conns, pods = append(conns, conn), append(pods, p)
	}
	end := pgtest.Scalar[string](t, f.server.ConnString("postgres"), `SELECT pg_current_wal_flush_lsn()::text`)
	eventually(t, "the other site has all", func() bool {
		return pgtest.Scalar[bool](t, f.home(f.server.ConnString("postgres")), `SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn`, end)
	})
	if err := f.server.Promote(); err != nil {
		t.Fatal(err)
	}
	sql(t, f.home(f.server.ConnString("postgres")), `ALTER SYSTEM SET synchronous_standby_names = ''`)
	sql(t, f.home(f.server.ConnString("postgres")), `SELECT pg_reload_conf()`)
	for n, p := range pods {
		after(n, p, conns[n])
		p.stop()
	}
	if err := f.server.Demote(); err != nil {
		t.Fatal(err)
	}
	return f, conns
}

// home is how to reach the active site's copy of a database.
func (f *fork) home(conn string) string { return f.server.PromotedConnString(conn) }

// record makes the active site's database one of epoch 2.
func (f *fork) record(p *pod) {
	f.t.Helper()
	eventually(f.t, "epoch 2", func() bool {
		return p.RecordEpoch(context.Background(), adminapi.Recording{Epoch: 2, Site: "backup", Timeline: 1}) == nil
	})
}

// salvaging is the request for a database, with the tail that its server tells.
func (f *fork) salvaging(conn string) adminapi.Salvaging {
	f.t.Helper()
	p := start(f.t, "there", conn, 0)
	defer p.stop()
	var facts *adminapi.DatabaseFacts
	eventually(f.t, "the overtaken database tells what it is like", func() bool {
		var err error
		facts, err = p.Facts(context.Background())
		return err == nil && facts.ReplayedLSN != nil && facts.Timeline != nil
	})
	end := *facts.ReplayedLSN
	if facts.ReceivedLSN != nil {
		end = max(end, *facts.ReceivedLSN)
	}
	c, err := pgx.ParseConfig(conn)
	if err != nil {
		f.t.Fatal(err)
	}
	return adminapi.Salvaging{Tail: adminapi.Tail{Epoch: facts.Epochs[0].Epoch, Timeline: *facts.Timeline, LSN: end}, Site: "home", Host: c.Host, Port: int(c.Port)}
}

// salvage asks until it is done.
func (p *pod) salvage(in adminapi.Salvaging) adminapi.Salvage {
	p.t.Helper()
	var out adminapi.Salvage
	var err error
	for begin := time.Now(); ; {
		out, err = p.salvor.Salvage(context.Background(), in)
		if err == nil && out.State == adminapi.SalvageDone {
			return out
		}
		if time.Since(begin) > patience {
			p.t.Fatalf("not done: %+v, %v", out, err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// row is what a test looks at of a message.
type row struct {
	Pos, Origin    chat.Position
	Author, Name   string
	Envelope, Text string
	RTF            string
	At             time.Time
	Alert, Kept    bool
}

func history(t testing.TB, conn string, room chat.ID) []row {
	t.Helper()
	c, err := pgx.Connect(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	rows, err := c.Query(context.Background(), `SELECT epoch, seq, coalesce(origin_epoch, 0), coalesce(origin_seq, 0), author, author_name, envelope,
coalesce(text, ''), coalesce(rtf, ''), at, alert, kept FROM message WHERE room_id = $1 ORDER BY epoch, seq`, string(room))
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
		var m row
		var a, b, c, d int64
		err := r.Scan(&a, &b, &c, &d, &m.Author, &m.Name, &m.Envelope, &m.Text, &m.RTF, &m.At, &m.Alert, &m.Kept)
		m.Pos, m.Origin = chat.At(a, b), chat.At(c, d)
		return m, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
