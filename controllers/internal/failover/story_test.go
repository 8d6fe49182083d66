package failover

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

var (
	runs = flag.Int("runs", 500, "random stories per profile")
	seed = flag.Uint64("seed", 0, "first seed")
)

// event is one thing that happens. Its number means whatever the kind makes of it, so that any list of events, and any
// part of one, is a story.
type event struct {
	kind kind
	side Side
	n    int
}

type kind int

const (
	step kind = iota // phases of an operator's round
	roundTrip
	pass   // seconds in which no operator does anything
	idling // seconds in which both do
	alone  // seconds in which only the site's does
	crashOperator
	partialAction
	killPod
	killPods
	freeze
	powerOff
	powerOn
	cutLink
	mendLink
	cutReplication
	mendReplication
	slowReplication
	apiDown
	apiUp
	mute
	deafen
	speak
	inSiteFailover
	flip
	obey
	confirm
	activate
	release
	abandonTail
	takeSnapshot
	restoreSnapshot
	destroyVolumes
	oldVolumes
	rebuild
	cutWitness
	mendWitness
	kinds
)

var kindNames = [...]string{"step", "round", "pass", "idle", "alone", "operator dies", "next action reaches one server", "a pod dies", "all pods die",
	"freeze", "power off", "power on", "link cut from", "link mended from", "replication cut", "replication mended", "replication slow",
	"API server down", "API server up", "no facts about the database", "servers do not answer", "everything answers", "in-site failover", "spec flips",
	"a person follows the advice", "a person confirms", "a person activates", "a person releases", "a person abandons the tail",
	"etcd snapshot", "etcd restored", "volumes destroyed", "volumes restored from an older copy", "rebuilt from nothing",
	"witness cut from", "witness mended for"}

// happen makes an event happen. What cannot happen now does not.
func (w *world) happen(e event) {
	s := w.whom(e.side)
	before := len(w.story)
	if e.kind >= crashOperator {
		w.tell("* %s: %s", s.side, kindNames[e.kind])
	}
	if !w.machinery(s, e) && !w.links(s, e) && !w.people(s, e) && !w.disaster(s, e) && len(w.story) > before {
		w.story = w.story[:before]
	}
	w.check()
}

// whom finds the site that is meant.
func (w *world) whom(side Side) *site {
	active := w.sites[Home]
	if w.sites[Backup].obj.status.Role == Active && w.sites[Backup].obj.status.Epoch >= active.obj.status.Epoch {
		active = w.sites[Backup]
	}
	switch side {
	case theActive:
		return active
	case theStandby:
		return w.other(active)
	}
	return w.sites[side]
}

func (w *world) machinery(s *site, e event) bool {
	switch e.kind {
	case step:
		for range 1 + e.n%4 {
			w.step(s)
		}
	case roundTrip:
		w.round(s)
	case pass:
		for range 1 + e.n%12 {
			w.second()
		}
	case idling:
		w.idle(1 + e.n/2)
	case alone:
		for range 1 + e.n/4 {
			w.second()
			w.round(s)
		}
	case crashOperator:
		s.op.restart(w.t)
	case partialAction:
		s.op.partial = true
	case killPod:
		w.start(&s.pods[e.n%2])
	case killPods:
		w.startAll(s)
	case freeze:
		if !s.up() {
			return false
		}
		s.frozen = w.t + 16 + e.n
	case inSiteFailover:
		if !s.up() || s.db.mode != Open || s.db.data != DataPresent {
			return false
		}
		w.promote(s)
	default:
		return false
	}
	return true
}

// round brings an operator to the end of the round that it is in.
func (w *world) round(s *site) {
	for range rounds {
		w.step(s)
		if s.op.phase == 0 {
			return
		}
	}
}

// idle lets time pass while both operators live.
func (w *world) idle(n int) {
	for i := range n {
		w.second()
		if i%2 == 0 {
			w.each(w.round)
		}
	}
}

func (w *world) links(s *site, e event) bool {
	switch e.kind {
	case cutLink, mendLink:
		w.cut[s.side] = e.kind == cutLink
	case cutReplication, mendReplication:
		w.dbCut = e.kind == cutReplication
	case slowReplication:
		w.slow = !w.slow
	case apiDown, apiUp:
		s.apiDown = e.kind == apiDown
	case mute, speak:
		s.mute = e.kind == mute
		s.pods[0].deaf, s.pods[1].deaf = false, false
	case deafen:
		s.pods[0].deaf, s.pods[1].deaf = e.n%4 < 2, e.n%4 > 0
	case cutWitness, mendWitness:
		w.witness.cut[s.side] = e.kind == cutWitness
	default:
		return false
	}
	return true
}

func (w *world) people(s *site, e event) bool {
	if s.apiDown || !s.power {
		return false
	}
	o := &s.obj
	switch e.kind {
	case flip:
		o.spec.PoolState = StateFor(o.spec.PoolState.Wants().Other())
		if e.n%2 == 0 && !w.other(s).apiDown && w.other(s).power { // in both manifests
			w.other(s).obj.spec.PoolState = o.spec.PoolState
			w.other(s).obj.rv++
		}
		w.tell("  %s wants %s, %s wants %s", Home, w.sites[Home].obj.spec.PoolState, Backup, w.sites[Backup].obj.spec.PoolState)
	case obey:
		return w.obey(s)
	case confirm:
		w.setConfirm(s, Attestation{Epoch: int64(e.n % 6), Abandon: int64(e.n / 6 % 4)})
	case activate:
		o.prompts.Activate = Attestation{Epoch: int64(e.n % 6), Abandon: int64(e.n / 6 % 4), NewPool: e.n%5 == 0}
	case release:
		o.prompts.Release = int64(e.n % 6)
	case abandonTail:
		o.prompts.AbandonTail = int64(e.n % 6)
	default:
		return false
	}
	o.rv++
	return true
}

// setConfirm: the manifest's confirmation never decreases (a rule of the API).
func (w *world) setConfirm(s *site, a Attestation) bool {
	if a.Epoch < s.obj.spec.Confirm.Epoch {
		return false
	}
	s.obj.spec.Confirm = a
	return true
}

// obey does what the site's last decision tells a person to do.
func (w *world) obey(s *site) bool {
	c := s.op.d.Next
	if c.Kind == NoCommand {
		return false
	}
	w.tell("  at %s: %s", s.side, c)
	word := Attestation{Epoch: c.Epoch, Abandon: c.Abandon, NewPool: c.NewPool}
	switch c.Kind {
	case ConfirmCommand:
		if !w.setConfirm(s, word) {
			s.obj.prompts.Activate = word
		}
	case ActivateCommand:
		s.obj.prompts.Activate = word
	case ReleaseCommand:
		s.obj.prompts.Release = c.Epoch
	case SetStateCommand:
		w.each(func(s *site) { s.obj.spec.PoolState = c.State; s.obj.rv++ })
	case NoWitnessCommand:
		w.each(func(s *site) { s.obj.spec.Witness = false; s.obj.rv++ })
	}
	s.obj.rv++
	return true
}

func (w *world) disaster(s *site, e event) bool {
	switch e.kind {
	case powerOff:
		w.powerOff(s)
	case powerOn:
		w.powerOn(s)
	case takeSnapshot:
		s.snapshot = &snapshot{s.obj, s.beat, s.db.mode, s.db.fenced}
	case restoreSnapshot:
		if s.snapshot == nil {
			return false
		}
		w.restore(s)
	case destroyVolumes:
		w.lose(s, 0)
		s.db = database{data: DataEmpty, object: s.db.object, fenced: s.db.fenced}
	case oldVolumes:
		// With a witness's word alone a site cannot know that it is older than its follower.
		if s.power || s.db.data != DataPresent || s.obj.spec.Witness {
			return false
		}
		w.restoreVolume(s, 1+e.n%3)
	case rebuild:
		w.lose(s, 0)
		w.powerOff(s)
		s.db, s.address, s.snapshot = database{data: DataEmpty}, false, nil
		s.obj, s.beat = object{rv: s.obj.rv + 1, spec: s.obj.spec}, published{rv: s.beat.rv + 1}
		w.powerOn(s)
	default:
		return false
	}
	w.forget()
	return true
}

// tellStory runs a list of events from a running pool, and then lets everything heal.
func tellStory(p profile, list []event) *world {
	w := newWorld(p.witness)
	w.salvage = p.salvage
	if !w.converge(60) {
		w.violate("a new pool does not come up")
	}
	w.story = nil
	for _, e := range list {
		if w.violation != "" {
			return w
		}
		w.happen(e)
	}
	w.leave()
	w.heal()
	if !w.converge(600) {
		w.violate("no way out: %s", w.state())
	}
	if w.servedAfter > roundsToServe {
		w.violate("posts were accepted only in round %d after everything had healed", w.servedAfter)
	}
	w.mustHaveEverything()
	return w
}

// roundsToServe is how many rounds the sites have, after everything healed, until one of them accepts posts. People who
// follow the advice that is shown are part of it: they look every 30 rounds, and act when it stands the second time.
const roundsToServe = 300

// leave notes the states from which this story has to find a way out.
func (w *world) leave() {
	w.each(func(s *site) {
		w.left = append(w.left, string(s.op.d.Role), s.op.d.Rule, string(s.obj.status.Transition.Step))
	})
}

// heal mends everything; specs are equal and stay so.
func (w *world) heal() {
	w.tell("* everything heals")
	w.dbCut, w.slow, w.witness.cut = false, false, map[Side]bool{}
	state := w.sites[Home].obj.spec.PoolState
	w.each(func(s *site) {
		w.cut[s.side], s.apiDown, s.mute, s.frozen, s.op.partial = false, false, false, 0, false
		s.pods[0].deaf, s.pods[1].deaf = false, false
		s.obj.spec.PoolState = state
		s.obj.spec.Witness = s.obj.spec.Witness && w.sites[s.side.Other()].obj.spec.Witness
		s.obj.rv++
		w.powerOn(s)
	})
	w.check()
}

// converge runs both operators; a person follows the advice that stands for a while.
func (w *world) converge(roundsEach int) bool {
	advice := map[Side]Command{}
	w.servedAfter = 0
	for i := range roundsEach {
		w.second()
		w.second()
		w.each(w.round)
		if w.violation != "" {
			return true
		}
		if w.servedAfter == 0 && w.accepting(w.sites[Home])+w.accepting(w.sites[Backup]) > 0 {
			w.servedAfter = i
		}
		if i > 2 && w.settled() {
			return true
		}
		if i%30 == 29 {
			w.each(func(s *site) {
				if c := s.op.d.Next; c.Kind != NoCommand && c == advice[s.side] {
					w.obey(s)
				}
				advice[s.side] = s.op.d.Next
				if !w.salvage && s.obj.status.Transition.Step == Salvaging && s.obj.prompts.AbandonTail != s.db.newest() {
					w.tell("  at %s: the tail of epoch %d is abandoned", s.side, s.db.newest())
					s.obj.prompts.AbandonTail = s.db.newest()
					s.obj.rv++
				}
			})
		}
	}
	return false
}

// settled: one site serves where both specs want it, the other follows it.
func (w *world) settled() bool {
	a := w.sites[w.sites[Home].obj.spec.PoolState.Wants()]
	b := w.other(a)
	return a.op.d.Role == Active && b.op.d.Role == Standby && w.accepting(a) > 0 && w.accepting(b) == 0 && b.db.stream && b.db.newest() == a.db.newest() &&
		a.address && !b.address && a.obj.status.Transition.Kind == NoMove && b.obj.status.Transition.Kind == NoMove && a.obj.status.Claim.Epoch == 0
}

func (w *world) state() string {
	var b strings.Builder
	w.each(func(s *site) {
		fmt.Fprintf(&b, "\n  %s: %s, known %d, database %s, servers %v, wants %s: %s", s.side, s.op.d.Role, s.obj.status.Epoch, &s.db, s.pods,
			s.obj.spec.PoolState, s.op.d.sentence())
	})
	return b.String()
}

// mustHaveEverything: every acknowledged post is in the active database, once.
func (w *world) mustHaveEverything() {
	if w.violation != "" {
		return
	}
	a := w.sites[w.sites[Home].obj.spec.PoolState.Wants()]
	count := map[int]int{}
	for _, e := range a.db.log {
		if e.kind == post {
			count[e.id]++
		}
	}
	for id := range w.acked {
		if n := count[id]; n > 1 || n == 0 && !w.excused[id] {
			w.violate("post %d is in the active database %d times", id, n)
		}
	}
}

// shrink leaves out what the story does not need.
func shrink(p profile, list []event) []event {
	for size := len(list) / 2; size > 0; {
		shorter := false
		for i := 0; i+size <= len(list); {
			less := append(append([]event{}, list[:i]...), list[i+size:]...)
			if tellStory(p, less).violation != "" {
				list, shorter = less, true
				continue
			}
			i += size
		}
		if size > 1 || !shorter {
			size /= 2
		}
	}
	return list
}

// abridged leaves out the middle of a story that goes round in circles.
func abridged(story []string) []string {
	const most = 80
	if len(story) <= most {
		return story
	}
	return append(append(append([]string{}, story[:most-20]...), "   ..."), story[len(story)-20:]...)
}

func TestTwoSitesInRandomStories(t *testing.T) {
	var lock sync.Mutex
	left, told := map[string]int{}, 0
	note := func(w *world) {
		lock.Lock()
		defer lock.Unlock()
		told++
		for _, state := range w.left {
			left[state]++
		}
	}
	t.Run("told", func(t *testing.T) {
		for _, p := range profiles {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				tellStories(t, p, note)
			})
		}
	})
	if told < 500*len(profiles) {
		return
	}
	for _, state := range everyState {
		if left[state] == 0 {
			t.Errorf("no story ends in %s: that it has an exit was not tried", state)
		}
	}
}

// tellStories tells as many of a profile as are wanted; what fails is told once more, without what it does not need.
func tellStories(t *testing.T, p profile, note func(*world)) {
	for i := range *runs {
		n := *seed + uint64(i)
		p.salvage = n%2 == 0
		r := rand.New(rand.NewPCG(n, 1))
		list := p.events(r, 20+r.IntN(200))
		w := tellStory(p, list)
		if w.violation != "" {
			w = tellStory(p, shrink(p, list))
			t.Fatalf("seed %d: %s\n%s", n, w.violation, strings.Join(abridged(w.story), "\n"))
		}
		note(w)
	}
}

// everyState is what the stories are left in, so that each is seen to have an exit.
var everyState = []string{string(Active), string(Standby), string(Probation), string(Fenced), string(QuiescingChat), string(DemotingOld),
	string(Granting), string(FencingDatabase), string(Releasing), string(RemovingLogShipping), string(ApplyingReceivedWAL), string(Claiming),
	string(Promoting), string(RecordingEpoch), string(ActivatingServers), string(SwitchingAddress), string(OldFollows), string(Isolating),
	string(Salvaging), string(Rejoining), "StepBack", "ShutOvertaken", "RecordPromoted", "GaveAway", "ReleasedItself", "LostItsEpoch", "Force",
	"Join"}
