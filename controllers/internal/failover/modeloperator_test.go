package failover

import (
	"fmt"
	"time"
)

// operator is the process: what it has in memory, and how far it is in its round. Between any two phases everything
// else can happen, and it can die.
type operator struct {
	phase   int
	began   int
	read    object // the own object, as the round goes on from it
	o       Observation
	d       Decision
	said    [2]int // the processes that answered, by pod; 0: none
	heard   *published
	partial bool // the next action reaches one of two servers only

	started      int
	counter      int64 // own; -1: not read yet
	beatRV       int   // of the own Lease, as last written or read
	peer         *object
	peerCounter  int64
	peerFacts    Database
	counterAt    int // when the peer's counter was last seen to change
	heardAt      int // when it was last read
	freshAt      int // when it was last seen to change between two reads of which one followed soon on the other
	claim        Claim
	claimAt      int
	transition   Transition
	stepAt       int
	base         int64 // the peer's counter when it was first read after the claim
	confirming   bool
	databaseAt   int // when the own database last answered
	streamedAt   int // when it was last seen streaming
	leaseRenewed int
	leaseAt      int
}

const rounds = 8

func (op *operator) restart(t int) {
	*op = operator{started: t, counterAt: t, databaseAt: t, streamedAt: -never, heardAt: -never, freshAt: -never, counter: -1, base: -1, leaseRenewed: -1, leaseAt: t, claimAt: t,
		stepAt: t, d: op.d}
}

var limits = DefaultLimits()

// step runs one phase of a site's operator.
func (w *world) step(s *site) {
	op := &s.op
	if !s.up() || s.apiDown {
		return
	}
	goesOn := true
	switch op.phase {
	case 0:
		w.readOwn(s)
	case 1:
		w.readOwnDatabase(s)
	case 2:
		w.readPeersBeat(s)
	case 3:
		w.readPeer(s)
	case 4:
		w.readWitness(s)
	case 5:
		goesOn = w.decideAndWrite(s)
	case 6:
		goesOn = w.publish(s)
	case 7:
		w.execute(s)
		w.contact(s)
		op.partial = false
	}
	if op.phase = (op.phase + 1) % rounds; !goesOn {
		op.phase = 0
	}
	w.check()
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// late tells whether the round has taken longer than an action may be old: requests fail then.
func (w *world) late(s *site) bool { return seconds(w.t-s.op.began) > ValidFor }

func (w *world) readOwn(s *site) {
	op := &s.op
	op.began, op.read = w.t, s.obj
	if op.counter < 0 {
		op.counter, op.beatRV = s.beat.counter, s.beat.rv // before the object is read
	}
	op.o = Observation{Pool: "trading", Self: s.side, Limits: limits, Spec: s.obj.spec, Prompts: s.obj.prompts, Status: s.obj.status}
	if op.claim != s.obj.status.Claim {
		op.claim, op.claimAt, op.base, op.confirming = s.obj.status.Claim, w.t, -1, false
	}
	if op.transition != s.obj.status.Transition {
		op.transition, op.stepAt = s.obj.status.Transition, w.t
	}
	op.o.ClaimFor, op.o.StepFor = seconds(w.t-op.claimAt), seconds(w.t-op.stepAt)
}

func (w *world) readOwnDatabase(s *site) {
	op := &s.op
	op.o.Address = s.address
	op.said = [2]int{}
	for i, p := range s.pods {
		if !p.deaf {
			op.said[i] = p.life
		}
	}
	op.o.Database = Database{Fenced: s.db.fenced}
	switch {
	case s.db.data != DataPresent:
		op.o.Database = s.db.facts() // nothing is asked for that
	case w.answers(s):
		op.o.Database = s.db.facts()
		op.o.Database.Followed = s.db.mode == Open && w.other(s).db.stream
	}
	if op.o.Database.Known {
		op.databaseAt = w.t
	}
	if op.o.Database.Streaming {
		op.streamedAt = w.t
	}
	op.o.Database.SilentFor = seconds(w.t - op.databaseAt)
	op.o.Servers = w.servers(s)
}

// answers tells whether a server tells of the database.
func (w *world) answers(s *site) bool {
	return !s.mute && s.db.data == DataPresent && s.db.mode != stopped && (!s.pods[0].deaf || !s.pods[1].deaf)
}

// servers sums up what those say that answer.
func (w *world) servers(s *site) Servers {
	var f Servers
	unseen, quiesced := false, int64(0)
	for _, p := range s.pods {
		if p.deaf {
			unseen = true
			continue
		}
		f.Known = true
		if p.until >= w.t {
			f.Epoch = max(f.Epoch, p.epoch)
		}
		quiesced = max(quiesced, p.quiesced)
	}
	if f.Epoch == 0 && quiesced > 0 {
		f.Epoch, f.Quiesced, f.Drained = quiesced, true, true
	}
	f.Unseen = unseen && !(w.answers(s) && (s.db.mode != Open || s.db.closed() >= s.db.newest()))
	return f
}

// readPeersBeat comes before the peer's object: that is never older than the beat.
func (w *world) readPeersBeat(s *site) {
	p := w.other(s)
	if s.op.heard = nil; p.power && !p.apiDown && !w.cut[s.side] {
		seen := p.beat
		s.op.heard = &seen
	}
}

func (w *world) readPeer(s *site) {
	op, p := &s.op, w.other(s)
	to := &op.o.Peer
	if op.heard != nil && p.power && !p.apiDown && !w.cut[s.side] {
		op.beaten(op.heard.counter, w.t)
		seen := p.obj
		op.peer, op.peerFacts, to.Live = &seen, op.heard.facts, true
	}
	if op.peer != nil {
		to.Known, to.Spec, to.Status = true, op.peer.spec, op.peer.status
	}
	to.SilentFor, to.Confirming = seconds(w.t-op.counterAt), op.confirming
	if to.Live && seconds(w.t-op.freshAt) <= limits.Margin {
		to.Database = op.peerFacts
	}
	op.credit(w.t)
}

func (op *operator) beaten(counter int64, t int) {
	fell := counter < op.peerCounter
	if counter != op.peerCounter {
		op.peerCounter, op.counterAt = counter, t
		if seconds(t-op.heardAt) <= limits.Margin {
			op.freshAt = t
		}
	}
	op.heardAt = t
	switch {
	case op.base < 0, fell:
		op.base, op.confirming = counter, false
	case counter > op.base:
		op.confirming = true
	}
}

// credit: whatever was streamed from the source of late, the source has.
func (op *operator) credit(t int) {
	own, source := op.o.Database, &op.o.Peer.Database
	if !source.Known || !own.Known || t-op.streamedAt > 10 || own.Newest() != source.Newest() {
		return
	}
	source.Beat, source.LSN = max(source.Beat, own.Beat), max(source.LSN, own.LSN)
}

// readWitness renews the lease when the site holds it; what it holds is good from the beginning of the round.
func (w *world) readWitness(s *site) {
	l, op := &w.witness, &s.op
	if !l.exists || l.cut[s.side] {
		return
	}
	if l.renewed != op.leaseRenewed {
		op.leaseRenewed, op.leaseAt = l.renewed, w.t
	}
	o := Witness{State: WitnessDenied, Epoch: l.epoch}
	switch {
	case l.holder == "":
		o.State = WitnessFree
	case l.holder == s.side && seconds(w.t-l.renewed) < limits.VoteTTL:
		l.renewed, o.State = w.t, WitnessGranted
	case seconds(w.t-op.leaseAt) > limits.VoteTTL+limits.Margin:
		o.State = WitnessFree
	}
	op.o.Witness = o
}

// decideAndWrite decides, and writes the status if it says something new and nobody wrote the object meanwhile.
func (w *world) decideAndWrite(s *site) bool {
	op := &s.op
	was := op.d.Rule + string(op.d.Action.Kind)
	op.d = Decide(op.o)
	next := op.d.Status
	if w.late(s) {
		return false
	}
	if next != op.read.status {
		if op.read.rv != s.obj.rv {
			return false
		}
		w.moves(s, s.obj.status, next)
		s.obj.status = next
		s.obj.rv++
		op.read = s.obj
	}
	if now := op.d.Rule + string(op.d.Action.Kind); now != was {
		w.tell("%s is %s, epoch %d: %s", s.side, op.d.Role, next.Epoch, op.d.sentence())
	}
	return true
}

// publish beats, with what was seen of the own database, unless somebody wrote the Lease meanwhile: an etcd that was
// restored under the round has another status than the one that was looked at.
func (w *world) publish(s *site) bool {
	op := &s.op
	if w.late(s) {
		return false
	}
	if op.beatRV != s.beat.rv {
		op.counter = -1
		return false
	}
	op.counter++
	op.beatRV++
	s.beat, s.beatAt = published{rv: op.beatRV, counter: op.counter, facts: op.o.Database}, w.t
	return true
}

// stands tells whether the object still says what was decided upon.
func (w *world) stands(s *site) bool {
	was, is := s.op.read, s.obj
	was.rv, was.status.Transition = is.rv, is.status.Transition
	return was == is && !w.late(s)
}

func (d Decision) sentence() string {
	text := d.Rule
	if d.Action.Kind != Nothing {
		text += " -> " + string(d.Action.Kind)
		if d.Action.Epoch != 0 {
			text += fmt.Sprintf(" %d", d.Action.Epoch)
		}
	}
	for _, more := range []string{d.WaitingFor, d.Refused, d.Next.String()} {
		if more != "" {
			text += "; " + more
		}
	}
	return text
}

// moves checks what the writes of a status may mean.
func (w *world) moves(s *site, was, now Status) {
	began := now.Transition.Kind == Planned && was.Transition.Kind != Planned && now.Transition.Step == QuiescingChat ||
		now.Released != 0 && was.Released == 0 && s.obj.prompts.Release != now.Released
	if began && w.bothWant[s.side.Other()] <= s.op.began {
		w.violate("%s begins to move though the specs never wanted it at the same time", s.side)
	}
	if c := now.Claim; c != was.Claim && c.Epoch > 0 && c.Kind == Forcing {
		if m := w.claims[c.Epoch]; m == nil || !m.accepted {
			w.claims[c.Epoch] = &mintStory{forced: !s.obj.spec.Witness}
		}
	}
	if now.Epoch < was.Epoch {
		w.violate("%s: its epoch falls from %d to %d", s.side, was.Epoch, now.Epoch)
	}
}

// execute carries the decision out, unless it does not stand any more.
func (w *world) execute(s *site) {
	op := &s.op
	if !w.stands(s) {
		return
	}
	d := op.d
	until := never
	if d.KeepFor != Forever {
		until = op.began + int(d.KeepFor/time.Second)
	}
	for i := range s.pods {
		if p := &s.pods[i]; !p.deaf && d.KeepFor > 0 && p.epoch > 0 && p.epoch == d.Status.Epoch {
			p.until = until
		}
	}
	w.act(s, d.Action, until)
}

func (w *world) act(s *site, a Action, until int) {
	d := &s.db
	switch a.Kind {
	case Activate, Resume:
		w.activate(s, a.Epoch, until)
	case Quiesce:
		w.quiesce(s, a.Epoch)
	case Shut:
		w.shut(s)
	case PublishAddress, WithdrawAddress:
		s.address = a.Kind == PublishAddress
	case AcquireWitness:
		w.acquire(s, a.Epoch)
	case YieldWitness:
		if l := &w.witness; !l.cut[s.side] && l.holder == s.side {
			l.holder = ""
		}
	case Initialise:
		w.mustBeFirst(s)
		if w.discarded(s) {
			w.initialise(s)
		}
	case Join:
		if w.discarded(s) {
			d.data, d.object = DataPartial, true
		}
	case Clone:
		if source := s.op.o.Peer.Database; d.facts().tail() == a.Tail && source.Known && source.Mode == Open {
			w.discard(s)
		}
	case Promote:
		w.promoteWith(s, a.Token)
	case Demote:
		w.demote(s)
	case Isolate:
		if a.Stray && d.data == DataPresent && d.mode == Open {
			w.write(s, entry{kind: strayMark})
		}
		w.isolate(s)
	case Fence:
		w.fence(s)
	case Unfence:
		w.unfence(s)
	case Follow:
		if d.mode == Isolated {
			d.mode, d.refused = Following, false
		}
	case RecordEpoch:
		if w.answers(s) {
			w.record(s, a)
		}
	case Salvage:
		if w.salvage {
			w.pull(s, a.Tail)
		}
	}
}

// discarded tells whether a database can be made: what was there, without its volumes, is discarded before.
func (w *world) discarded(s *site) bool {
	if s.db.data == DataEmpty && s.db.object {
		s.db.object = false
		return false
	}
	return s.db.data == DataEmpty
}

// reached lists the servers that an action reaches.
func (w *world) reached(s *site) []*pod {
	var list []*pod
	for i := range s.pods {
		if p := &s.pods[i]; !p.deaf && !(s.op.partial && len(list) == 1) {
			list = append(list, p)
		}
	}
	return list
}

// activate opens the epoch in the database, and each server that answered before the other site was read, and lives still.
func (w *world) activate(s *site, epoch int64, until int) {
	if !w.answers(s) || s.db.mode != Open || s.db.newest() != epoch {
		return
	}
	for _, p := range w.reached(s) {
		if p.life != s.op.said[0] && p.life != s.op.said[1] || p.epoch == epoch {
			continue
		}
		w.mustNotFall(s, epoch)
		if s.db.closed() >= epoch {
			w.write(s, entry{kind: gate, row: Epoch{Number: epoch - 1}})
		}
		*p = pod{life: p.life, epoch: epoch, until: until}
	}
}

// quiesce asks one server: it stops at once, and closes the epoch in the database if it can.
func (w *world) quiesce(s *site, epoch int64) {
	reached := w.reached(s)
	if len(reached) == 0 {
		return
	}
	p := reached[0]
	had := max(p.epoch, p.quiesced) == epoch
	if p.drop(); had {
		p.quiesced = epoch
	}
	if w.answers(s) && s.db.mode == Open && s.db.newest() == epoch && s.db.closed() < epoch {
		w.write(s, entry{kind: gate, row: Epoch{Number: epoch}})
	}
}

// shut takes the right of every server that answers, and bars the epoch for those that do not.
func (w *world) shut(s *site) {
	for _, p := range w.reached(s) {
		p.drop()
		p.shut = s.db.newest()
	}
	if said := s.op.said; (said[0] == 0 || said[1] == 0) && s.op.o.Database.Newest() > 0 {
		w.quiesce(s, s.op.o.Database.Newest())
	}
}

func (w *world) acquire(s *site, epoch int64) {
	l := &w.witness
	free := l.holder == "" || l.holder == s.side || seconds(w.t-s.op.leaseAt) > limits.VoteTTL+limits.Margin && l.renewed == s.op.leaseRenewed
	if !l.exists || l.cut[s.side] || !free || epoch < l.epoch {
		return
	}
	l.holder, l.epoch, l.renewed = s.side, epoch, w.t
}

// promoteWith: with a token, the promotion waits until everything that it stands for is there.
func (w *world) promoteWith(s *site, token string) {
	d := &s.db
	if d.data != DataPresent || d.mode != Following && d.mode != Isolated {
		return
	}
	if token == "" {
		w.promote(s)
		return
	}
	switch end := w.tokens[token]; {
	case d.lsn() < end:
	case d.lsn() > end && w.restored:
		w.tell("%s: CloudNativePG refuses a token that is older than the database", s.side)
	case d.lsn() > end:
		w.violate("%s is promoted with a token older than what it holds", s.side)
	default:
		w.promote(s)
	}
}

func (w *world) record(s *site, a Action) {
	before := s.db.newest()
	w.recordEpoch(s, a.Epoch, a.Timeline)
	if s.db.newest() == before {
		return
	}
	if sideOf(a.Epoch) != s.side {
		w.violate("%s mints epoch %d", s.side, a.Epoch)
	}
	if o := &w.other(s).db; s.op.d.Status.Transition.Kind == Planned && o.data == DataPresent && o.newest() == before {
		for _, e := range o.log {
			if e.kind == post && !s.db.holds(e.id) {
				w.violate("a planned move to %s leaves post %d behind", s.side, e.id)
			}
		}
	}
}

// pull is a part of the salvage: two posts at a time, then the mark.
func (w *world) pull(s *site, t Tail) {
	p := w.other(s)
	if s.db.mode != Open || !p.up() || !w.answers(p) || w.cut[s.side] || p.db.mode != Isolated || p.db.facts().tail() != t {
		return
	}
	left := 2
	for _, e := range p.db.log {
		if e.kind != post || s.db.holds(e.id) {
			continue
		}
		if left == 0 {
			return
		}
		left--
		w.write(s, entry{kind: post, id: e.id})
	}
	w.write(s, entry{kind: salvageMark, tail: t})
}

// mustBeFirst: a database is initialised only where no other one has posts, or a person says so.
func (w *world) mustBeFirst(s *site) {
	o := &w.other(s).db
	if o.data == DataPresent && o.newest() > 0 && !s.obj.prompts.Activate.NewPool {
		w.violate("%s makes an empty database beside the other site's", s.side)
	}
	if s.db.data == DataPresent && s.db.newest() > 0 {
		w.violate("%s makes an empty database over its own", s.side)
	}
}

// mustNotFall: no site opens in an epoch below one in which the other has accepted, but for what was under way when a
// forced epoch began, and two words of people who did not know of each other.
func (w *world) mustNotFall(s *site, epoch int64) {
	top := w.topAccepted[s.side.Other()]
	if top < epoch {
		return
	}
	if m := w.claims[top]; w.forced(epoch) || w.excusedBy(top) && m.accepted && s.op.began <= m.acceptedAt {
		return
	}
	w.violate("%s activates servers for epoch %d after %s accepted in epoch %d", s.side, epoch, s.side.Other(), top)
}

// contact: a round in which a site has read of a higher epoch ends with its servers shut.
func (w *world) contact(s *site) {
	o := s.op.o
	if s.pods[0].deaf || s.pods[1].deaf || !w.stands(s) {
		return
	}
	if !o.Peer.Live || s.op.partial || !o.Servers.Known {
		return
	}
	if n := w.accepting(s); n > 0 && n < o.Peer.Status.Epoch && o.Servers.Epoch > 0 {
		w.violate("%s accepts in epoch %d though it has read of epoch %d", s.side, n, o.Peer.Status.Epoch)
	}
}
