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
	rv      int
	o       Observation
	d       Decision
	partial bool // the next action reaches one of two servers only

	started      int
	peer         *object // the cache
	counterAt    int     // when the peer's counter was last seen to change
	claim        Claim
	claimAt      int
	transition   Transition
	stepAt       int
	base         int64 // the peer's counter when it was first read after the claim
	confirming   bool
	databaseAt   int // when the own database last answered
	leaseRenewed int
	leaseAt      int
}

const rounds = 7

func (op *operator) restart(t int) {
	*op = operator{started: t, counterAt: t, databaseAt: t, base: -1, leaseRenewed: -1, leaseAt: t, claimAt: t, stepAt: t, d: op.d}
}

var limits = DefaultLimits()

// step runs one phase of a site's operator.
func (w *world) step(s *site) {
	op := &s.op
	if !s.up() || s.apiDown {
		return
	}
	switch op.phase {
	case 0:
		w.readOwn(s)
	case 1:
		w.readOwnDatabase(s)
	case 2:
		w.readPeer(s)
	case 3:
		w.readPeerDatabase(s)
	case 4:
		w.readWitness(s)
	case 5:
		if !w.decideAndWrite(s) {
			op.phase = 0
			return
		}
	case 6:
		w.execute(s)
		w.contact(s)
		op.partial = false
	}
	op.phase = (op.phase + 1) % rounds
	w.check()
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func (w *world) readOwn(s *site) {
	op := &s.op
	op.began, op.rv = w.t, s.obj.rv
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
	op.o.Database = Database{Fenced: s.db.fenced}
	if !s.mute {
		op.databaseAt = w.t
		op.o.Database = s.db.facts()
		op.o.Database.Followed = w.other(s).db.stream
		op.o.Servers = w.servers(s)
	}
	op.o.Database.SilentFor = seconds(w.t - op.databaseAt)
}

func (w *world) servers(s *site) Servers {
	f := Servers{Known: true, Quiesced: true, Drained: true}
	for _, p := range s.pods {
		if p.epoch == 0 || p.until < w.t {
			continue
		}
		f.Epoch = max(f.Epoch, p.epoch)
		f.Quiesced = f.Quiesced && p.quiesced
	}
	f.Drained = f.Quiesced
	f.Quiesced = f.Quiesced && f.Epoch > 0
	return f
}

func (w *world) readPeer(s *site) {
	op, p := &s.op, w.other(s)
	if p.power && !p.apiDown && !w.cut[s.side] {
		c := p.obj.status.Counter
		if op.peer == nil || op.peer.status.Counter != c {
			op.counterAt = w.t
		}
		switch {
		case op.peer != nil && c < op.peer.status.Counter, op.base < 0:
			op.base, op.confirming = c, false
		case c > op.base:
			op.confirming = true
		}
		seen := p.obj
		op.peer = &seen
		op.o.Peer.Live = true
	}
	if op.peer != nil {
		op.o.Peer.Known, op.o.Peer.Spec, op.o.Peer.Status = true, op.peer.spec, op.peer.status
	}
	op.o.Peer.SilentFor = seconds(w.t - op.counterAt)
	op.o.Peer.Confirming = op.confirming
}

func (w *world) readPeerDatabase(s *site) {
	p := w.other(s)
	if p.up() && !p.mute && !w.cut[s.side] {
		s.op.o.Peer.Database = p.db.facts()
		s.op.o.Peer.Database.Followed = s.db.stream
		s.op.o.Peer.Servers = w.servers(p)
	}
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

// decideAndWrite decides, and writes the status if nobody wrote the object meanwhile.
func (w *world) decideAndWrite(s *site) bool {
	op := &s.op
	was := op.d.Rule + string(op.d.Action.Kind)
	op.d = Decide(op.o)
	if op.rv != s.obj.rv || seconds(w.t-op.began) > ValidFor {
		return false
	}
	next := op.d.Status
	w.moves(s, s.obj.status, next)
	next.Counter++
	s.obj.status = next
	s.obj.rv++
	if now := op.d.Rule + string(op.d.Action.Kind); now != was {
		w.tell("%s is %s, epoch %d: %s", s.side, op.d.Role, next.Epoch, op.d.sentence())
	}
	return true
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

// execute carries the decision out, unless the operator was away for too long.
func (w *world) execute(s *site) {
	op := &s.op
	if seconds(w.t-op.began) > ValidFor {
		return
	}
	d := op.d
	until := never
	if d.KeepFor != Forever {
		until = op.began + int(d.KeepFor/time.Second)
	}
	if !s.mute && d.KeepFor > 0 {
		for i := range s.pods {
			if p := &s.pods[i]; p.epoch > 0 && p.epoch == d.Status.Epoch {
				p.until = until
			}
		}
	}
	w.act(s, d.Action, until)
}

func (w *world) act(s *site, a Action, until int) {
	d := &s.db
	switch a.Kind {
	case Activate, Quiesce, Resume, Shut:
		w.tellServers(s, a, until)
	case ShutPeer:
		w.tellPeersServers(s, a.Epoch)
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
		if d.data != DataPresent {
			w.initialise(s)
		}
	case Join:
		if d.data != DataPresent {
			d.data = DataPartial
		}
	case Clone:
		if d.facts().tail() == a.Tail && w.sourceOpen(s) {
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
	case RewindTo:
		if d.facts().tail() == a.Tail && w.sourceOpen(s) {
			w.rewindTo(s)
		}
	case RecordEpoch:
		w.record(s, a)
	case Salvage:
		w.pull(s, a.Tail)
	}
}

func (w *world) sourceOpen(s *site) bool {
	src := w.other(s)
	return src.up() && !w.dbCut && src.db.data == DataPresent && src.db.mode == Open
}

func (w *world) tellServers(s *site, a Action, until int) {
	if s.mute {
		return
	}
	n := len(s.pods)
	if s.op.partial {
		n = 1
	}
	for i := range s.pods[:n] {
		p := &s.pods[i]
		switch {
		case a.Kind == Shut:
			*p = pod{}
		case a.Kind == Quiesce && p.epoch == a.Epoch:
			p.quiesced = true
		case a.Kind == Resume && p.epoch == a.Epoch:
			p.quiesced = false
		case a.Kind == Activate:
			w.mustNotFall(s, a.Epoch)
			*p = pod{epoch: a.Epoch, until: until}
		}
	}
}

func (w *world) tellPeersServers(s *site, epoch int64) {
	p := w.other(s)
	if !p.up() || p.mute || w.cut[s.side] {
		return
	}
	for i := range p.pods {
		if p.pods[i].epoch < epoch {
			p.pods[i] = pod{}
		}
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
	if s.db.mode != Open || !p.up() || p.mute || w.cut[s.side] || p.db.mode != Isolated || p.db.facts().tail() != t {
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
	o, p := s.op.o, w.other(s)
	if o.Peer.Servers.Known && !p.mute && p.up() && !w.cut[s.side] && s.op.d.Role == Active && s.op.d.Action.Kind != AcquireWitness &&
		seconds(w.t-s.op.began) <= ValidFor {
		if n := w.accepting(p); n > 0 && n < s.op.d.Status.Epoch && o.Peer.Servers.Epoch == n {
			w.violate("%s has reached the servers of %s, and they still accept in epoch %d", s.side, p.side, n)
		}
	}
	if !o.Peer.Live || s.mute || s.op.partial || seconds(w.t-s.op.began) > ValidFor {
		return
	}
	if n := w.accepting(s); n > 0 && n < o.Peer.Status.Epoch && o.Servers.Epoch > 0 {
		w.violate("%s accepts in epoch %d though it has read of epoch %d", s.side, n, o.Peer.Status.Epoch)
	}
}
