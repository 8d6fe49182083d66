package pg_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

func (p *pod) join(r chat.ID, user chat.Principal, name, endpoint string) {
	p.t.Helper()
	if err := p.Join(p.t.Context(), r, pg.Participant{User: user, Name: name, Endpoint: endpoint}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pod) leave(r chat.ID, user chat.Principal, endpoint string) {
	p.t.Helper()
	if err := p.Leave(p.t.Context(), r, user, endpoint); err != nil {
		p.t.Fatal(err)
	}
}

// presence reads who is in a room.
func (p *pod) presence(r chat.ID) pg.RoomPresence {
	p.t.Helper()
	m, err := p.Presence(p.t.Context(), map[chat.ID]int64{r: -1}, 100)
	if err != nil {
		p.t.Fatal(err)
	}
	return m[r]
}

func TestPresenceCountsUsersAndItsRevisionChangesWithThem(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := run(t, "a", conn, nil), run(t, "b", conn, nil)
	r := a.rooms(1)[0].ID
	steps := []struct {
		name    string
		do      func()
		visible bool
		want    []pg.Participant
	}{
		{"alice comes", func() { a.join(r, alice, "Alice", "pc") }, true, []pg.Participant{{User: alice, Name: "Alice"}}},
		{"with a second device", func() { b.join(r, alice, "Alice", "phone") }, false, []pg.Participant{{User: alice, Name: "Alice"}}},
		{"again", func() { a.join(r, alice, "Alice", "pc") }, false, []pg.Participant{{User: alice, Name: "Alice"}}},
		{"with another name", func() { a.join(r, alice, "Dr. Alice", "pc") }, true, []pg.Participant{{User: alice, Name: "Dr. Alice"}}},
		{"bob comes", func() { b.join(r, bob, "Bob", "pc") }, true, []pg.Participant{{User: alice, Name: "Dr. Alice"}, {User: bob, Name: "Bob"}}},
		{"alice's phone leaves", func() { b.leave(r, alice, "phone") }, false, []pg.Participant{{User: alice, Name: "Dr. Alice"}, {User: bob, Name: "Bob"}}},
		{"alice leaves", func() { b.leave(r, alice, "pc") }, true, []pg.Participant{{User: bob, Name: "Bob"}}},
		{"alice leaves again", func() { b.leave(r, alice, "pc") }, false, []pg.Participant{{User: bob, Name: "Bob"}}},
		{"bob leaves", func() { b.leave(r, bob, "pc") }, true, nil},
	}
	var last int64
	for _, s := range steps {
		s.do()
		got := a.presence(r)
		if diff := cmp.Diff(s.want, got.Participants); diff != "" || got.Count != len(s.want) {
			t.Errorf("%s: count %d %s", s.name, got.Count, diff)
		}
		if (got.Revision != last) != s.visible {
			t.Errorf("%s: revision %d after %d: visible should be %t", s.name, got.Revision, last, s.visible)
		}
		last = got.Revision
	}
	if m, err := a.Presence(t.Context(), map[chat.ID]int64{r: last}, 100); len(m) != 0 || err != nil {
		t.Errorf("unchanged: %v %v", m, err)
	}
}

func TestAboveTheLimitParticipantsAreOnlyCounted(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	rs := p.rooms(2)
	p.join(rs[0].ID, alice, "Alice", "pc")
	p.join(rs[1].ID, alice, "Alice", "pc")
	p.join(rs[1].ID, bob, "Bob", "pc")
	m, err := p.Presence(t.Context(), map[chat.ID]int64{rs[0].ID: 0, rs[1].ID: 0}, 1)
	if err != nil || len(m[rs[0].ID].Participants) != 1 || m[rs[1].ID].Participants != nil || m[rs[1].ID].Count != 2 {
		t.Errorf("%+v %v", m, err)
	}
}

func TestAReturningEndpointFindsItsRoomsOnAnotherPod(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := run(t, "a", conn, nil), run(t, "b", conn, nil)
	rs := a.rooms(3)
	a.join(rs[2].ID, alice, "Alice", "pc")
	a.join(rs[0].ID, alice, "Alice", "pc")
	a.join(rs[1].ID, alice, "Alice", "phone")
	before := b.presence(rs[0].ID)
	a.Detach(alice, "pc")
	detached := func(want int) func() bool {
		return func() bool {
			return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM participant WHERE detached_at IS NOT NULL`) == want
		}
	}
	eventually(t, "detached", detached(2))
	found, err := b.Rooms(t.Context(), alice, "pc")
	if diff := cmp.Diff([]chat.ID{rs[2].ID, rs[0].ID}, found); diff != "" || err != nil {
		t.Error(diff, err)
	}
	b.join(rs[0].ID, alice, "Alice", "pc")
	if after := b.presence(rs[0].ID); after.Revision != before.Revision {
		t.Error("others saw her go and come")
	}
	a.Detach(alice, "pc") // late word of the connection that she had before
	a.Detach(alice, "phone")
	eventually(t, "only what was on the old pod is detached", detached(2))
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM participant WHERE endpoint = 'pc' AND detached_at IS NULL`); n != 1 {
		t.Errorf("%d rooms attached: want the one she joined again", n)
	}
	pgtest.Scalar[int](t, conn, `WITH u AS (UPDATE participant SET detached_at = detached_at - interval '61 s' RETURNING 1) SELECT count(*) FROM u`)
	eventually(t, "who stayed away is out", func() bool { return a.presence(rs[1].ID).Count == 0 && a.presence(rs[2].ID).Count == 0 })
	if a.presence(rs[0].ID).Count != 1 {
		t.Error("who came back is out")
	}
	eventually(t, "the other pod got a hint", func() bool {
		return a.heard(func(h pg.Hint) bool { return h.Kind == pg.HintPresence && h.Room == rs[2].ID })() ||
			b.heard(func(h pg.Hint) bool { return h.Kind == pg.HintPresence && h.Room == rs[2].ID })()
	})
}

func TestParticipantsOfALostPodAreDetachedAndOfALivingOneWrittenAgain(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := run(t, "a", conn, nil)
	r := a.rooms(1)[0].ID
	a.join(r, alice, "Alice", "pc")
	pgtest.Scalar[int](t, conn, `INSERT INTO pod VALUES ('lost/1', now() - interval '16 s') RETURNING 1`)
	pgtest.Scalar[int](t, conn, `INSERT INTO participant SELECT room_id, 'sip:bob@example.com', 'pc', 'Bob', 'lost/1', 1, now() FROM participant RETURNING 1`)
	eventually(t, "bob is detached", func() bool {
		return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM participant WHERE detached_at IS NOT NULL AND name = 'Bob'`) == 1
	})
	pgtest.Scalar[int](t, conn, `WITH d AS (DELETE FROM participant RETURNING 1) SELECT count(*) FROM d`) // as a failover may lose them
	pgtest.Scalar[bool](t, conn, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'a/witness'`)
	eventually(t, "alice is there again after the witness's connection was lost", func() bool { return a.presence(r).Count == 1 })
	pgtest.Scalar[int](t, conn, `WITH d AS (DELETE FROM participant RETURNING 1), p AS (DELETE FROM pod) SELECT count(*) FROM d`)
	eventually(t, "alice is there again after the lease had ended", func() bool { return a.presence(r).Count == 1 })
	a.Detach(alice, "pc")
	eventually(t, "and can still be detached", func() bool {
		return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM participant WHERE detached_at IS NOT NULL`) == 1
	})
	if !a.Reachable() {
		t.Error("not reachable")
	}
}

func TestAStoppedPodGivesItsLeaseUp(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := run(t, "a", conn, nil)
	r := a.rooms(1)[0].ID
	a.join(r, alice, "Alice", "pc")
	a.stop()
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM participant WHERE detached_at IS NOT NULL`); n != 1 {
		t.Error("alice is not detached")
	}
	if n := pgtest.Scalar[int](t, conn, `SELECT count(*) FROM pod`); n != 0 {
		t.Errorf("%d pods left", n)
	}
}

func TestManyJoinLeaveAndDetachAtOnce(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := run(t, "a", conn, nil), run(t, "b", conn, nil)
	rs := a.rooms(3)
	var wg sync.WaitGroup
	for i := range 12 {
		p := []*pod{a, b}[i%2]
		user := chat.Principal("sip:u" + string(rune('a'+i)) + "@example.com")
		wg.Go(func() {
			for range 10 {
				for _, r := range rs {
					p.join(r.ID, user, "U", "pc")
				}
				p.leave(rs[1].ID, user, "pc")
				p.Detach(user, "pc")
			}
			p.join(rs[0].ID, user, "U", "pc")
		})
	}
	wg.Wait()
	eventually(t, "everybody is attached where he joined last, and detached elsewhere", func() bool {
		return pgtest.Scalar[string](t, conn, `SELECT string_agg(n || '/' || d, ' ') FROM (SELECT count(*) AS n, count(detached_at) AS d
			FROM participant GROUP BY room_id ORDER BY room_id) x`) == "12/0 12/12"
	})
	if n := pgtest.Scalar[int64](t, conn, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}
