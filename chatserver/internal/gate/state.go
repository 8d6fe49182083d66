package gate

import (
	"fmt"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/internal/store/pg"
)

// ColdStartAfter is after how long a standstill of its loop a server may not write any more.
const ColdStartAfter = 15 * time.Second

const (
	// movesNeeded is how often a neighbour must have moved the heartbeat.
	movesNeeded = 2
	// watchPause is the longest time between two looks that count as watching without a pause.
	watchPause = 5 * time.Second
)

// state is what a server knows about its right. Times are of one clock that never goes back.
type state struct {
	site, instance string

	epoch     int64 // that it may write in; 0: none
	how       string
	neighbour string
	reason    string // why it may not
	since     time.Duration
	granted   time.Duration // when the right was last given
	term      term          // how long the right lasts that was last given
	quiesced  int64         // epoch of a right that only a quiesce has ended; 0: none

	highest int64         // epoch that was heard of
	shut    int64         // epochs up to this one only an operator opens; nextSeen: the next one that is seen
	closing int64         // the same, until the database has it that the epoch is closed
	shuts   int64         // counts how often it was shut
	alive   time.Duration // when the loop was last seen to run
	life    int64         // counts standstills

	alone  bool          // there is a witness: a right ends if it is not renewed, and a neighbour's word has no end
	looked time.Duration // when the last look was asked for
	watch  *watch        // nil: nothing to go on from
	hearts map[string]sighting
}

// term is how long a right lasts. It counts from when the ticket was given: what the operator then saw of votes is newer.
type term struct {
	from time.Duration
	ends time.Duration // 0: never
}

func (t term) over(now time.Duration) bool { return t.ends > 0 && now >= t.ends }

// next is the term after another word for the same right. An older word changes nothing.
func (t term) next(n term) term {
	if n.from < t.from {
		return t
	}
	return n
}

// watch is what was seen without a pause.
type watch struct {
	epoch   int64
	counter int64
	moves   map[string]int // by instance
}

// sighting is a heartbeat as last seen, by site.
type sighting struct {
	pg.Heart
	at    time.Duration // when it was seen to move
	moved bool          // ever
}

func newState(site, instance string, now time.Duration) *state {
	return &state{site: site, instance: instance, alive: now, since: now, looked: -watchPause, hearts: map[string]sighting{},
		reason: "the server has just started: it waits for its operator or a neighbour"}
}

// live notes that the loop runs.
func (s *state) live(now time.Duration) {
	s.thaw(now)
	s.lapse(now)
	s.alive = now
}

// thaw drops everything when the loop stood still for too long.
func (s *state) thaw(now time.Duration) {
	if now-s.alive <= ColdStartAfter {
		return
	}
	s.drop(now, fmt.Sprintf("the server stood still for %s", (now-s.alive).Round(time.Second)))
	s.life++
	s.alive, s.watch = now, nil
}

// lapse drops a right that was not renewed in time. Passes and tickets of before are worth nothing then.
func (s *state) lapse(now time.Duration) {
	if s.epoch == 0 || !s.term.over(now) {
		return
	}
	s.drop(now, "the right was not renewed: neither the witness nor the other site votes for this one, or the operator is away")
	s.life++
	s.watch = nil
}

// drop ends the right.
func (s *state) drop(now time.Duration, reason string) {
	if s.epoch > 0 {
		s.since = now
	}
	s.epoch, s.how, s.neighbour, s.reason, s.quiesced = 0, "", "", reason, 0
}

// grant gives the right.
func (s *state) grant(now time.Duration, epoch int64, how, neighbour string, t term) {
	if s.epoch != epoch {
		s.since = now
	}
	s.term = t
	s.epoch, s.how, s.neighbour, s.reason, s.quiesced = epoch, how, neighbour, "", 0
	s.granted, s.highest = now, max(s.highest, epoch)
}

// pass gives the right that there is at a time.
func (s *state) pass(now time.Duration) (pg.Pass, bool) {
	if s.epoch == 0 || now-s.alive > ColdStartAfter || s.term.over(now) {
		return pg.Pass{}, false
	}
	return pg.Pass{Epoch: s.epoch, Life: s.life}, true
}

// holds tells whether the process has not stood still since the pass was given, and the right has not run out.
func (s *state) holds(now time.Duration, p pg.Pass) bool {
	return p.Life == s.life && now-s.alive <= ColdStartAfter && !s.term.over(now)
}

// held is the epoch of the right that only a quiesce has ended.
func (s *state) held(now time.Duration) int64 {
	if now-s.alive > ColdStartAfter {
		return 0
	}
	return s.quiesced
}

// hear takes notice of an epoch that the database has.
func (s *state) hear(now time.Duration, epoch int64) {
	s.highest = max(s.highest, epoch)
	if mine := max(s.epoch, s.quiesced); mine > 0 && mine != epoch {
		s.drop(now, fmt.Sprintf("the database is in epoch %d", epoch))
	}
}

// nextSeen stands for an epoch that is not known yet.
const nextSeen = -1

// deactivate ends the right until an operator gives it again, or there is a higher epoch than all that were heard of.
func (s *state) deactivate(now time.Duration) {
	if s.shut = s.highest; s.shut == 0 {
		s.shut = nextSeen
	}
	s.shutDown(now, "deactivated by the operator")
}

// quiesce ends the right for as long as the epoch is being closed; closed is called when the database has it.
func (s *state) quiesce(now time.Duration, epoch int64) {
	s.thaw(now)
	had := max(s.epoch, s.quiesced) == epoch
	s.closing = max(s.closing, epoch)
	s.shutDown(now, fmt.Sprintf("epoch %d is quiesced by the operator", epoch))
	if had {
		s.quiesced = epoch
	}
}

func (s *state) closed() { s.closing = 0 }

func (s *state) shutDown(now time.Duration, reason string) {
	s.shuts++
	s.watch = nil
	s.drop(now, reason)
}

// open takes the operator's word for an epoch. It fails when a higher one is known.
func (s *state) open(now time.Duration, epoch int64, t term) bool {
	s.thaw(now)
	s.lapse(now)
	if epoch < s.highest {
		return false
	}
	if p, ok := s.pass(now); ok && p.Epoch == epoch {
		t = s.term.next(t)
	}
	s.shut, s.closing = 0, 0
	s.grant(now, epoch, adminapi.ByOperator, "", t)
	return true
}

// extend gives a right that there is for the epoch another term. It tells whether there is one.
func (s *state) extend(now time.Duration, epoch int64, t term) bool {
	p, ok := s.pass(now)
	if ok = ok && p.Epoch == epoch; ok {
		s.term = s.term.next(t)
	}
	return ok
}

// look takes what the database showed to a question that was asked at a time.
func (s *state) look(now, asked time.Duration, w pg.Watched) {
	s.live(now)
	if asked < s.granted {
		return // from before the epoch was opened
	}
	steady := asked-s.looked <= watchPause
	s.looked = asked
	s.see(now, w.Hearts)
	s.hear(now, w.Newest)
	if s.shut == nextSeen {
		s.shut = w.Newest
	}
	if held := s.epoch; held > 0 && w.Closed >= held {
		s.drop(now, fmt.Sprintf("epoch %d is quiesced", held))
		s.quiesced = held
	}
	if s.alone || s.epoch > 0 || w.ReadOnly || w.Newest < s.highest || w.Newest <= max(w.Closed, s.shut, s.closing) {
		s.watch = nil
		return
	}
	s.follow(now, steady, w)
}

// follow counts the moves of neighbours.
func (s *state) follow(now time.Duration, steady bool, w pg.Watched) {
	var mine pg.Heart
	for _, h := range w.Hearts {
		if h.Site == s.site {
			mine = h
		}
	}
	if s.watch == nil || !steady || s.watch.epoch != w.Newest || mine.Counter < s.watch.counter {
		s.watch = &watch{epoch: w.Newest, counter: mine.Counter, moves: map[string]int{}}
		return
	}
	if mine.Counter == s.watch.counter || mine.Instance == s.instance {
		return
	}
	s.watch.counter = mine.Counter
	s.watch.moves[mine.Instance]++
	if s.watch.moves[mine.Instance] >= movesNeeded {
		s.watch = nil
		s.grant(now, w.Newest, adminapi.ByNeighbour, mine.Pod, term{})
	}
}

// see notes when heartbeats move.
func (s *state) see(now time.Duration, hearts []pg.Heart) {
	seen := make(map[string]sighting, len(hearts))
	for _, h := range hearts {
		before, known := s.hearts[h.Site]
		sight := sighting{Heart: h, at: before.at, moved: before.moved}
		if known && (before.Epoch != h.Epoch || before.Counter != h.Counter) {
			sight.at, sight.moved = now, true
		}
		seen[h.Site] = sight
	}
	s.hearts = seen
}
