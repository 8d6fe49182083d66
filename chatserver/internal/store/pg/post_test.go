package pg_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

func TestAPostIsStoredDeliveredAndRead(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	p := run(t, "a", conn, nil)
	r := p.rooms(1)[0]
	d := draft(r.ID, alice, 1)
	d.Alert, d.RTF = true, `{\rtf1 hello}`
	got := result(t, p.post(d, r.Version))
	if got.Err != nil || got.Duplicate {
		t.Fatalf("%+v", got)
	}
	want := chat.Message{Room: r.ID, Pos: chat.At(1, 1), Author: alice, AuthorName: "alice", At: got.Message.At, Alert: true, Text: d.Text, RTF: d.RTF}
	if diff := cmp.Diff(want, got.Message); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff([]chat.Message{want}, p.history(r.ID)); diff != "" {
		t.Fatal(diff)
	}
	eventually(t, "delivered", func() bool { return len(p.deliveredIn(r.ID)) == 1 })
	heads, err := p.Heads(t.Context(), []chat.ID{r.ID, "00000000-0000-7000-8000-000000000000", "nonsense"})
	if diff := cmp.Diff(map[chat.ID]chat.Position{r.ID: want.Pos}, heads); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
}

func TestEachPostOfABatchHasItsOwnOutcome(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	p := run(t, "a", conn, nil)
	rs := p.rooms(2)
	r, other := rs[0], rs[1]
	p.mustPost(draft(r.ID, alice, 1), r.Version)
	release := hold(t, conn, r.ID) // so that all that follow are one batch, behind the first
	first := p.post(draft(r.ID, bob, 0), r.Version)
	posts := map[string]chan chatResult{}
	bad := draft(r.ID, alice, 3)
	bad.Name = "nul \x00 byte"
	huge := draft(r.ID, chat.Principal("sip:"+strings.Repeat("x", 9000)+random(9000)+"@example.com"), 1)
	for name, d := range map[string]chat.Draft{
		"stored before": draft(r.ID, alice, 1), "new": draft(r.ID, alice, 2), "the same again": draft(r.ID, alice, 2), "not for a text column": bad,
		"too large for the index": huge, "no such room": draft("0190a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b", alice, 1), "no room at all": draft("x", alice, 1),
		"another room": draft(other.ID, alice, 1),
	} {
		posts[name] = p.post(d, 1)
	}
	posts["stale version"] = p.post(draft(r.ID, alice, 4), r.Version-1)
	release()
	if got := result(t, first); got.Err != nil {
		t.Fatal(got.Err)
	}
	for name, want := range map[string]struct {
		kind      chat.Kind
		duplicate bool
	}{
		"stored before": {duplicate: true}, "not for a text column": {kind: chat.Invalid}, "too large for the index": {kind: chat.Invalid},
		"no such room": {kind: chat.NotFound}, "no room at all": {kind: chat.NotFound}, "another room": {}, "stale version": {kind: chat.Conflict},
	} {
		got := result(t, posts[name])
		if want.kind != "" && !chat.Is(got.Err, want.kind) || want.kind == "" && got.Err != nil || got.Duplicate != want.duplicate {
			t.Errorf("%s: %+v", name, got)
		}
		if errors.Is(got.Err, errStale) != (name == "stale version") {
			t.Errorf("%s: stale? %v", name, got.Err)
		}
	}
	once, again := result(t, posts["new"]), result(t, posts["the same again"])
	if once.Err != nil || again.Err != nil || once.Duplicate == again.Duplicate || once.Message.Pos != again.Message.Pos {
		t.Errorf("new %+v, again %+v", once, again)
	}
	ms := p.history(r.ID)
	noGaps(t, ms)
	if len(ms) != 3 {
		t.Errorf("%d messages: want alice 1, bob 0, alice 2", len(ms))
	}
	noGaps(t, p.history(other.ID))
	for name, c := range posts {
		if len(c) != 0 {
			t.Errorf("%s: answered twice", name)
		}
	}
}

func random(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}

// hold locks a room's row as another pod would.
func hold(t testing.TB, conn string, r chat.ID) (release func()) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Exec(t.Context(), "begin"); err == nil {
		_, err = c.Exec(t.Context(), `SELECT FROM room_seq WHERE room_id = $1::text::uuid FOR NO KEY UPDATE`, string(r))
	}
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	release = func() { once.Do(func() { c.Close(context.Background()) }) }
	t.Cleanup(release)
	return release
}

func TestALockedRoomHoldsUpNoOtherForLong(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	p := run(t, "a", conn, nil)
	rs := p.rooms(6)
	release := hold(t, conn, rs[0].ID)
	var held, free []chan chatResult
	for i, r := range rs { // one after the other in room order: some share a batch with the locked room
		for n := range 3 {
			c := p.post(draft(r.ID, alice, n), r.Version)
			if i == 0 {
				held = append(held, c)
			} else {
				free = append(free, c)
			}
		}
	}
	for _, c := range free {
		if r := result(t, c); r.Err != nil {
			t.Error(r.Err)
		}
	}
	for _, c := range held {
		if r := result(t, c); !chat.Is(r.Err, chat.Unavailable) {
			t.Errorf("in the locked room: %+v", r)
		}
	}
	release()
	p.mustPost(draft(rs[0].ID, alice, 0), rs[0].Version)
	noGaps(t, p.history(rs[0].ID))
}

func TestTwoPodsPostToTheSameRoomsInOppositeOrders(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := run(t, "a", conn, nil), run(t, "b", conn, nil)
	rs := a.rooms(12)
	back := slices.Clone(rs)
	slices.Reverse(back)
	const rounds = 60
	var wg sync.WaitGroup
	flood := func(p *pod, author chat.Principal, rooms []chat.Room) {
		for n := range rounds {
			var cs []chan chatResult
			for _, r := range rooms {
				cs = append(cs, p.post(draft(r.ID, author, n), r.Version))
			}
			for _, c := range cs {
				if r := result(t, c); r.Err != nil {
					t.Error(r.Err)
				}
			}
		}
	}
	for i := range 3 {
		wg.Go(func() { flood(a, chat.Principal(fmt.Sprintf("sip:a%d@example.com", i)), rs) })
		wg.Go(func() { flood(b, chat.Principal(fmt.Sprintf("sip:b%d@example.com", i)), back) })
	}
	wg.Wait()
	for _, r := range rs {
		ms := a.history(r.ID)
		noGaps(t, ms)
		if len(ms) != 6*rounds {
			t.Errorf("%d messages: want %d", len(ms), 6*rounds)
		}
		inOrder(t, ms, a.deliveredIn(r.ID), b.deliveredIn(r.ID))
	}
	if n := pgtest.Scalar[int64](t, conn, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// inOrder checks that pods delivered their own messages in order, and together all of them.
func inOrder(t *testing.T, all []chat.Message, parts ...[]chat.Message) {
	t.Helper()
	var joined []chat.Message
	byPos := func(x, y chat.Message) int { return int(x.Pos - y.Pos) }
	for _, part := range parts {
		if !slices.IsSortedFunc(part, byPos) {
			t.Error("delivered out of order")
		}
		joined = append(joined, part...)
	}
	slices.SortFunc(joined, byPos)
	if diff := cmp.Diff(all, joined); diff != "" {
		t.Errorf("stored and delivered differ:\n%s", diff)
	}
}

func TestAFullQueueRefusesAtOnceAndTheEndRefusesTheRest(t *testing.T) {
	t.Parallel()
	p := run(t, "a", "host=/nowhere/at/all user=nobody", nil) // nothing leaves the queue
	const n = 6000
	results := make(chan chatResult, n)
	post := func(i int) {
		p.Post(draft("0190a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b", alice, i), 1, true, func(r chatResult) { results <- r })
	}
	refused := func() {
		t.Helper()
		if r := result(t, results); !chat.Is(r.Err, chat.Unavailable) {
			t.Fatalf("%+v", r)
		}
	}
	for i := range n {
		post(i)
	}
	refused()
	p.stop()
	for range n - 1 {
		refused()
	}
	post(1)
	refused()
}

func TestWithoutHistoryMessagesAreReadForAMinuteOnly(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	p := run(t, "a", conn, nil)
	r := p.rooms(1)[0]
	results := make(chan chatResult, 1)
	p.Post(draft(r.ID, alice, 1), r.Version, false, func(r chatResult) { results <- r })
	if got := result(t, results); got.Err != nil || got.Message.Text == "" {
		t.Fatalf("%+v", got)
	}
	p.mustPost(draft(r.ID, alice, 2), r.Version)
	if ms := p.history(r.ID); len(ms) != 2 {
		t.Fatalf("other pods can deliver %d messages: want 2", len(ms))
	}
	if ms, err := p.Last(t.Context(), r.ID, 0, 10); len(ms) != 1 || err != nil || ms[0].Pos != chat.At(1, 2) {
		t.Fatalf("history has %+v, %v: want the second one", ms, err)
	}
	pgtest.Scalar[int](t, conn, `UPDATE message SET at = at - interval '61 s' WHERE seq = 1 RETURNING 1`)
	if ms := p.history(r.ID); len(ms) != 1 {
		t.Fatalf("%d messages after a minute: want 1", len(ms))
	}
	eventually(t, "the text is forgotten", func() bool {
		return pgtest.Scalar[bool](t, conn, `SELECT text IS NULL FROM message WHERE seq = 1`)
	})
	if got := result(t, p.post(draft(r.ID, alice, 1), r.Version)); !got.Duplicate || got.Message.Pos != chat.At(1, 1) {
		t.Fatalf("sent again: %+v", got)
	}
}

func TestLastGivesTheNewestUpToAPosition(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	r := p.rooms(1)[0]
	for n := range 10 {
		p.mustPost(draft(r.ID, alice, n), r.Version)
	}
	for name, c := range map[string]struct {
		upTo chat.Position
		n    int
		want []int64
	}{
		"the newest":                  {0, 3, []int64{8, 9, 10}},
		"up to one in the middle":     {chat.At(1, 5), 2, []int64{4, 5}},
		"more than there are":         {chat.At(1, 2), 9, []int64{1, 2}},
		"of an epoch that is to come": {chat.At(7, 0), 1, []int64{10}},
	} {
		ms, err := p.Last(t.Context(), r.ID, c.upTo, c.n)
		var got []int64
		for _, m := range ms {
			got = append(got, m.Pos.Seq())
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %s%v", name, diff, err)
		}
	}
}

func TestANewEpochGoesOnWhereTheOldOneEnded(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	p := run(t, "a", conn, nil)
	r := p.rooms(1)[0]
	p.mustPost(draft(r.ID, alice, 1), r.Version)
	pgtest.Scalar[int](t, conn, `INSERT INTO epoch (epoch, site) VALUES (2, 'backup') RETURNING 1`)
	if m := p.mustPost(draft(r.ID, alice, 2), r.Version); m.Pos != chat.At(2, 2) {
		t.Fatalf("position %s: want 2/2", m.Pos)
	}
	if ms := p.history(r.ID); len(ms) != 2 || ms[0].Pos != chat.At(1, 1) {
		t.Fatalf("%+v", ms)
	}
}
