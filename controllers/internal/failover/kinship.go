package failover

// kin is how the contents of a database that is out of its turn relate to the active site's.
type kin int

const (
	foreign    kin = iota // may differ anywhere: only a copy is safe
	rewindable            // the same up to the fork, then something of its own
	contained             // a prefix: it can follow
)

func (v *view) kinship() kin {
	own := v.Database
	own.Strayed = v.s.Strayed
	return kinship(v.Self, own, v.Peer.Database)
}

// kinship compares by the epoch table, not by timelines alone: two sites can reach the same timeline number, even at the
// same LSN, with different contents. What counts is the fork of the first epoch that the active site has after the
// newest one here.
func kinship(side Side, own, active Database) kin {
	if own.Strayed || !own.Known || !active.Known || own.Newest() == 0 || own.System != active.System {
		return foreign
	}
	next, known := epochAfter(active.Epochs, own.Newest())
	switch {
	case !known:
		return foreign // an epoch of which the active site never heard
	case next.Number == 0:
		return kinInSameEpoch(side, own, active)
	case own.Timeline != next.ForkTimeline:
		return foreign
	case side.Mints(own.Newest()):
		return kinOfSource(own, next)
	case own.LSN <= next.ForkLSN && own.Beat <= next.ForkBeat:
		return contained
	}
	// A follower that went beyond its source: the source was restored from an older copy.
	return foreign
}

// kinOfSource judges the site that served the overtaken epoch. It was never behind its follower: if it is now, it was
// restored from an older copy, and equal places do not mean equal contents.
func kinOfSource(own Database, next Epoch) kin {
	switch {
	case own.Beat < next.ForkBeat || own.LSN < next.ForkLSN:
		return foreign
	case own.LSN == next.ForkLSN:
		return contained
	}
	return rewindable
}

// kinInSameEpoch judges a follower that was stopped in the epoch that the active site still serves.
func kinInSameEpoch(side Side, own, active Database) kin {
	if side.Mints(own.Newest()) || own.Timeline > active.Timeline || own.LSN > active.LSN || own.Beat > active.Beat {
		return foreign
	}
	return contained
}

// epochAfter finds the epoch that follows n in the table: the zero Epoch if n is the last. The table does not know n
// when the second result is false.
func epochAfter(table []Epoch, n int64) (Epoch, bool) {
	for i, e := range table {
		if e.Number == n {
			if i+1 < len(table) {
				return table[i+1], true
			}
			return Epoch{}, true
		}
	}
	return Epoch{}, false
}
