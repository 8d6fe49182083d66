package hub_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/hub"
	"chatpool.dev/chatserver/internal/store/pg"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// inWorld runs a test in a world of its own, with a fake clock.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(deskStore())
		defer w.stop()
		synctest.Wait() // the catalog is read
		test(t, w)
	})
}

// later lets all go on for a while, and waits until everybody waits.
func later(d time.Duration) {
	time.Sleep(d) // of the fake clock
	synctest.Wait()
}

// consecutive is positions from..to.
func consecutive(from, to chat.Position) (out []chat.Position) {
	for p := from; p <= to; p++ {
		out = append(out, p)
	}
	return out
}

// step is one thing that happens in a room.
type step struct {
	What   string
	After  time.Duration // before the next one
	Settle bool          // everybody comes to rest before the next one
}

func steps() *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			What: rapid.SampledFrom([]string{
				"join", "reading fails", "reading works", "ours", "ours", "ours", "ours, not told", "theirs, hinted", "theirs, hinted", "theirs",
			}).Draw(t, "what"),
			After:  time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 20, 1500}).Draw(t, "ms")) * time.Millisecond,
			Settle: rapid.Bool().Draw(t, "settle"),
		}
	}), 5, 60)
}

// Messages of this pod and others come in every order, hints get lost, reading fails, people come: each participant
// gets what came after his join, once and in order.
func TestEveryParticipantGetsEachMessageOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := steps().Draw(rt, "script")
		var broken string
		synctest.Test(t, func(t *testing.T) { broken = play(t, script) })
		if broken != "" {
			rt.Fatal(broken)
		}
	})
}

// play acts out a script, and tells what went wrong.
func play(t *testing.T, script []step) (broken string) {
	w := newWorld(deskStore())
	defer w.stop()
	synctest.Wait()
	heads := map[*person]chat.Position{}
	failing := func(yes bool) {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		w.store.down = func(op string) bool { return yes && (op == "After" || op == "Heads") }
	}
	for i, s := range script {
		switch s.What {
		case "join":
			failing(false)
			p := newPerson(fmt.Sprint("p", i))
			heads[p] = w.enter(t, p, deskID)
		case "reading fails":
			failing(true)
		case "reading works":
			failing(false)
		case "ours":
			w.hub.Committed([]chat.Message{w.store.add(deskID, "x")})
		case "theirs, hinted":
			m := w.store.add(deskID, "x")
			w.hub.Hint(pg.Hint{Kind: pg.HintMessage, Room: deskID, Head: m.Pos})
		default:
			w.store.add(deskID, "x")
		}
		time.Sleep(s.After) // of the fake clock
		if s.Settle {
			synctest.Wait()
		}
	}
	failing(false)
	later(3 * time.Second)
	head := chat.At(1, int64(len(w.store.messages[deskID])))
	for p, from := range heads {
		if diff := cmp.Diff(consecutive(from+1, head), p.positions()); diff != "" {
			broken += fmt.Sprintf("%s, joined at %v, head %v (-want +got):\n%s", p.User, from, head, diff)
		}
	}
	return broken
}

// Many leave while the store cannot note it: those who stay get what others say all the same.
func TestRemovalsThatFailHoldUpNoMessages(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		stays := newPerson("alice")
		head := w.enter(t, stays, deskID)
		var leave []*person
		for i := range 20 {
			leave = append(leave, newPerson(fmt.Sprint("p", i)))
			w.enter(t, leave[i], deskID)
		}
		w.store.mu.Lock()
		w.store.down = func(op string) bool { return op == "Leave" }
		w.store.mu.Unlock()
		for _, p := range leave {
			w.hub.Leave(context.Background(), p.Member, deskID)
		}
		w.store.add(deskID, "theirs")
		later(2 * time.Second)
		if got := stays.positions(); !slices.Equal(got, []chat.Position{head + 1}) {
			t.Errorf("got %v after 2 s", got)
		}
	})
}

func TestNothingComesBeforeTheJoinIsAnswered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPerson("alice")
		e := w.hub.Join(context.Background(), p.Member, []chat.ID{deskID})[0]
		if e.Err != nil {
			t.Fatal(e.Err)
		}
		w.hub.Committed([]chat.Message{w.store.add(deskID, "early")})
		later(5 * time.Second)
		if got := p.positions(); got != nil {
			t.Fatalf("got %v before the answer", got)
		}
		w.hub.Release(p.Member, []chat.ID{deskID})
		if got := p.positions(); !slices.Equal(got, []chat.Position{e.Joined.Head + 1}) {
			t.Fatalf("got %v after the answer", got)
		}
	})
}

func TestWhoLosesTheRightIsPutOut(t *testing.T) {
	deny := func(w *world) {
		w.store.change(func(c *pg.Changes) { c.Categories[0].Denied = []chat.Principal{"sip:bob@x.test"} })
	}
	hinted := func(w *world) { w.hub.Hint(pg.Hint{Kind: pg.HintCatalog}) }
	inDesk := func(edit func(*chat.Room)) func(*world) {
		return func(w *world) { w.store.change(func(c *pg.Changes) { edit(&c.Rooms[0]) }) }
	}
	for name, c := range map[string]struct {
		change func(w *world)
		within time.Duration
		both   bool // bob loses the other room too
		alice  bool // stays
	}{
		"the category denies him, and a hint says so": {func(w *world) { deny(w); hinted(w) }, 100 * time.Millisecond, true, true},
		"the category denies him, and hints are lost": {deny, 1500 * time.Millisecond, true, true},
		"the room becomes closed": {inDesk(func(r *chat.Room) {
			r.Privacy, r.Members = chat.Closed, []chat.Principal{"sip:alice@x.test"}
		}), 1500 * time.Millisecond, false, true},
		"the room is disabled": {inDesk(func(r *chat.Room) { r.Disabled = true }), 1500 * time.Millisecond, false, false},
		"the room is removed": {func(w *world) {
			w.store.change(func(c *pg.Changes) { c.Rooms = c.Rooms[1:] })
		}, 1500 * time.Millisecond, false, false},
		"the directory takes everybody's group away": {func(w *world) { w.setGroups() }, 10 * time.Millisecond, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				alice, bob := newPerson("alice"), newPerson("bob")
				w.enter(t, alice, deskID)
				w.enter(t, bob, deskID)
				w.enter(t, bob, otherID)
				c.change(w)
				later(c.within)
				left := map[chat.ID]int{deskID: 1, otherID: 0}
				if c.both {
					left[otherID] = 1
				}
				removed := map[chat.ID]int{deskID: 0, otherID: 0}
				for len(bob.removed) > 0 {
					removed[<-bob.removed]++
				}
				for id, want := range left {
					if removed[id] != want || bob.notices("kick", string(id)) != want || bob.notices("part", string(id)) != want {
						t.Errorf("room %s: removed %d times, want %d; told %q", id, removed[id], want, bob.bodies)
					}
				}
				w.hub.Committed([]chat.Message{w.store.add(deskID, "secret")})
				later(2 * time.Second)
				if got := bob.positions(); got != nil {
					t.Errorf("bob still got %v", got)
				}
				want := 0
				if c.alice {
					want = 1
				}
				if got := w.store.who(deskID); got != want {
					t.Errorf("%d are in the room, want %d", got, want)
				}
				if got := alice.notices("part", "bob"); got != want {
					t.Errorf("alice was told %d times that bob left, want %d", got, want)
				}
				if got := len(alice.positions()); got != want {
					t.Errorf("alice got %d messages, want %d", got, want)
				}
			})
		})
	}
}

func TestWhoLosesTheRightBeforeHisJoinIsAnsweredIsPutOutAfterIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := newPerson("alice")
		e := w.hub.Join(context.Background(), p.Member, []chat.ID{deskID})[0]
		if e.Err != nil {
			t.Fatal(e.Err)
		}
		w.setGroups()
		w.hub.Committed([]chat.Message{w.store.add(deskID, "secret")})
		synctest.Wait()
		w.hub.Release(p.Member, []chat.ID{deskID})
		if p.notices("kick", string(deskID)) != 1 || p.positions() != nil {
			t.Errorf("got %q", p.bodies)
		}
		if w.hub.Seats() != 0 {
			t.Error("he still has a seat")
		}
	})
}

func TestWhoMayNotJoinDoesNot(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.setGroups("group:other")
		p := newPerson("mallory")
		entries := w.hub.Join(context.Background(), p.Member, []chat.ID{deskID, "0190a1b2-3c4d-7e5f-8a9b-00000000ffff"})
		if !chat.Is(entries[0].Err, chat.Denied) || !chat.Is(entries[1].Err, chat.NotFound) {
			t.Errorf("%v; %v", entries[0].Err, entries[1].Err)
		}
		if w.hub.Seats() != 0 || w.store.who(deskID) != 0 {
			t.Error("he is in the room")
		}
	})
}

func TestJoinThatFailsHalfwayCanBeUndone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.store.mu.Lock()
		w.store.down = func(op string) bool { return op == "Heads" }
		w.store.mu.Unlock()
		p := newPerson("alice")
		e := w.hub.Join(context.Background(), p.Member, []chat.ID{deskID})[0]
		if !chat.Is(e.Err, chat.Unavailable) || !e.Listed || w.hub.Seats() != 0 {
			t.Fatalf("%+v, %d seats", e, w.hub.Seats())
		}
		w.store.mu.Lock()
		w.store.down = nil
		w.store.mu.Unlock()
		w.hub.Forget(deskID, p.User, p.Endpoint)
		synctest.Wait()
		if w.store.who(deskID) != 0 {
			t.Error("he is listed in the room")
		}
		w.enter(t, p, deskID)
		w.hub.Forget(deskID, p.User, p.Endpoint)
		synctest.Wait()
		if w.store.who(deskID) != 1 {
			t.Error("who came back was forgotten")
		}
	})
}

func TestOneBrokenConnectionHurtsNobodyElse(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := newPerson("alice"), newPerson("bob")
		head := w.enter(t, alice, deskID)
		w.enter(t, bob, deskID)
		alice.broken = true
		for range 3 {
			w.hub.Committed([]chat.Message{w.store.add(deskID, "x")})
		}
		synctest.Wait()
		if diff := cmp.Diff(consecutive(head+1, head+3), bob.positions()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestComingsAndGoingsOnOtherPods(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice := newPerson("alice")
		w.enter(t, alice, deskID)
		ctx := context.Background()
		w.store.Join(ctx, deskID, pg.Participant{User: "sip:carol@x.test", Name: "Carol", Endpoint: "c"})
		w.hub.Hint(pg.Hint{Kind: pg.HintPresence, Room: deskID})
		later(50 * time.Millisecond)
		if alice.notices("join", "carol") != 1 {
			t.Errorf("with a hint alice got %q", alice.bodies)
		}
		w.store.Leave(ctx, deskID, "sip:carol@x.test", "c")
		later(1100 * time.Millisecond)
		if alice.notices("part", "carol") != 1 {
			t.Errorf("without a hint alice got %q", alice.bodies)
		}
	})
}

func TestLargeRoomIsQuietUntilItIsSmallAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.limits.ParticipantUpdateLimit = 10
		ctx := context.Background()
		others := func(from, to int, do func(pg.Participant)) {
			for i := from; i < to; i++ {
				do(pg.Participant{User: chat.Principal(fmt.Sprintf("sip:o%02d@x.test", i)), Endpoint: "e"})
			}
			w.hub.Hint(pg.Hint{Kind: pg.HintPresence, Room: deskID})
			later(2 * time.Second)
		}
		join := func(p pg.Participant) { w.store.Join(ctx, deskID, p) }
		leave := func(p pg.Participant) { w.store.Leave(ctx, deskID, p.User, p.Endpoint) }
		alice, bob := newPerson("alice"), newPerson("bob")
		w.enter(t, alice, deskID)
		others(0, 9, join)
		if got := alice.notices("join", "sip:o"); got == 0 {
			t.Error("alice was told of nobody in a small room")
		}
		told := len(alice.bodies)
		others(9, 20, join)
		e := w.hub.Join(ctx, bob.Member, []chat.ID{deskID})[0]
		if e.Err != nil || e.Joined.Participants != nil || e.Joined.Count < 20 {
			t.Errorf("bob joined with %d of %d listed, %v", len(e.Joined.Participants), e.Joined.Count, e.Err)
		}
		w.hub.Release(bob.Member, []chat.ID{deskID})
		later(2 * time.Second)
		if len(alice.bodies) != told {
			t.Errorf("in the large room alice was told %q", alice.bodies[told:])
		}
		others(5, 20, leave) // 7 are left
		if bob.notices("join", "sip:o01@x.test") != 1 || bob.notices("join", "sip:alice@x.test") != 1 {
			t.Errorf("bob was not told who is there: %q", bob.bodies)
		}
		if alice.notices("part", "sip:o08@x.test") != 1 {
			t.Error("alice was not told who left meanwhile")
		}
	})
}

func TestSecondEndpointOfAUserIsNoNews(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, phone, desk := newPerson("alice"), newPerson("bob"), newPerson("bob")
		desk.Endpoint = "another"
		w.enter(t, alice, deskID)
		w.enter(t, phone, deskID)
		w.enter(t, desk, deskID)
		w.hub.Leave(context.Background(), phone.Member, deskID)
		later(2 * time.Second)
		if alice.notices("join", "bob") != 1 || alice.notices("part", "bob") != 0 {
			t.Errorf("alice was told %q", alice.bodies)
		}
		w.hub.Leave(context.Background(), desk.Member, deskID)
		later(2 * time.Second)
		if alice.notices("part", "bob") != 1 {
			t.Errorf("alice was told %q", alice.bodies)
		}
	})
}

func TestNewConnectionOfAnEndpointTakesItsSeat(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		older, newer := newPerson("alice"), newPerson("alice")
		w.enter(t, older, deskID)
		w.enter(t, newer, deskID)
		w.hub.Detach(older.Member, []chat.ID{deskID})
		w.hub.Committed([]chat.Message{w.store.add(deskID, "x")})
		synctest.Wait()
		if len(newer.positions()) != 1 || older.positions() != nil || w.hub.Seats() != 1 {
			t.Errorf("newer got %v, older %v, %d seats", newer.positions(), older.positions(), w.hub.Seats())
		}
		if e := w.hub.Join(context.Background(), older.Member, []chat.ID{deskID})[0]; e.Err == nil {
			t.Error("the connection that is gone joined")
		}
	})
}

func TestRoomWithoutHistoryGoesOnAfterAGap(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.store.change(func(c *pg.Changes) { c.Categories[0].ChatHistory = false })
		later(1100 * time.Millisecond)
		p := newPerson("alice")
		head := w.enter(t, p, deskID)
		gone := w.store.add(deskID, "gone")
		w.store.mu.Lock()
		w.store.down = func(op string) bool { return op == "After" || op == "Heads" }
		w.store.mu.Unlock()
		w.hub.Hint(pg.Hint{Kind: pg.HintMessage, Room: deskID, Head: gone.Pos})
		later(2 * time.Second)
		w.store.mu.Lock()
		w.store.down = nil
		w.store.mu.Unlock()
		w.hub.Committed([]chat.Message{w.store.add(deskID, "next")})
		later(2 * time.Second)
		if got := p.positions(); !slices.Contains(got, head+2) {
			t.Errorf("got %v, want %v among them", got, head+2)
		}
	})
}

func TestCountsAreThoseOfTheWholePool(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.enter(t, newPerson("alice"), deskID)
		w.store.Join(context.Background(), deskID, pg.Participant{User: "sip:carol@x.test", Endpoint: "c"})
		got, err := w.hub.Counts(context.Background(), []chat.ID{deskID, otherID})
		if err != nil {
			t.Fatal(err)
		}
		if got[deskID] != 2 || got[otherID] != 0 {
			t.Errorf("%v", got)
		}
	})
}

func TestCatalogSaysThatItIsNotKnownYet(t *testing.T) {
	store := deskStore()
	store.down = func(string) bool { return true }
	w := newWorld(store)
	defer w.stop()
	if err := w.hub.Catalog().Err(); !chat.Is(err, chat.Unavailable) {
		t.Errorf("%v", err)
	}
	if err := w.hub.Refresh(context.Background()); !chat.Is(err, chat.Unavailable) {
		t.Errorf("refresh: %v", err)
	}
}

var _ hub.Sink = (*receiver)(nil)
