package loadcheck

import (
	"cmp"
	"fmt"
	"slices"

	"chatpool.dev/chatserver/chat"
)

// maxExamples bounds the violations that are told about one room or reader, of each kind.
const maxExamples = 3

// Check compares a run's records and says what is wrong; nothing if the pool kept its word. It has no I/O.
func Check(r *Record) []string {
	var v violations
	posts := make(map[PostID]*Post, len(r.Posts))
	for i := range r.Posts {
		p := &r.Posts[i]
		posts[p.ID] = p
		if p.Acknowledged == 0 && !p.InDoubt {
			v.add("refusals", "%s was refused with something else than 503: %s", p.ID, p.Refusal)
		}
		if r.MaxAnswer > 0 && p.SlowestAnswer > r.MaxAnswer {
			v.add("answers", "the answer to %s took %s, more than %s", p.ID, p.SlowestAnswer, r.MaxAnswer)
		}
	}
	stored := map[PostID]bool{}
	for i := range r.Rooms {
		v.history(i, &r.Rooms[i], posts, stored)
	}
	for i := range r.Posts {
		if p := &r.Posts[i]; p.Acknowledged > 0 && !stored[p.ID] {
			v.add("lost"+r.Rooms[p.Room].URI, "%s: LOST: %s was acknowledged and is not in the history", r.Rooms[p.Room].Name, p.ID)
		}
	}
	for i := range r.Readers {
		v.reader(&r.Readers[i], &r.Rooms[r.Readers[i].Room])
	}
	return v.list()
}

// violations collects what is wrong, a few examples of each kind and the number of the rest.
type violations struct {
	texts []string
	count map[string]int
	order []string
}

func (v *violations) add(kind, format string, args ...any) {
	if v.count == nil {
		v.count = map[string]int{}
	}
	if v.count[kind]++; v.count[kind] == 1 {
		v.order = append(v.order, kind)
	}
	if v.count[kind] <= maxExamples {
		v.texts = append(v.texts, fmt.Sprintf(format, args...))
	}
}

func (v *violations) list() []string {
	for _, kind := range v.order {
		if n := v.count[kind] - maxExamples; n > 0 {
			v.texts = append(v.texts, fmt.Sprintf("... and %d more like %q", n, kind))
		}
	}
	return v.texts
}

// history checks a room: positions, and what each message is.
func (v *violations) history(index int, room *RoomRecord, posts map[PostID]*Post, stored map[PostID]bool) {
	for _, f := range room.Faults {
		v.add("history of "+room.Name, "%s: history: %s", room.Name, f)
	}
	last := room.Start
	// Of the posts so far, the one that began last: of those that came live (epoch 0), and of those recovered from each epoch.
	newest := map[int64]Post{}
	origins := map[int64]chat.Position{}
	for _, e := range room.History {
		source := e.Origin.Epoch()
		if e.Origin != 0 {
			if e.Origin <= origins[source] {
				v.add("recovered order of "+room.Name, "%s: ORDER: %s was at %s and is recovered after what was at %s", room.Name, e.Position, e.Origin, origins[source])
			}
			origins[source] = max(origins[source], e.Origin)
			if source >= e.Position.Epoch() {
				v.add("recovered epoch of "+room.Name, "%s: ORIGIN: %s is said to be recovered from %s", room.Name, e.Position, e.Origin)
			}
		}
		switch {
		case e.Position <= last:
			v.add("order of "+room.Name, "%s: ORDER: position %s comes after %s", room.Name, e.Position, last)
		case e.Position.Seq() != last.Seq()+1:
			v.add("gaps of "+room.Name, "%s: GAP: position %s follows %s", room.Name, e.Position, last)
		}
		last = e.Position
		if e.ID == foreign {
			continue
		}
		p := posts[e.ID]
		switch {
		case p == nil:
			v.add("unknown in "+room.Name, "%s: UNKNOWN: %s at %s was never sent", room.Name, e.ID, e.Position)
			continue
		case stored[e.ID]:
			v.add("double in "+room.Name, "%s: DOUBLE: %s is there again at %s", room.Name, e.ID, e.Position)
			continue
		case p.Room != index:
			v.add("astray in "+room.Name, "%s: ASTRAY: %s at %s was sent to another room", room.Name, e.ID, e.Position)
		case p.Acknowledged == 0 && !p.InDoubt:
			v.add("refused in "+room.Name, "%s: REFUSED: %s at %s is stored although it was refused", room.Name, e.ID, e.Position)
		case p.Acknowledged > 0 && p.Acknowledged < newest[source].Started:
			v.add("sequence of "+room.Name, "%s: SEQUENCE: %s was acknowledged before %s began, but stands after it", room.Name, e.ID, newest[source].ID)
		}
		stored[e.ID] = true
		if p.Started > newest[source].Started {
			newest[source] = *p
		}
	}
}

// reader checks that a reader was given what the history has, once and in order.
func (v *violations) reader(r *Reader, room *RoomRecord) {
	for _, f := range r.Faults {
		v.add("faults of "+r.Name, "%s: %s", r.Name, f)
	}
	last := r.Joined
	for _, e := range r.Given {
		if e.Position <= last {
			v.add("order of "+r.Name, "%s: given %s (%s) after %s", r.Name, e.Position, e.ID, last)
		}
		last = max(last, e.Position)
	}
	byPosition := func(a, b Entry) int { return cmp.Compare(a.Position, b.Position) }
	given := slices.SortedStableFunc(slices.Values(r.Given), byPosition)
	want := slices.SortedStableFunc(slices.Values(room.History), byPosition)
	i, _ := slices.BinarySearchFunc(want, r.Joined+1, func(e Entry, p chat.Position) int { return cmp.Compare(e.Position, p) })
	again := again(want)
	want = want[i:]
	for len(want) > 0 || len(given) > 0 {
		switch {
		case len(given) == 0 || len(want) > 0 && want[0].Position < given[0].Position:
			if want[0].Position <= room.Settled {
				v.add("missing at "+r.Name, "%s: MISSING: was never given %s (%s)", r.Name, want[0].Position, want[0].ID)
			}
			want = want[1:]
		case (len(want) == 0 || given[0].Position < want[0].Position) && again(given[0]):
			given = given[1:]
		case len(want) == 0 || given[0].Position < want[0].Position:
			v.add("extra at "+r.Name, "%s: EXTRA: was given %s (%s), twice or not in the history", r.Name, given[0].Position, given[0].ID)
			given = given[1:]
		default:
			if given[0].ID != want[0].ID {
				v.add("other at "+r.Name, "%s: OTHER: was given %s as %s, the history has %s there", r.Name, given[0].Position, given[0].ID, want[0].ID)
			}
			given, want = given[1:], want[1:]
		}
	}
}

// again tells, of a message that was given and is not in the history at its position, whether a failover lost it there and it came back in a
// later epoch: recovered, or sent again by its author.
func again(history []Entry) func(Entry) bool {
	from, of := map[chat.Position]Entry{}, map[PostID]Entry{}
	for _, e := range history {
		if e.Origin != 0 {
			from[e.Origin] = e
		}
		if e.ID != foreign {
			of[e.ID] = e
		}
	}
	return func(given Entry) bool {
		for _, e := range []Entry{from[given.Position], of[given.ID]} {
			if e.ID == given.ID && e.Position.Epoch() > given.Position.Epoch() {
				return true
			}
		}
		return false
	}
}
