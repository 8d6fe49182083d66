package gate_test

import (
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// In a pool with a witness the right is renewed or ends, and from its end on nothing is written.
func TestARightThatIsNotRenewedEnds(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a := start(t, "home", "a", at(conn))
	a.witness.Store(true)
	opening := adminapi.Opening{Epoch: 1, Site: "home", KeepSeconds: 600}
	a.mustActivate(opening)
	room := a.room()
	a.mustPost(draft(room, 1))
	if act := a.gate.Activation(); act.EndsInSeconds <= 0 || act.EndsInSeconds > 600 {
		t.Errorf("ends in %g s", act.EndsInSeconds)
	}
	pass, err := a.gate.Pass()
	if err != nil {
		t.Fatal(err)
	}

	soon := opening
	soon.KeepSeconds = 1e-9
	if err := a.activate(soon); !chat.Is(err, chat.Unavailable) {
		t.Errorf("a term that is over: %v", err)
	}
	stale := opening
	stale.Ticket, stale.KeepSeconds = a.gate.Activation().Ticket, 0
	soon.KeepSeconds = 3
	a.mustActivate(soon)
	if _, err := a.gate.Activate(t.Context(), stale); err != nil {
		t.Errorf("an older word: %v", err)
	}
	eventually(t, "the right ends", func() bool { _, err := a.gate.Pass(); return err != nil })
	if a.gate.Holds(pass) {
		t.Error("a pass of before holds")
	}
	if r := a.post(draft(room, 2)); !chat.Is(r.Err, chat.Unavailable) {
		t.Errorf("a post is not refused: %+v", r)
	}
	eventually(t, "it is noticed", func() bool { return a.gate.Activation().Epoch == 0 })

	for what, ticket := range map[string]string{"a ticket of before": stale.Ticket, "none": ""} {
		late := opening
		late.Ticket = ticket
		if _, err := a.gate.Activate(t.Context(), late); !chat.Is(err, chat.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	a.mustActivate(opening)
	if a.gate.Holds(pass) {
		t.Error("a pass of before holds after the right was given anew")
	}
	a.mustPost(draft(room, 2))
	for _, bad := range []float64{-1, 3601} {
		wrong := opening
		wrong.KeepSeconds = bad
		if err := a.activate(wrong); !chat.Is(err, chat.Invalid) {
			t.Errorf("keepSeconds %g: %v", bad, err)
		}
	}
}

// To renew a right asks nothing of the database, which may be away.
func TestARightIsRenewedWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	where := at(conn)
	a := start(t, "home", "a", where)
	opening := adminapi.Opening{Epoch: 1, Site: "home", KeepSeconds: 5}
	a.mustActivate(opening)
	nowhere := "host=127.0.0.1 port=1 user=chat dbname=none connect_timeout=1"
	where.Store(&nowhere)
	for range 3 {
		a.standStill(4 * time.Second)
		if err := a.activate(opening); err != nil {
			t.Fatalf("renewed: %v", err)
		}
	}
	if _, err := a.gate.Pass(); err != nil {
		t.Error(err)
	}
}

// Where there is a witness a neighbour's heartbeat gives no right, as it has no end; the operator has the server join.
func TestAServerJoinsByTheOperatorWhereThereIsAWitness(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := start(t, "home", "a", at(conn)), start(t, "home", "b", at(conn))
	a.witness.Store(true)
	b.witness.Store(true)
	a.mustActivate(adminapi.Opening{Epoch: 1, Site: "home", KeepSeconds: 600})
	room := a.room()
	b.awaitLooks(6)
	if act := b.gate.Activation(); act.Epoch != 0 {
		t.Fatalf("activated: %+v", act)
	}
	join := adminapi.Opening{Epoch: 1, Site: "home", KeepSeconds: 600, Join: true}
	b.mustActivate(join)
	b.mustPost(draft(room, 1))

	eventually(t, "quiesced", func() bool { _, err := a.gate.Quiesce(t.Context(), 1); return err == nil })
	eventually(t, "the other server notices", func() bool { return b.gate.Activation().Quiesced == 1 })
	for name, p := range map[string]*pod{"a": a, "b": b} {
		if err := p.activate(join); !chat.Is(err, chat.Unavailable) {
			t.Errorf("%s joins a quiesced epoch: %v", name, err)
		}
	}
	join.Epoch = 3
	if err := b.activate(join); !chat.Is(err, chat.Unavailable) {
		t.Errorf("joins an epoch that is not there: %v", err)
	}
}
