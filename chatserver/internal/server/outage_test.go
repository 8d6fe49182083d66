package server_test

import (
	"testing"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/internal/store/pgtest"
	"github.com/google/go-cmp/cmp"
)

// outageLength is longer than a post waits for its answer.
const outageLength = 5 * time.Second

// result is how a post went that its client sends until it is stored.
type result struct {
	receipt client.Receipt
	err     error
}

func (p *pool) postInBackground(c *client.Client, room, text string) chan result {
	done := make(chan result, 1)
	go func() {
		r, err := c.Post(p.t.Context(), room, text)
		done <- result{r, err}
	}()
	return done
}

// checkInDoubt waits for a post that was under way in an outage: the author was told 503 in time, and sent it again
// until it was stored.
func (p *pool) checkInDoubt(done chan result) {
	p.t.Helper()
	select {
	case r := <-done:
		p.check(r.err)
		if r.receipt.Refused == 0 || r.receipt.SlowestAnswer > 5*time.Second {
			p.t.Errorf("receipt %+v; want answers of 503 within 3 s", r.receipt)
		}
	case <-time.After(patience):
		p.t.Fatal("the post was never stored")
	}
}

func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t, pgtest.Options{})
	p := newPoolAt(t, db.Database(t))
	a, b := p.startPod("a"), p.startPod("b")
	p.openDesk(a)
	alice, bob := p.dial("alice", a), p.dial("bob", b)
	room := p.join(alice, "Desk")
	p.join(bob, "Desk")
	p.post(alice, room.URI, "before")
	p.check(db.Stop())
	outage := p.postInBackground(alice, room.URI, "while it is down")
	<-time.After(outageLength)
	if got := httpStatus(p.context(), t, a, "/readyz"); got != 200 {
		t.Errorf("in the outage readyz is %d: the pod would lose its people", got)
	}
	p.check(db.Start())
	p.checkInDoubt(outage)
	p.post(bob, room.URI, "after")
	want := []string{"before", "while it is down", "after"}
	for name, c := range map[string]*client.Client{"alice": alice, "bob": bob} {
		if diff := cmp.Diff(want, p.texts(c, 3)); diff != "" {
			t.Errorf("%s got (-want +got):\n%s", name, diff)
		}
	}
}

func TestFrozenMirrorHoldsBackWhatItHasNot(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t, pgtest.Options{Mirror: true})
	p := newPoolAt(t, db.Database(t))
	a, b := p.startPod("a"), p.startPod("b")
	p.openDesk(a)
	alice, bob := p.dial("alice", a), p.dial("bob", b)
	room := p.join(alice, "Desk")
	p.join(bob, "Desk")
	db.Freeze(t)
	outage := p.postInBackground(alice, room.URI, "frozen")
	timer := time.NewTimer(outageLength)
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case e := <-bob.Events():
			if m, ok := e.(client.Message); ok {
				t.Errorf("bob got %q, which the mirror does not have", m.Text)
			}
		case <-timer.C:
			waiting = false
		}
	}
	db.Thaw(t)
	p.checkInDoubt(outage)
	p.post(bob, room.URI, "after")
	for name, c := range map[string]*client.Client{"alice": alice, "bob": bob} {
		if diff := cmp.Diff([]string{"frozen", "after"}, p.texts(c, 2)); diff != "" {
			t.Errorf("%s got (-want +got):\n%s", name, diff)
		}
	}
	page, err := bob.HistoryAfter(p.context(), room.URI, 0, 10)
	p.check(err)
	var positions []int64
	for _, m := range page.Messages {
		positions = append(positions, m.Pos.Seq())
	}
	if diff := cmp.Diff([]int64{1, 2}, positions); diff != "" {
		t.Errorf("positions in history (-want +got):\n%s", diff)
	}
}

// texts gives the client's next n messages.
func (p *pool) texts(c *client.Client, n int) (out []string) {
	p.t.Helper()
	var last chat.Position
	for range n {
		m := next[client.Message](p, c)
		if m.Pos <= last {
			p.t.Errorf("position %v came after %v", m.Pos, last)
		}
		last = m.Pos
		out = append(out, m.Text)
	}
	return out
}
