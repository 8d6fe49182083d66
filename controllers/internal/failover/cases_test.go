package failover

import (
	"strings"
	"testing"
	"time"
)

// want is what matters of a decision; says are parts of what people read. The zero fields of want are wanted, too, but for
// role and says.
type want struct {
	rule   string
	action ActionKind
	role   Role
	says   string
}

// cases are named by a sentence of the design, or by what follows from it. Each is a change to an observation.
type cases map[string]struct {
	change func(*Observation)
	want   want
}

// check runs the cases on both sides: the rules are written by role, so that failback is failover seen from home.
func (cs cases) check(t *testing.T, base func(Side) Observation) {
	t.Helper()
	for sentence, c := range cs {
		for _, s := range []Side{Home, Backup} {
			t.Run(sentence+"/"+string(s), func(t *testing.T) {
				o := base(s)
				c.change(&o)
				c.want.compare(t, Decide(o))
			})
		}
	}
}

func (w want) compare(t *testing.T, d Decision) {
	t.Helper()
	said := strings.Join([]string{d.WaitingFor, d.Refused, d.Next.String()}, "; ")
	if d.Rule != w.rule || d.Action.Kind != w.action || w.role != "" && d.Role != w.role || !strings.Contains(said, w.says) {
		t.Errorf("decided %s -> %q as %s (%s); want %s -> %q as %s (%s)", d.Rule, d.Action.Kind, d.Role, said, w.rule, w.action, w.role, w.says)
	}
}

// the epoch tables of a pool that home created, and that moved to backup when that is the active site.
func tableOf(active Side) []Epoch {
	table := []Epoch{{Number: 1}}
	if active == Backup {
		table = append(table, Epoch{Number: 2, ForkTimeline: 1, ForkLSN: 50, ForkBeat: 20})
	}
	return table
}

// epochOf is the epoch in which the site is active; its peer would mint the next one.
func epochOf(active Side) int64 { return active.Mint(0) }

func openDatabase(active Side) Database {
	return Database{Known: true, Data: DataPresent, Mode: Open, System: 7, Timeline: 2, LSN: 100, Applied: true, Mirror: true,
		Epochs: tableOf(active), Beat: 40, Followed: true}
}

func follower(active Side) Database {
	db := openDatabase(active)
	db.Mode, db.Streaming, db.Followed = Following, true, false
	return db
}

func isolated(active Side) Database {
	db := follower(active)
	db.Mode, db.Streaming = Isolated, false
	return db
}

func observe(self, active Side) Observation {
	return Observation{Pool: "trading", Self: self, Limits: DefaultLimits(),
		Spec: Spec{PoolState: StateFor(active), Self: self},
		Peer: Peer{Live: true, Known: true, SilentFor: 2 * time.Second, Spec: Spec{PoolState: StateFor(active), Self: self.Other()}}}
}

// atActive is the active site on an ordinary day.
func atActive(self Side) Observation {
	o, e := observe(self, self), epochOf(self)
	o.Status = Status{Role: Active, Epoch: e, Data: DataPresent, Held: e}
	o.Database, o.Servers, o.Address = openDatabase(self), Servers{Known: true, Epoch: e}, true
	o.Peer.Status = Status{Role: Standby, Epoch: e, Data: DataPresent, Held: e, Shut: true}
	o.Peer.Database = follower(self)
	return o
}

// atStandby is the standby site on an ordinary day.
func atStandby(self Side) Observation {
	active := self.Other()
	o, e := observe(self, active), epochOf(active)
	o.Status = Status{Role: Standby, Epoch: e, Data: DataPresent, Held: e, Shut: true}
	o.Database, o.Servers = follower(active), Servers{Known: true}
	o.Lag = Lag{Known: true, Time: 1200 * time.Millisecond, Bytes: 13_700}
	o.Peer.Status = Status{Role: Active, Epoch: e, Data: DataPresent, Held: e}
	o.Peer.Database = openDatabase(active)
	return o
}

// next is the epoch that the standby would mint.
func (o *Observation) next() int64 { return o.Self.Mint(o.Status.Epoch) }

// given is what the active site would give to its peer.
func (o *Observation) given() int64 { return o.Self.Other().Mint(o.Status.Epoch) }

func (o *Observation) flipOwn() { o.Spec.PoolState = StateFor(o.Spec.PoolState.Wants().Other()) }
func (o *Observation) flipPeer() {
	o.Peer.Spec.PoolState = StateFor(o.Peer.Spec.PoolState.Wants().Other())
}
func (o *Observation) flipBoth() { o.flipOwn(); o.flipPeer() }

// peerGone: its cluster is dead; what was read last stays known.
func (o *Observation) peerGone(d time.Duration) {
	o.Peer.Live, o.Peer.SilentFor, o.Peer.Database = false, d, Database{}
}

// databaseDead: GET /v1/database says nothing of the database.
func (o *Observation) databaseDead(d time.Duration) {
	o.Database = Database{SilentFor: d, Fenced: o.Database.Fenced}
}

// moving: a planned move was begun.
func (o *Observation) moving(s Step) {
	o.flipBoth()
	o.Status.Transition = Transition{Kind: Planned, Step: s, From: o.Status.Epoch}
}
