package gate_test

import (
	"sync"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// A planned move that is called off: quiesced, demoted, promoted again, and taken back.
func TestAQuiesceOutlivesTheDemotionAndIsTakenBack(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	conn := server.Database(t)
	a, b := start(t, "home", "a", at(conn)), start(t, "home", "b", at(conn))
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	b.awaitNeighbour(1)
	room := a.room()
	a.mustPost(draft(room, 1))
	eventually(t, "quiesced", func() bool { _, err := a.gate.Quiesce(t.Context(), 1); return err == nil })
	eventually(t, "the other server notices", func() bool { return b.gate.Activation().Quiesced == 1 })

	if err := server.Demote(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the demoted database is seen", func() bool { return a.mustFacts().InRecovery && b.mustFacts().InRecovery })
	for _, p := range []*pod{a, b} {
		p.awaitLooks(3)
		eventually(t, "history is read", func() bool { ms, err := p.After(t.Context(), room, 0, 9); return err == nil && len(ms) == 1 })
		if act := p.gate.Activation(); act.Quiesced != 1 || act.Active() {
			t.Errorf("at the demoted database: %+v", act)
		}
		if r := p.post(draft(room, 2)); !chat.Is(r.Err, chat.Unavailable) {
			t.Errorf("post: %+v", r)
		}
		if err := p.activate(adminapi.Opening{Epoch: 1, Site: "home"}); !chat.Is(err, chat.Unavailable) {
			t.Errorf("taken back while the database takes no writes: %v", err)
		}
	}

	if err := server.Reopen(); err != nil {
		t.Fatal(err)
	}
	for i, p := range []*pod{a, b} {
		p.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
		if r := p.mustPost(draft(room, 2+i)); r.Message.Pos != chat.At(1, int64(2+i)) {
			t.Errorf("position %s: want 1/%d", r.Message.Pos, 2+i)
		}
		if act := p.gate.Activation(); act.Quiesced != 0 || act.Epoch != 1 {
			t.Errorf("taken back: %+v", act)
		}
	}
}

// The name of the database leads to another server while the old one goes on: no connection stays behind.
func TestConnectionsMoveToWhereTheNameLeads(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{Mirror: true})
	home := server.Database(t)
	mirror := server.PromotedConnString(home)
	where := at(mirror)
	a := start(t, "home", "a", where)
	ask := func() (followers, primaries int) { // an answer that does not come says nothing of where it would have come from
		var asking sync.WaitGroup
		var mu sync.Mutex
		for range 12 {
			asking.Go(func() {
				f, err := a.Facts(t.Context())
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
				case f.InRecovery:
					followers++
				default:
					primaries++
				}
			})
		}
		asking.Wait()
		return followers, primaries
	}
	eventually(t, "all connections lead to the follower", func() bool { n, _ := ask(); return n == 12 })
	where.Store(&home)
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home"})
	a.mustPost(draft(a.room(), 1)) // on the first connection that leads to the primary; the others follow within seconds
	eventually(t, "none leads to the follower any more", func() bool {
		for range 30 {
			if followers, primaries := ask(); followers > 0 || primaries == 0 {
				return false
			}
		}
		return true
	})
}
