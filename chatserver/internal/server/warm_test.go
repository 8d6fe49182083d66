package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pgtest"
	"github.com/jackc/pgx/v5"
)

// warmTime is how long the standby is watched: longer than every period of its upkeep.
const warmTime = 12 * time.Second

// A server of the backup runs on a database that follows home's: quietly, and it accepts posts without a restart when that
// was promoted and its epoch recorded.
func TestAWarmStandbyTakesOver(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t, pgtest.Options{Mirror: true})
	home := db.Database(t)
	pgtest.TellTimelines(t, home)
	p := newGatedPool(t, home)
	a := p.startPod("a")
	p.open(a, adminapi.Opening{Epoch: 1})
	p.openDesk(a)
	alice := p.dial("alice", a)
	room := p.join(alice, "Desk")
	p.post(alice, room.URI, "at home")

	q := newPoolAt(t, db.PromotedConnString(home))
	q.config.Gate, q.config.Site = true, "backup"
	q.saveConfig()
	b, c := q.startPod("b"), q.startPod("c")
	q.watchStandby(b, c)
	post := p.postInBackground(alice, room.URI, "at home, with the standby up")
	if r := <-post; r.err != nil || r.receipt.Refused > 0 {
		t.Errorf("%+v", r)
	}

	p.check(db.Stop())
	p.check(db.Promote())
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = ''`, `SELECT pg_reload_conf()`} {
		q.exec(db.PromotedConnString(home), sql)
	}
	begin, before := time.Now(), q.warnings.Load()
	q.record(b, adminapi.Recording{Epoch: 2, Site: "backup", Timeline: 1})
	q.open(b, adminapi.Opening{Epoch: 2})
	q.open(c, adminapi.Opening{Epoch: 2})
	took := time.Since(begin)
	bob, carol := q.dial("bob", b), q.dial("carol", c)
	q.join(carol, "Desk")
	there := q.join(bob, "Desk")
	for n := range 50 {
		r, err := bob.Post(q.context(), there.URI, fmt.Sprint("after the move ", n))
		q.check(err)
		if r.Refused > 0 || r.SlowestAnswer > time.Second {
			t.Errorf("post %d after the move: %+v", n, r)
		}
	}
	if took > 5*time.Second {
		t.Errorf("recording and activating took %s", took)
	}
	page, err := carol.HistoryAfter(q.context(), there.URI, chat.At(1, 1), 60)
	if m := page.Messages; err != nil || len(m) != 51 || m[0].Text != "at home, with the standby up" || m[50].Pos != chat.At(2, 52) {
		t.Errorf("history after the move: %+v, %v", page, err)
	}
	if n := q.warnings.Load() - before; n > 6 {
		t.Errorf("%d warnings of two servers during the move", n)
	}
}

// watchStandby looks at servers whose database follows, for a while.
func (p *pool) watchStandby(pods ...*pod) {
	p.t.Helper()
	before := p.warnings.Load()
	beat, moves, asked, missed := int64(0), 0, 0, 0
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < warmTime; <-tick.C {
		for _, one := range pods {
			state, err := p.admin(one).Database(p.context())
			p.check(err)
			if asked++; !state.Reachable() { // in time, on a machine that is busy
				missed++
				continue
			}
			if !state.Facts.InRecovery || state.Activation.Active() || state.Activation.Quiesced != 0 {
				p.t.Fatalf("the standby: %+v", state)
			}
			if state.Facts.Receiver == nil || state.Facts.Receiver.Status != "streaming" || len(state.Facts.Unknown) > 0 {
				p.t.Errorf("facts of the standby: %+v", state.Facts)
			}
			if state.Facts.Beat > beat {
				beat, moves = state.Facts.Beat, moves+1
			}
		}
	}
	for _, one := range pods {
		_, err := p.admin(one).Quiesce(p.context(), 1)
		p.check(err)
		_, err = p.admin(one).PutCategory(p.context(), categoryKey, staff)
		p.wantError("a category at the standby", err, chat.Unavailable, "")
		p.await("the standby is ready", func(ctx context.Context) bool { return httpStatus(ctx, p.t, one, "/readyz") == 200 })
		status, err := p.admin(one).Status(p.context())
		if err != nil || !status.Ready || !status.DatabaseReachable {
			p.t.Errorf("status of the standby: %+v, %v", status, err)
		}
		state, err := p.admin(one).Database(p.context()) // has the heartbeats also without facts
		if err != nil || len(state.Heartbeats) != 1 || state.Heartbeats[0].Site != "home" || state.Heartbeats[0].AgeSeconds == nil {
			p.t.Errorf("heartbeats at the standby: %+v, %v", state.Heartbeats, err)
		}
	}
	if missed > asked/10 {
		p.t.Errorf("%d of %d answers had no facts", missed, asked)
	}
	if moves < 5 {
		p.t.Errorf("home's heartbeat moved %d times at the standby in %s", moves, warmTime)
	}
	if n := p.warnings.Load() - before; n > int64(len(pods)) { // the refused category
		p.t.Errorf("%d warnings of %d servers in %s", n, len(pods), warmTime)
	}
}

// exec runs a statement as superuser.
func (p *pool) exec(database, sql string) {
	p.t.Helper()
	c, err := pgx.Connect(p.context(), database)
	p.check(err)
	defer c.Close(p.context())
	_, err = c.Exec(p.context(), sql)
	p.check(err)
}
