package hub

import (
	"iter"
	"maps"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

// Catalog is all categories and rooms as of one revision. It never changes.
type Catalog struct {
	loaded     bool
	revision   int64
	categories map[chat.ID]*chat.Category
	rooms      map[chat.ID]*chat.Room
}

// Room finds a room and its category. The error is of kind NotFound, or Unavailable when the catalog was never read.
func (c *Catalog) Room(id chat.ID) (*chat.Room, *chat.Category, error) {
	if err := c.Err(); err != nil {
		return nil, nil, err
	}
	r, ok := c.rooms[id]
	if !ok {
		return nil, nil, chat.Errorf(chat.NotFound, "room %q: no such room", id)
	}
	cat, ok := c.categories[r.CategoryID]
	if !ok {
		return nil, nil, chat.Errorf(chat.NotFound, "room %q: its category is gone", id)
	}
	return r, cat, nil
}

// Authorize finds a room and asks whether the subject has the right in it.
func (c *Catalog) Authorize(s chat.Subject, id chat.ID, right chat.Right) (*chat.Room, *chat.Category, error) {
	r, cat, err := c.Room(id)
	if err != nil {
		return nil, nil, err
	}
	return r, cat, chat.Authorize(s, cat, r, right).Err()
}

// Rooms goes over all rooms, in no order.
func (c *Catalog) Rooms() iter.Seq2[*chat.Room, *chat.Category] {
	return func(yield func(*chat.Room, *chat.Category) bool) {
		for _, r := range c.rooms {
			if cat, ok := c.categories[r.CategoryID]; ok && !yield(r, cat) {
				return
			}
		}
	}
}

// with makes the catalog after the changes, and tells in which rooms rights may have changed; all is true when that is
// everywhere.
func (c *Catalog) with(ch pg.Changes) (next *Catalog, affected map[chat.ID]bool, all bool) {
	next = &Catalog{loaded: true, revision: ch.Revision}
	if ch.Full || !c.loaded {
		next.categories, next.rooms = map[chat.ID]*chat.Category{}, map[chat.ID]*chat.Room{}
		all = true
	} else {
		next.categories, next.rooms = maps.Clone(c.categories), maps.Clone(c.rooms)
	}
	touched := map[chat.ID]bool{}
	for i := range ch.Categories {
		next.categories[ch.Categories[i].ID] = &ch.Categories[i]
		touched[ch.Categories[i].ID] = true
	}
	for _, id := range ch.RemovedCategories {
		delete(next.categories, id)
		touched[id] = true
	}
	affected = map[chat.ID]bool{}
	for i := range ch.Rooms {
		next.rooms[ch.Rooms[i].ID] = &ch.Rooms[i]
		affected[ch.Rooms[i].ID] = true
	}
	for _, id := range ch.RemovedRooms {
		delete(next.rooms, id)
		affected[id] = true
	}
	if len(touched) > 0 {
		for id, r := range next.rooms {
			if touched[r.CategoryID] {
				affected[id] = true
			}
		}
	}
	return next, affected, all
}

// changed tells whether there is anything in the changes.
func changed(ch pg.Changes, since int64) bool {
	return ch.Full || ch.Revision != since || len(ch.Categories)+len(ch.Rooms)+len(ch.RemovedCategories)+len(ch.RemovedRooms) > 0
}

// Err is nil when the catalog was ever read; else of kind Unavailable.
func (c *Catalog) Err() error {
	if c.loaded {
		return nil
	}
	return chat.Errorf(chat.Unavailable, "the rooms are not known yet: try again")
}
