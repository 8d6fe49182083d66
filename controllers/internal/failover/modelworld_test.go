package failover

import (
	"fmt"
	"slices"
)

// world is two sites with their links, and a witness. Nothing in it moves but by events.
type world struct {
	t       int // seconds
	sites   map[Side]*site
	cut     map[Side]bool // the site cannot reach the other one's API server and chat servers
	dbCut   bool
	slow    bool // replication moves one entry a second
	witness lease

	serial, posts int
	salvage       bool         // it is carried out; else a person abandons tails
	excused       map[int]bool // posts whose loss is a disaster's or a person's doing
	acked         map[int]bool
	lostAt        map[int]int      // when a site lost them last
	tokens        map[string]int64 // what each stands for
	claims        map[int64]*mintStory
	topAccepted   map[Side]int64
	bothWant      map[Side]int // when both specs were last seen to want the pool there

	servedAfter int      // the round in which posts were accepted again
	left        []string // roles, rules and steps in which the sites were when everything healed

	overlaps  int
	restored  bool // an etcd was
	story     []string
	violation string
}

// mintStory is what happened between a forced claim and the first post in its epoch.
type mintStory struct {
	forced     bool
	otherLived bool
	apart      bool // the sites could not see all of each other
	accepted   bool
	acceptedAt int
}

type lease struct {
	exists  bool
	cut     map[Side]bool
	holder  Side
	epoch   int64
	renewed int
}

// site is one cluster.
type site struct {
	side     Side
	power    bool
	apiDown  bool
	mute     bool // GET /v1/database has no facts
	frozen   int  // until then no process of the site runs
	obj      object
	beat     published
	beatAt   int
	snapshot *snapshot
	db       database
	pods     [2]pod
	address  bool
	op       operator
}

// object is the ChatPool in the site's etcd.
type object struct {
	rv      int
	spec    Spec
	prompts Prompts
	status  Status
}

// published is the Lease beside the object: what the operator tells with each beat.
type published struct {
	rv      int
	counter int64
	facts   Database
}

// snapshot is of the whole etcd: what CloudNativePG is told is in it as well.
type snapshot struct {
	obj    object
	beat   published
	mode   Mode
	fenced bool
}

// pod is a chat server.
type pod struct {
	life     int   // the process
	deaf     bool  // it lives, and does not answer
	epoch    int64 // that it is activated for
	until    int   // its right lapses then
	quiesced int64 // the epoch of a right that only a quiesce has ended
	shut     int64 // up to this epoch no neighbour activates it
	seen     int   // advances of the heartbeat row by a neighbour
}

// drop ends the right.
func (p *pod) drop() { p.epoch, p.until, p.quiesced, p.seen = 0, 0, 0, 0 }

// start is a new process.
func (w *world) start(p *pod) {
	w.serial++
	*p = pod{life: w.serial}
}

func (w *world) startAll(s *site) {
	for i := range s.pods {
		w.start(&s.pods[i])
	}
}

const never = 1 << 30

func newWorld(witness bool) *world {
	w := &world{
		sites: map[Side]*site{}, cut: map[Side]bool{}, excused: map[int]bool{}, acked: map[int]bool{}, lostAt: map[int]int{}, tokens: map[string]int64{},
		claims: map[int64]*mintStory{}, topAccepted: map[Side]int64{}, bothWant: map[Side]int{},
		witness: lease{exists: witness, cut: map[Side]bool{}},
	}
	for _, side := range []Side{Home, Backup} {
		s := &site{side: side, power: true, db: database{data: DataEmpty}}
		s.obj.spec = Spec{PoolState: Normal, Self: side, Witness: witness}
		s.op.restart(0)
		w.startAll(s)
		w.sites[side] = s
	}
	return w
}

func (w *world) other(s *site) *site { return w.sites[s.side.Other()] }

func (s *site) up() bool { return s.power && s.frozen == 0 }

func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%4d s  ", w.t)+fmt.Sprintf(format, args...))
}

func (w *world) violate(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
		w.tell("VIOLATION: %s", w.violation)
	}
}

// each runs in a fixed order: the same events, the same story.
func (w *world) each(f func(*site)) {
	f(w.sites[Home])
	f(w.sites[Backup])
}

// second lets a second pass.
func (w *world) second() {
	w.t++
	w.each(func(s *site) {
		if s.frozen > 0 && w.t >= s.frozen {
			s.frozen = 0
			w.startAll(s) // longer than coldStartAfter: see freeze
			w.tell("%s thaws", s.side)
		}
		if !s.up() {
			return
		}
		if s.db.pending {
			s.db.pending = false
			s.db.token = Token{Text: fmt.Sprintf("token-%s-%d-%d", s.side, s.db.timeline, s.db.lsn()), Timeline: s.db.timeline}
			w.tokens[s.db.token.Text] = s.db.lsn()
		}
		s.db.applied = true
		w.beat(s)
		w.accept(s)
	})
	w.each(func(s *site) {
		n := 1000
		if w.slow {
			n = 1
		}
		w.replicate(s, n)
	})
	w.check()
}

// beat is the heartbeat row and what neighbours make of it.
func (w *world) beat(s *site) {
	var beating *pod
	for i := range s.pods {
		p := &s.pods[i]
		if p.epoch > 0 && p.until < w.t {
			p.drop()
		}
		if s.db.data != DataPresent || s.db.mode == stopped {
			continue
		}
		if mine := max(p.epoch, p.quiesced); mine > 0 && s.db.newest() != mine {
			p.drop() // reads another epoch in its own database
		}
		if p.epoch > 0 && s.db.closed() >= p.epoch {
			p.epoch, p.quiesced = 0, p.epoch
		}
		if p.epoch > 0 && s.db.mode == Open {
			beating = p
		}
	}
	if beating == nil {
		return
	}
	w.write(s, entry{kind: beat})
	for i := range s.pods {
		p := &s.pods[i]
		if p.epoch != 0 || p.shut >= beating.epoch {
			continue
		}
		if p.seen++; p.seen >= 2 {
			p.drop()
			p.epoch, p.until = beating.epoch, beating.until
			w.tell("%s: a server is activated for epoch %d by its neighbour's heartbeat", s.side, p.epoch)
		}
	}
}

// accepting is the epoch in which a post would be accepted right now; 0 for none.
func (w *world) accepting(s *site) int64 {
	if !s.up() || s.db.mode != Open || s.db.data != DataPresent || s.db.closed() >= s.db.newest() {
		return 0
	}
	for _, p := range s.pods {
		if p.epoch > 0 && p.until >= w.t && s.db.newest() == p.epoch {
			return p.epoch
		}
	}
	return 0
}

// accept takes one post where posts are accepted.
func (w *world) accept(s *site) {
	if w.accepting(s) == 0 {
		return
	}
	w.posts++
	w.acked[w.posts] = true
	w.write(s, entry{kind: post, id: w.posts})
}

// forget: an epoch of which no etcd, no database and no witness tells any more is as if it had never been.
func (w *world) forget() {
	top := w.witness.epoch
	w.each(func(s *site) { top = max(top, s.obj.status.Epoch, s.db.newest()) })
	w.each(func(s *site) {
		if w.topAccepted[s.side] > top {
			w.topAccepted[s.side] = 0
		}
	})
	for epoch, m := range w.claims {
		if epoch > top && m.accepted {
			delete(w.claims, epoch)
		}
	}
}

// check looks at who accepts after everything that happens.
func (w *world) check() {
	now := map[Side]int64{Home: w.accepting(w.sites[Home]), Backup: w.accepting(w.sites[Backup])}
	w.each(func(s *site) {
		n := now[s.side]
		for epoch, m := range w.claims {
			if s.side != sideOf(epoch) && s.power && !m.accepted {
				m.otherLived = true
			}
			if !m.accepted && (w.cut[s.side] || s.apiDown || s.mute || s.frozen > 0 || seconds(w.t-s.beatAt) >= limits.PeerSilence || s.pods[0].deaf || s.pods[1].deaf) {
				m.apart = true
			}
		}
		if n == 0 {
			return
		}
		if !s.side.Mints(n) {
			w.violate("%s accepts in epoch %d, which is not its own", s.side, n)
		}
		if m := w.claims[n]; m != nil && !m.accepted {
			m.accepted, m.acceptedAt = true, w.t
		}
		if n < w.topAccepted[s.side] {
			w.violate("%s accepts in epoch %d after epoch %d", s.side, n, w.topAccepted[s.side])
		}
		w.topAccepted[s.side] = n
		if top := w.topAccepted[s.side.Other()]; n < top && now[s.side.Other()] == 0 && !w.excusedBy(top) && !w.forced(n) {
			w.violate("%s accepts in epoch %d after %s did in epoch %d", s.side, n, s.side.Other(), top)
		}
	})
	if h, b := now[Home], now[Backup]; h > 0 && b > 0 {
		w.overlaps++
	}
	if h, b := now[Home], now[Backup]; h > 0 && b > 0 && !w.excusedBy(h) && !w.excusedBy(b) {
		w.violate("home accepts in epoch %d and backup in epoch %d at the same time", h, b)
	}
	if w.sites[Home].obj.spec.PoolState == w.sites[Backup].obj.spec.PoolState {
		w.bothWant[w.sites[Home].obj.spec.PoolState.Wants()] = w.t + 1
	}
}

func sideOf(epoch int64) Side {
	if Home.Mints(epoch) {
		return Home
	}
	return Backup
}

// excusedBy: section 2 allows an overlap with an epoch that was forced, without a witness, while the other site lived and
// could not be reached.
func (w *world) excusedBy(epoch int64) bool {
	m := w.claims[epoch]
	return m != nil && m.forced && m.otherLived && m.apart
}

// forced: a person had it minted in a site that could not know of a higher one.
func (w *world) forced(epoch int64) bool {
	m := w.claims[epoch]
	return m != nil && m.forced
}

// powerOff stops everything; etcd and volumes stay.
func (w *world) powerOff(s *site) {
	s.power, s.frozen, s.db.stream, s.db.pending = false, 0, false, false
	w.startAll(s)
	s.op.restart(w.t)
}

// powerOn: CloudNativePG opens a primary by itself.
func (w *world) powerOn(s *site) {
	if s.power {
		return
	}
	s.power = true
	s.op.restart(w.t)
	if s.db.data == DataPresent && s.db.mode == Open {
		w.open(s)
	}
}

// restore brings etcd back to a snapshot; CloudNativePG then does what its old objects say.
func (w *world) restore(s *site) {
	if s.snapshot == nil {
		return
	}
	w.restored = true
	rv, beatRV := s.obj.rv, s.beat.rv
	s.obj, s.beat = s.snapshot.obj, s.snapshot.beat
	s.obj.rv, s.beat.rv = rv+1, beatRV+1
	s.db.fenced = s.snapshot.fenced
	if s.db.fenced {
		w.fence(s)
		return
	}
	if s.db.data != DataPresent {
		return
	}
	switch {
	case s.snapshot.mode == Open && (s.db.mode == Following || s.db.mode == Isolated):
		if s.power {
			w.promote(s)
		} else {
			s.db.mode = Open
		}
	case s.db.mode == stopped && (s.snapshot.mode == Following || s.snapshot.mode == Isolated):
		s.db.mode = s.snapshot.mode
	case s.db.mode == stopped && s.power:
		s.db.mode = Open
		w.open(s)
	case s.db.mode == stopped:
		s.db.mode = Open
	}
}

// restoreVolume brings a database back to what it was before its last heartbeats. Should it then write exactly as much as
// its follower had received, the numbers agree and the contents do not; PostgreSQL sees that by the record before, and
// does not stream. The operators have to find out.
func (w *world) restoreVolume(s *site, back int) {
	keep := s.db.lsn()
	for i := s.db.lsn() - 1; i > 0 && back > 0; i-- {
		if s.db.log[i].kind == beat && s.db.log[i].tl == s.db.timeline && s.db.newest() > 0 {
			back--
			keep = i
		}
	}
	cutRow := slices.ContainsFunc(s.db.log[keep:], func(e entry) bool {
		return e.kind != beat && e.kind != post && e.kind != noise || e.tl != s.db.timeline
	})
	if keep == s.db.lsn() || cutRow {
		return
	}
	w.lose(s, keep)
	s.db.log, s.db.token, s.db.old = slices.Clone(s.db.log[:keep]), Token{}, true
}
