package sites

import "time"

// samples is how many positions of the other site's log are remembered: at one every 2 s, about two minutes.
const samples = 64

// Lag measures at the standby how old the newest moment is of which it has everything: the other site's log ended at
// some position when it was read at some time, and this site's has got there. What is lost if the other site dies now
// is younger than that. The zero value knows nothing. It belongs to one goroutine.
type Lag struct {
	seen []sample
	has  time.Time // everything written before this moment is here
}

type sample struct {
	position int64
	at       time.Time // before it was asked for
}

// Source notes where the other site's log ended at a moment: at is before the question was sent.
func (l *Lag) Source(position int64, at time.Time) {
	if n := len(l.seen); n > 0 && position < l.seen[n-1].position {
		l.seen = l.seen[:0] // another log: a site of another history, or a restored one
	}
	if len(l.seen) == samples {
		// Every second one is forgotten: old moments get coarser, none is lost for good while it is behind.
		kept := l.seen[:0]
		for i := 0; i < samples; i += 2 {
			kept = append(kept, l.seen[i])
		}
		l.seen = kept
	}
	l.seen = append(l.seen, sample{position, at})
}

// Reached notes where this site's own log ends.
func (l *Lag) Reached(position int64) {
	n := 0
	for n < len(l.seen) && l.seen[n].position <= position {
		l.has = l.seen[n].at
		n++
	}
	l.seen = append(l.seen[:0], l.seen[n:]...)
}

// Age is the bound; ok is false when nothing was ever reached.
func (l *Lag) Age(now time.Time) (age time.Duration, ok bool) {
	return now.Sub(l.has), !l.has.IsZero()
}

// Standby is what a standby site knows when it asks whether it must be cloned anew. Nothing in it is a guess: a site
// that cannot be asked leaves Known false.
type Standby struct {
	// Known: both databases were asked just now.
	Known bool
	// Receiving: its log receiver streams.
	Receiving bool
	// Position is the end of its log; SourceKeeps is where the log begins that the other site still has.
	Position, SourceKeeps int64
	// SourceActive: the other site says that its database is the one that is written.
	SourceActive bool
	// WasActive: this site's database was once written, so it may have what no other has.
	WasActive bool
}

// FellBehind tells whether a standby can never follow again because the log that it needs next is gone. One that was
// once active is never given up here.
func (s Standby) FellBehind() bool {
	return s.Known && !s.Receiving && s.SourceActive && !s.WasActive && s.Position > 0 && s.Position < s.SourceKeeps
}
