package salvage

import (
	"fmt"
	"slices"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

// gathered is what is known of the two databases: here the active one, there the overtaken one.
type gathered struct {
	tail                      adminapi.Tail
	site                      string // there
	here, there               pg.Holdings
	heads                     map[chat.ID]chat.Position // of the rooms that have messages there
	fork                      pg.Fork
	extentsHere, extentsThere map[chat.ID]pg.Extent // up to bounds
}

// bounds are the positions up to which both databases should have the same: the fork; without one, all that is there.
func (g *gathered) bounds() map[chat.ID]chat.Position {
	b := map[chat.ID]chat.Position{}
	for id, head := range g.heads {
		if b[id] = g.fork.Rooms[id]; g.fork.Next == 0 {
			b[id] = head
		}
	}
	return b
}

// plan is what to do and what to tell.
type plan struct {
	rooms       []pg.SalvageRoom
	differences []string
}

// decide says which rooms are looked through, from where on, and what else differs.
func decide(g *gathered) plan {
	var p plan
	bounds := g.bounds()
	for _, id := range g.rooms() {
		there, isThere := g.there.Rooms[id]
		here, isHere := g.here.Rooms[id]
		old := g.extentsThere[id]
		switch {
		case isHere:
			if from, needed := begin(bounds[id], g.extentsHere[id], old); needed {
				p.rooms = append(p.rooms, pg.SalvageRoom{ID: id, Name: here.Room.Name, From: from, At: from})
			}
		case g.here.Removed[id]:
			if isThere && (old.Beyond > 0 || g.changedThere(id)) {
				p.tell("room %q was removed here since the fork: %s of %s went with it", there.Room.Name, posts(old.Beyond), g.site)
			}
		case isThere:
			p.rooms = append(p.rooms, pg.SalvageRoom{ID: id, Name: there.Room.Name, Recreated: true})
			p.tell("room %q was made at %s: it is made anew here, disabled", there.Room.Name, g.site)
		default:
			p.tell("a room was made at %s and removed there: %s went with it", g.site, posts(old.Upto+old.Beyond))
		}
	}
	p.compare(g)
	return p
}

// rooms are those of the other database, in the order of their ids: with messages, or in its catalog.
func (g *gathered) rooms() []chat.ID {
	var ids []chat.ID
	for id := range g.heads {
		ids = append(ids, id)
	}
	for id := range g.there.Rooms {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// begin tells after which position a room is looked through, if it has to be.
func begin(bound chat.Position, here, there pg.Extent) (from chat.Position, needed bool) {
	if here.Upto != there.Upto || here.Sum != there.Sum {
		return 0, there.Upto+there.Beyond > 0
	}
	return bound, there.Beyond > 0
}

// changedThere tells whether a category or room was changed there after the fork.
func (g *gathered) changedThere(id chat.ID) bool { return g.there.Revised[id] > g.fork.Revision }

func (p *plan) tell(format string, args ...any) {
	p.differences = append(p.differences, fmt.Sprintf(format, args...))
}

func posts(n int64) string {
	if n == 1 {
		return "1 post"
	}
	return fmt.Sprintf("%d posts", n)
}
