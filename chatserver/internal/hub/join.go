package hub

import (
	"context"
	"fmt"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
)

// Entry is the outcome of joining one room.
type Entry struct {
	Room   chat.ID
	Joined wire.Joined
	Err    error // Denied, NotFound or Unavailable; then Joined is empty
	// Listed tells, with an error, that the pool may list the member in the room all the same: Forget ends that.
	Listed bool
}

// Join puts a member into rooms, as far as he may be there. In each he gets what comes after Entry.Joined.Head, but
// not before Release. Joining a room again is no error.
func (h *Hub) Join(ctx context.Context, m *Member, rooms []chat.ID) []Entry {
	entries := make([]Entry, len(rooms))
	var allowed []chat.ID
	catalog := h.Catalog()
	for i, id := range rooms {
		entries[i].Room = id
		if _, _, err := catalog.Authorize(h.subject(m.User), id, chat.Join); err != nil {
			entries[i].Err = err
			continue
		}
		if err := h.participants.Join(ctx, id, pg.Participant{User: m.User, Name: m.Name, Endpoint: m.Endpoint}); err != nil {
			entries[i].Err, entries[i].Listed = err, !chat.Is(err, chat.NotFound)
			continue
		}
		allowed = append(allowed, id)
	}
	if len(allowed) == 0 {
		return entries
	}
	heads, err := h.messages.Heads(ctx, allowed)
	if err == nil {
		var who map[chat.ID]pg.RoomPresence
		if who, err = h.who(ctx, allowed); err == nil {
			h.enter(ctx, m, entries, heads, who)
			return entries
		}
	}
	for i := range entries {
		if e := &entries[i]; e.Err == nil {
			e.Err, e.Listed = fmt.Errorf("join room %q: %w", e.Room, err), true
		}
	}
	return entries
}

// who asks who is in rooms that a member joins. In large rooms that are known here nobody is told, so it is not asked:
// many joining one room at once would each have the database count them all.
func (h *Hub) who(ctx context.Context, rooms []chat.ID) (map[chat.ID]pg.RoomPresence, error) {
	ask := make(map[chat.ID]int64, len(rooms))
	for i, part := range h.byShard(rooms) {
		if sh := h.shards[i]; len(part) > 0 && !sh.do(ctx, func() {
			for _, id := range part {
				if r := sh.rooms[id]; r == nil || !r.roster.quiet {
					ask[id] = 0
				}
			}
		}) {
			return nil, chat.Errorf(chat.Unavailable, "the server is too busy or stops")
		}
	}
	if len(ask) == 0 {
		return nil, nil
	}
	return h.participants.Presence(ctx, ask, h.limits().ParticipantUpdateLimit)
}

func (h *Hub) enter(ctx context.Context, m *Member, entries []Entry, heads map[chat.ID]chat.Position, who map[chat.ID]pg.RoomPresence) {
	for i := range entries {
		e := &entries[i]
		if e.Err != nil {
			continue
		}
		head, exists := heads[e.Room]
		if !exists {
			e.Err = chat.Errorf(chat.NotFound, "room %q: no such room", e.Room)
			continue
		}
		sh := h.shard(e.Room)
		var in entered
		var err error
		if !sh.do(ctx, func() {
			in, err = sh.enter(e.Room, arrival{member: m, presence: who[e.Room], head: head})
		}) {
			e.Err, e.Listed = chat.Errorf(chat.Unavailable, "join room %q: the server is too busy or stops", e.Room), true
			continue
		}
		if err != nil {
			e.Err, e.Listed = err, true
			continue
		}
		if e.Joined, e.Err = h.describe(e.Room, in); e.Err != nil {
			e.Listed = true
			sh.do(h.ctx, func() { sh.leave(e.Room, m) })
		}
	}
}

// describe makes what a join is answered with.
func (h *Hub) describe(id chat.ID, in entered) (wire.Joined, error) {
	r, category, err := h.Catalog().Room(id)
	if err != nil {
		return wire.Joined{}, err
	}
	j := wire.Joined{Room: wire.Room{Room: r, Category: category, Count: in.count}, Head: in.head}
	for _, p := range in.list {
		j.Participants = append(j.Participants, h.standing(p, r))
	}
	return j, nil
}

// Release lets a member have what came since his join was decided.
func (h *Hub) Release(m *Member, rooms []chat.ID) {
	for _, id := range rooms {
		sh := h.shard(id)
		sh.do(h.ctx, func() { sh.release(id, m) })
	}
}

// Leave takes a member out of a room. He gets nothing more from it; the others hear it.
func (h *Hub) Leave(ctx context.Context, m *Member, id chat.ID) {
	sh := h.shard(id)
	sh.do(ctx, func() { sh.leave(id, m) })
	if h.participants.Leave(ctx, id, m.User, m.Endpoint) == nil {
		h.rosters.kick(id)
		return
	}
	h.Forget(id, m.User, m.Endpoint)
}

// Forget has the pool know, as soon as it can be told, that an endpoint is out of a room. It does not block.
func (h *Hub) Forget(id chat.ID, user chat.Principal, endpoint string) {
	h.background(h.removals, func(ctx context.Context) { h.forget(ctx, id, user, endpoint) })
}

// Detach takes a member's seats away, because his connection is gone. What the pool knows of him stays as it is.
func (h *Hub) Detach(m *Member, rooms []chat.ID) {
	m.gone.Store(true)
	for _, id := range rooms {
		sh := h.shard(id)
		sh.do(h.ctx, func() { sh.leave(id, m) })
	}
}

// forgetTries is how often a removal is tried before it is left to the end of the endpoint's session.
const forgetTries = 30

// forget tries until the pool knows, or the endpoint is back.
func (h *Hub) forget(ctx context.Context, id chat.ID, user chat.Principal, endpoint string) {
	for range forgetTries {
		if h.back(ctx, id, user, endpoint) != nil {
			return
		}
		leaving, cancel := context.WithTimeout(ctx, readTimeout)
		err := h.participants.Leave(leaving, id, user, endpoint)
		if m := h.back(ctx, id, user, endpoint); m != nil && err == nil {
			// He came back while he was taken out.
			err = h.participants.Join(leaving, id, pg.Participant{User: user, Name: m.Name, Endpoint: endpoint})
		}
		cancel()
		if err == nil || chat.Is(err, chat.NotFound) {
			h.rosters.kick(id)
			return
		}
		h.log.Warn("a participant could not be taken out of a room, trying again", "room", id, "err", err)
		wait(ctx, pollEvery)
		if ctx.Err() != nil {
			return
		}
	}
}

// back gives the member who has the endpoint's seat in a room, if there is one on this pod.
func (h *Hub) back(ctx context.Context, id chat.ID, user chat.Principal, endpoint string) (m *Member) {
	var found *Member
	sh := h.shard(id)
	if sh.do(ctx, func() {
		if r := sh.rooms[id]; r != nil {
			if s := r.seats[seatKey{user, endpoint}]; s != nil {
				found = s.member
			}
		}
	}) {
		m = found
	}
	return m
}

// Counts tells how many users are in each of the rooms, in the whole pool.
func (h *Hub) Counts(ctx context.Context, rooms []chat.ID) (map[chat.ID]int, error) {
	known := make(map[chat.ID]int64, len(rooms))
	for _, id := range rooms {
		known[id] = 0
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	found, err := h.participants.Presence(ctx, known, 0)
	if err != nil {
		return nil, fmt.Errorf("count participants: %w", err)
	}
	counts := make(map[chat.ID]int, len(found))
	for id, p := range found {
		counts[id] = p.Count
	}
	return counts, nil
}
