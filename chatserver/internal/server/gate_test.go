package server_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/internal/server"
	"chatpool.dev/chatserver/internal/store/pgtest"
	"github.com/google/go-cmp/cmp"
)

// record has a pod record an epoch.
func (p *pool) record(one *pod, r adminapi.Recording) {
	p.t.Helper()
	api := p.admin(one)
	p.await("the epoch is recorded", func(ctx context.Context) bool {
		err := api.RecordEpoch(ctx, r)
		if err != nil && !chat.Is(err, chat.Unavailable) {
			p.t.Fatal(err)
		}
		return err == nil
	})
}

// open activates a pod as an operator does: a ticket, the proof (which a test has), and then the word.
func (p *pool) open(one *pod, o adminapi.Opening) adminapi.Activation {
	p.t.Helper()
	api := p.admin(one)
	var done adminapi.Activation
	p.await("activated", func(ctx context.Context) bool {
		now, err := api.Activation(ctx)
		p.check(err)
		o.Site, o.Ticket = p.config.Site, now.Ticket
		done, err = api.Activate(ctx, o)
		if err != nil && !chat.Is(err, chat.Unavailable) {
			p.t.Fatal(err)
		}
		return err == nil
	})
	return done
}

// awaitActive waits until the pod accepts posts in an epoch.
func (p *pool) awaitActive(one *pod, epoch int64) {
	p.t.Helper()
	api := p.admin(one)
	p.await("the pod is activated", func(ctx context.Context) bool {
		a, err := api.Activation(ctx)
		p.check(err)
		return a.Epoch == epoch
	})
}

// newGatedPool makes a pool with two sites, of which home is under test.
func newGatedPool(t *testing.T, database string) *pool {
	p := newPoolAt(t, database)
	p.config.Gate = true
	p.saveConfig()
	return p
}

func TestPostsWaitForTheActivation(t *testing.T) {
	t.Parallel()
	p := newGatedPool(t, pgtest.Database(t))
	a, b := p.startPod("a"), p.startPod("b")
	_, err := p.admin(a).PutCategory(p.context(), categoryKey, staff)
	p.wantError("a category before the activation", err, chat.Unavailable, "")
	if got := p.open(a, adminapi.Opening{Epoch: 1}); got.Epoch != 1 || got.How != adminapi.ByOperator || !got.Active() {
		t.Errorf("activation %+v", got)
	}
	p.awaitActive(b, 1)
	p.openDesk(a)
	alice, bob := p.dial("alice", a), p.dial("bob", b)
	room := p.join(alice, "Desk")
	p.join(bob, "Desk")
	p.post(alice, room.URI, "first")

	_, err = p.admin(b).Quiesce(p.context(), 1)
	p.check(err)
	waiting := p.postInBackground(alice, room.URI, "refused for a while")
	carol := p.dial("carol", a) // people come in, and read
	p.join(carol, "Desk")
	history, err := carol.History(p.context(), room.URI, 9)
	if err != nil || len(history) != 1 || history[0].Text != "first" {
		t.Errorf("history %+v, %v", history, err)
	}
	p.await("both are shut", func(ctx context.Context) bool {
		x, err := p.admin(a).Activation(ctx)
		p.check(err)
		y, err := p.admin(b).Activation(ctx)
		p.check(err)
		return !x.Active() && !y.Active() && x.Reason != "" && x.Quiesced == 1 && y.Quiesced == 1
	})
	p.record(b, adminapi.Recording{Epoch: 3, Site: "home"})
	p.open(b, adminapi.Opening{Epoch: 3})
	select {
	case r := <-waiting:
		p.check(r.err)
		if r.receipt.Refused == 0 {
			t.Errorf("receipt %+v: want answers of 503", r.receipt)
		}
	case <-time.After(patience):
		t.Fatal("the post was never stored")
	}
	for name, c := range map[string]*client.Client{"alice": alice, "bob": bob} {
		if diff := cmp.Diff([]string{"first", "refused for a while"}, p.texts(c, 2)); diff != "" {
			t.Errorf("%s got (-want +got):\n%s", name, diff)
		}
	}
	p.check(p.admin(a).DeleteRoom(p.context(), roomKey, true)) // a, by now, as well
}

func TestWhoComesFromBeyondTheForkIsToldSo(t *testing.T) {
	t.Parallel()
	p := newGatedPool(t, pgtest.Database(t))
	a := p.startPod("a")
	p.open(a, adminapi.Opening{Epoch: 1})
	p.openDesk(a)
	alice := p.dial("alice", a)
	room := p.join(alice, "Desk")
	p.post(alice, room.URI, "one")
	p.post(alice, room.URI, "two")
	p.record(a, adminapi.Recording{Epoch: 3, Site: "home"})
	p.open(a, adminapi.Opening{Epoch: 3})
	p.post(alice, room.URI, "three")

	bob := p.dial("bob", a) // has seen messages up to 1/7, which went down with another database
	_, err := bob.JoinAfter(p.context(), room.URI, chat.At(1, 7))
	p.check(err)
	if diff := cmp.Diff(client.Forked{RoomURI: room.URI, Fork: chat.At(1, 2), Had: chat.At(1, 7)}, next[client.Forked](p, bob)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if m := next[client.Message](p, bob); m.Text != "three" || m.Pos != chat.At(3, 3) || m.Missing != 0 {
		t.Errorf("after the fork: %+v", m)
	}
	carol := p.dial("carol", a) // has seen all of epoch 1
	_, err = carol.JoinAfter(p.context(), room.URI, chat.At(1, 2))
	p.check(err)
	page, err := carol.HistoryAfter(p.context(), room.URI, chat.At(1, 2), 9)
	if err != nil || page.Forked || len(page.Messages) != 1 {
		t.Errorf("from the fork itself: %+v, %v", page, err)
	}
}

func TestTheDatabaseAsAServerSeesIt(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t, pgtest.Options{})
	p := newGatedPool(t, db.Database(t))
	a := p.startPod("a")
	p.open(a, adminapi.Opening{Epoch: 1})
	var got adminapi.DatabaseState
	p.await("the heartbeat is seen to move", func(ctx context.Context) bool {
		var err error
		got, err = p.admin(a).Database(ctx)
		p.check(err)
		return got.Reachable() && len(got.Heartbeats) == 1 && got.Heartbeats[0].AgeSeconds != nil
	})
	if h := got.Heartbeats[0]; h.Epoch != 1 || h.Site != "home" || h.Pod != "a" || *h.AgeSeconds > 5 {
		t.Errorf("heartbeat %+v", h)
	}
	f := got.Facts
	if !got.Reachable() || f.InRecovery || f.SystemIdentifier == nil || f.CurrentLSN == nil || f.Timeline == nil || *f.Timeline != 1 ||
		len(f.Epochs) != 1 || f.ClosedEpoch != 0 || f.Followers == nil || len(f.Unknown) != 0 || !got.Activation.Active() {
		t.Errorf("facts %+v of %+v", f, got)
	}
	p.check(db.Stop())
	begin := time.Now()
	got, err := p.admin(a).Database(p.context())
	p.check(err)
	if took := time.Since(begin); took > adminapi.DatabaseTime+time.Second {
		t.Errorf("without a database it took %s", took)
	}
	if got.Reachable() || got.Facts != nil || got.Unreachable == "" || got.Activation.Epoch != 1 || len(got.Heartbeats) != 1 {
		t.Errorf("without a database: %+v", got)
	}
}

func TestAPoolWithOneSiteAsksForNothing(t *testing.T) {
	p := newPool(t)
	a := p.startPod("a")
	api := p.admin(a)
	now, err := api.Activation(p.context())
	if err != nil || !now.Active() || now.How != adminapi.BySingleSite {
		t.Errorf("activation %+v, %v", now, err)
	}
	_, err = api.Activate(p.context(), adminapi.Opening{Epoch: 1, Site: "home"})
	p.wantError("activate", err, chat.Conflict, "")
	_, err = api.Deactivate(p.context())
	p.wantError("deactivate", err, chat.Conflict, "")
	_, err = api.Quiesce(p.context(), 1)
	p.wantError("quiesce", err, chat.Conflict, "")
	var state adminapi.DatabaseState
	p.await("the database answers in time", func(ctx context.Context) bool {
		state, err = api.Database(ctx)
		return err == nil && state.Reachable()
	})
	if state.Activation.How != adminapi.BySingleSite || len(state.Heartbeats) != 0 {
		t.Errorf("database %+v", state)
	}
	p.openDesk(a)
	alice := p.dial("alice", a)
	p.post(alice, p.join(alice, "Desk").URI, "as ever")
}

func TestAMigrationOfAPoolWithTwoSites(t *testing.T) {
	t.Parallel()
	p := newGatedPool(t, pgtest.Database(t))
	a := p.startPod("a")
	p.open(a, adminapi.Opening{Epoch: 1})
	c := p.config
	c.Database.Port = 5432
	p.check(server.Migrate(p.context(), &c, slog.New(slog.DiscardHandler)))
}
