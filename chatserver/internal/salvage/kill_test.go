package salvage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// world is a pool that was moved by force: of each room, how many posts both sites have and how many only the lost one has. The last two rooms
// are only there, the last one in a category that is only there.
type world struct {
	rooms [5]chat.Room
	both  [5]int
	tail  [5]int
	conn  string
	in    adminapi.Salvaging
}

// Numbers of posts: from 0 those that both have, from tailFrom those that only the lost site has, from liveFrom those made after the move.
const (
	tailFrom  = 1000
	liveFrom  = 2000
	onlyThere = 3 // the first room that only the lost site has
)

var worlds = rapid.Custom(func(t *rapid.T) world {
	var w world
	for i := range w.rooms {
		if i < onlyThere {
			w.both[i] = rapid.IntRange(0, 12).Draw(t, "both")
		}
		w.tail[i] = rapid.IntRange(0, 30).Draw(t, "tail")
	}
	return w
})

// makeWorlds makes worlds on one pair of servers, each in a database of its own whose state after the move is kept as NAME_base.
func makeWorlds(t *testing.T, count int) (*fork, []world) {
	ws := make([]world, count)
	for n := range ws {
		ws[n] = worlds.Example(n)
	}
	f, conns := newFork(t, count, func(n int, p *pod, _ string) {
		p.category("Trading")
		for i := range onlyThere {
			ws[n].rooms[i] = p.room("Trading", fmt.Sprintf("Room %d", i))
			p.post(ws[n].rooms[i], true, numbers(0, ws[n].both[i])...)
		}
	}, func(n int, p *pod, _ string) {
		p.category("New")
		for i, category := range []string{"Trading", "New"} {
			ws[n].rooms[onlyThere+i] = p.room(category, fmt.Sprintf("Room %d", onlyThere+i))
		}
		for i, r := range ws[n].rooms {
			p.post(r, true, numbers(tailFrom, ws[n].tail[i])...)
		}
	})
	for n := range ws {
		ws[n].conn, ws[n].in = conns[n], f.salvaging(conns[n])
		p := start(t, "b", f.home(conns[n]), 2)
		f.record(p)
		p.stop()
		sql(t, f.admin(), `CREATE DATABASE `+ws[n].name()+`_base TEMPLATE `+ws[n].name())
	}
	return f, ws
}

func (f *fork) admin() string { return f.home(f.server.ConnString("postgres")) }

func (w *world) name() string {
	_, rest, _ := strings.Cut(w.conn, "dbname=")
	return strings.Fields(rest)[0]
}

// killer ends works at given steps, each one work.
type killer struct {
	mu    sync.Mutex
	after []int  // steps until the next kill
	kill  func() // what a kill is besides an error; nil: nothing
	kills int
}

var errKilled = errors.New("killed by the test")

func (k *killer) between(string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.after) == 0 {
		return nil
	}
	if k.after[0]--; k.after[0] >= 0 {
		return nil
	}
	k.after = k.after[1:]
	k.kills++
	if k.kill != nil {
		k.kill()
		return nil
	}
	return errKilled
}

// Whatever the tail is, wherever the work is killed, whatever is posted, sent again, made or removed meanwhile, and however many servers are asked:
// each post is there once, and in its place.
func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	f, ws := makeWorlds(t, 4)
	const enough = 20 * time.Second // as many as fit
	begin, runs := time.Now(), 0
	rapid.Check(t, func(rt *rapid.T) {
		if time.Since(begin) > enough {
			return
		}
		runs++
		f.one(t, rt, &ws[rapid.IntRange(0, len(ws)-1).Draw(rt, "world")])
	})
	t.Logf("%d runs", runs)
}

func (f *fork) one(t *testing.T, rt *rapid.T, w *world) {
	sql(t, f.admin(), `DROP DATABASE `+w.name()+` WITH (FORCE)`)
	sql(t, f.admin(), `CREATE DATABASE `+w.name()+` TEMPLATE `+w.name()+`_base`)
	home := f.home(w.conn)
	k := &killer{after: rapid.SliceOfN(rapid.IntRange(0, 20), 0, 5).Draw(rt, "kills")}
	if rapid.Bool().Draw(rt, "sessions are ended") {
		k.kill = func() {
			pgtest.Scalar[int](t, home, `SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity WHERE application_name LIKE '%/salvage' AND datname = current_database()`)
		}
	}
	pods := []*pod{start(t, "b", home, 2)}
	if rapid.Bool().Draw(rt, "two servers") {
		pods = append(pods, start(t, "c", home, 2))
	}
	for _, p := range pods {
		defer p.stop()
		p.salvor.between, p.salvor.rows = k.between, rapid.IntRange(1, 12).Draw(rt, "rows")
	}
	p := pods[0]
	p.settled()

	var removed, taken bool
	if removed = rapid.Bool().Draw(rt, "a room is removed"); removed {
		if err := p.DeleteRoom(t.Context(), "ns/Room 2", false); err != nil {
			rt.Fatal(err)
		}
	}
	if taken = rapid.Bool().Draw(rt, "the name is taken"); taken {
		p.category("Other")
		p.room("Other", "Room 3")
	}
	var before, during [2][]int
	for i := range before {
		live := numbers(liveFrom, rapid.IntRange(0, 30).Draw(rt, "live"))
		again := rapid.SliceOfNDistinct(rapid.IntRange(tailFrom, tailFrom+max(0, w.tail[i]-1)), 0, w.tail[i]/2, rapid.ID[int]).Draw(rt, "again")
		mixed := rapid.Permutation(slices.Concat(live, again)).Draw(rt, "order")
		cut := rapid.IntRange(0, len(mixed)).Draw(rt, "before")
		before[i], during[i] = mixed[:cut], mixed[cut:]
		p.post(w.rooms[i], true, before[i]...)
	}

	var posting sync.WaitGroup
	for i := range during {
		posting.Go(func() {
			for _, n := range during[i] {
				p.postHard(w.rooms[i], n)
			}
		})
	}
	got := salvageBy(rt, pods, w.in)
	posting.Wait()

	found := 0
	for i, r := range w.rooms {
		if i == 2 && removed {
			continue
		}
		found += w.tail[i]
		posted := map[int]bool{}
		if i < len(before) {
			for _, n := range slices.Concat(before[i], during[i]) {
				posted[n] = true
			}
		}
		w.check(t, rt, home, i, r, posted)
	}
	if got.Found != int64(found) || got.Recovered != recovered(t, home) || got.Waiting != "" || got.RoomsDone != got.Rooms {
		rt.Errorf("%+v: want %d found", got, found)
	}
	told := slices.ContainsFunc(got.Differences, func(s string) bool {
		return s == fmt.Sprintf(`room "Room 2" was removed here since the fork: %s of home went with it`, posts(int64(w.tail[2])))
	})
	if told != (removed && w.tail[2] > 0) {
		rt.Errorf("removed %v, told %q", removed, got.Differences)
	}
	name := "Room 3"
	if taken {
		name = "Room 3 (recovered 1)"
	}
	if is := pgtest.Scalar[string](t, home, `SELECT name FROM room WHERE disabled AND id = $1`, string(w.rooms[3].ID)); is != name {
		rt.Errorf("made anew as %q, want %q", is, name)
	}
	if n := pgtest.Scalar[int](t, home, `SELECT count(*) FROM category WHERE name = 'New' AND key IS NULL`); n != 1 {
		rt.Errorf("%d categories made anew", n)
	}
}

// check compares a room with what it should have.
func (w *world) check(t testing.TB, rt *rapid.T, home string, i int, r chat.Room, posted map[int]bool) {
	seen := map[string]int{}
	var origin chat.Position
	list := history(t, home, r.ID)
	for at, m := range list {
		seen[m.Envelope]++
		if m.Pos.Seq() != int64(at+1) || at < w.both[i] != (m.Pos.Epoch() == 1) {
			rt.Errorf("%s: message %d is at %s", r.Name, at, m.Pos)
		}
		var n int
		if _, err := fmt.Sscan(m.Envelope, &n); err != nil {
			rt.Fatal(err)
		}
		switch {
		case at < w.both[i] && n != at:
			rt.Errorf("%s: %s was changed", r.Name, m.Pos)
		case m.Origin != 0 && (n < tailFrom || n >= liveFrom || m.Origin != chat.At(1, int64(w.both[i]+n-tailFrom+1)) || m.Origin <= origin):
			rt.Errorf("%s: post %d at %s is said to have been at %s, after %s", r.Name, n, m.Pos, m.Origin, origin)
		case m.Origin == 0 && n >= tailFrom && !posted[n]:
			rt.Errorf("%s: post %d at %s is not said to be recovered", r.Name, n, m.Pos)
		}
		origin = max(origin, m.Origin)
	}
	want := map[string]int{}
	for _, list := range [][]int{numbers(0, w.both[i]), numbers(tailFrom, w.tail[i]), slices.Collect(maps.Keys(posted))} {
		for _, n := range list {
			want[fmt.Sprint(n)] = 1
		}
	}
	if !maps.Equal(seen, want) {
		rt.Errorf("%s: has %v, want %v", r.Name, seen, want)
	}
	if head := pgtest.Scalar[int64](t, home, `SELECT seq FROM room_seq WHERE room_id = $1`, string(r.ID)); head != int64(len(list)) {
		rt.Errorf("%s: its head is %d, and it has %d messages", r.Name, head, len(list))
	}
}

func recovered(t testing.TB, home string) int64 {
	return pgtest.Scalar[int64](t, home, `SELECT count(*) FROM message WHERE origin_epoch IS NOT NULL AND recovered_at IS NOT NULL`)
}

// settled waits until the store can read.
func (p *pod) settled() {
	eventually(p.t, "the database can be read", func() bool {
		_, err := p.Catalog(context.Background(), 0)
		return err == nil
	})
}

// postHard posts until it is stored, as a client does.
func (p *pod) postHard(r chat.Room, n int) {
	for begin := time.Now(); time.Since(begin) < patience; {
		result := make(chan pg.PostResult, 1)
		p.Post(draftOf(r, n), r.Version, true, func(res pg.PostResult) { result <- res })
		if res := <-result; res.Err == nil {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	p.t.Errorf("post %d was never stored", n)
}

// salvageBy asks the pods in turn until all say that it is done.
func salvageBy(rt *rapid.T, pods []*pod, in adminapi.Salvaging) adminapi.Salvage {
	var out adminapi.Salvage
	var err error
	done := 0
	for begin := time.Now(); done < len(pods); {
		if time.Since(begin) > patience {
			rt.Fatalf("not done: %+v, %v", out, err)
		}
		done = 0
		for _, p := range pods {
			if out, err = p.salvor.Salvage(context.Background(), in); err == nil && out.State == adminapi.SalvageDone {
				done++
			}
		}
		<-time.After(5 * time.Millisecond)
	}
	return out
}

// The primary of the active site crashes in the middle, the server loses its right for a while, and then stops; another one goes on.
func TestItGoesOnAfterACrashAndOnAnotherServer(t *testing.T) {
	t.Parallel()
	var r chat.Room
	const many = 320
	f, conns := newFork(t, 1, func(_ int, p *pod, _ string) {
		p.category("Trading")
		r = p.room("Trading", "Desk")
	}, func(_ int, p *pod, _ string) { p.post(r, true, numbers(tailFrom, many)...) })
	in, home := f.salvaging(conns[0]), f.home(conns[0])
	p := start(t, "b", home, 2)
	f.record(p)
	p.salvor.rows = 2
	crash, shut, stop := many/8, many/4, many*3/8
	steps, crashed, stopping := 0, make(chan struct{}), make(chan struct{})
	p.salvor.between = func(string) error {
		switch steps++; steps {
		case crash:
			defer close(crashed)
			if err := f.server.StopMirror(); err != nil {
				return err
			}
			return f.server.StartMirror()
		case shut:
			p.right.epoch.Store(0)
		case stop:
			close(stopping)
		}
		return nil
	}
	again, stopped := false, false
	eventually(t, "the salvage goes on", func() bool {
		if _, err := p.salvor.Salvage(context.Background(), in); chat.Is(err, chat.Conflict) {
			again = true
			p.right.epoch.Store(2)
		}
		select {
		case <-stopping:
			stopped = true
		default:
		}
		return stopped
	})
	<-crashed
	p.stop()
	if done := pgtest.Scalar[bool](t, home, `SELECT done FROM salvage`); done {
		t.Error("done before the other server is asked")
	}
	p = start(t, "c", home, 2)
	got := p.salvage(in)
	if !again || got.Found != many || got.Recovered != many || recovered(t, home) != many {
		t.Errorf("again %v, %+v, %d rows", again, got, recovered(t, home))
	}
	for i, m := range history(t, home, r.ID) {
		if m.Pos != chat.At(2, int64(i+1)) || m.Origin != chat.At(1, int64(i+1)) {
			t.Fatalf("%s was at %s", m.Pos, m.Origin)
		}
	}
	head := chat.Position(0)
	for len(p.heads) > 0 {
		if h := <-p.heads; h.Room == r.ID {
			head = max(head, h.Head)
		}
	}
	if head != chat.At(2, many) {
		t.Errorf("the server was told of messages up to %s", head)
	}
	// The second look finds what is missing, and the next try brings it.
	sql(t, home, `UPDATE salvage SET done = false`)
	sql(t, home, `DELETE FROM message WHERE seq = 5`)
	if _, err := p.salvor.Salvage(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	eventually(t, "why it waits is told", func() bool {
		all, err := p.salvor.Salvages(t.Context())
		return err == nil && strings.Contains(all.Salvages[0].Waiting, `room "Desk": a second look misses 1 post`)
	})
	if got := p.salvage(in); got.Recovered != many || got.Waiting != "" || recovered(t, home) != many {
		t.Errorf("%+v", got)
	}
	if last := history(t, home, r.ID)[many-1]; last.Origin != chat.At(1, 5) {
		t.Errorf("%+v", last)
	}
}
