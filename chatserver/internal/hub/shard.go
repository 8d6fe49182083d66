package hub

import (
	"context"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

// shardQueue is how many events wait for a shard.
const shardQueue = 4096

// shard owns some of the rooms. Events are functions that run in its goroutine.
type shard struct {
	hub    *Hub
	events chan func()
	rooms  map[chat.ID]*room
}

func newShard(h *Hub) *shard {
	return &shard{hub: h, events: make(chan func(), shardQueue), rooms: map[chat.ID]*room{}}
}

func (sh *shard) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-sh.events:
			sh.hub.safely(event)
		}
	}
}

// try enqueues an event if there is space; a poll makes up for one that is dropped.
func (sh *shard) try(event func()) {
	select {
	case sh.events <- event:
	default:
		sh.hub.metrics.dropped.Inc()
	}
}

// do enqueues an event and waits until it has run. It tells whether it surely has; what it writes must not be read
// otherwise. It must not be called by a shard.
func (sh *shard) do(ctx context.Context, event func()) bool {
	done := make(chan struct{})
	select {
	case sh.events <- func() { defer close(done); event() }:
	case <-ctx.Done():
		return false
	case <-sh.hub.ctx.Done():
		return false
	}
	select {
	case <-done:
		return true
	case <-sh.hub.ctx.Done():
		return false
	}
}

// arrival is a member's entry into a room, as the database has it already.
type arrival struct {
	member   *Member
	presence pg.RoomPresence
	head     chat.Position
}

// entered is what a member finds in a room.
type entered struct {
	head  chat.Position // he gets what comes after it
	count int           // of users
	list  []pg.Participant
}

// enter gives the member a seat, held until release.
func (sh *shard) enter(id chat.ID, a arrival) (entered, error) {
	m := a.member
	if m.gone.Load() {
		return entered{}, chat.Errorf(chat.Unavailable, "the session has ended")
	}
	// The rights are asked here, where every later change of them will be seen.
	if _, _, err := sh.hub.Catalog().Authorize(sh.hub.subject(m.User), id, chat.Join); err != nil {
		return entered{}, err
	}
	r := sh.rooms[id]
	if r == nil {
		r = &room{id: id, stream: stream{cursor: a.head, head: a.head}, seats: map[seatKey]*seat{}}
		sh.rooms[id] = r
		sh.hub.active.Store(id, struct{}{})
		// Something may have come since the store was asked.
		sh.hub.heads.kick(id)
		sh.hub.rosters.kick(id)
	}
	if r.roster.revision == 0 || a.presence.Revision > r.roster.revision {
		sh.announce(r, r.roster.update(a.presence, sh.hub.limits()))
	}
	s := r.seats[m.key()]
	if s == nil || s.member != m {
		if s == nil {
			sh.hub.seats.Add(1)
		}
		s = &seat{member: m}
		r.seats[m.key()] = s
	}
	s.held = true
	return entered{head: r.stream.cursor, count: r.roster.count, list: r.roster.list(m)}, nil
}

// release lets the member have what waited for the answer to his join.
func (sh *shard) release(id chat.ID, m *Member) {
	s := sh.seat(id, m)
	if s == nil {
		return
	}
	evicted := s.evicted
	s.release()
	if evicted {
		sh.evict(id, s)
	}
}

// seat finds the member's seat; nil when he has none, or another connection of his has taken it.
func (sh *shard) seat(id chat.ID, m *Member) *seat {
	r := sh.rooms[id]
	if r == nil {
		return nil
	}
	if s := r.seats[m.key()]; s != nil && s.member == m {
		return s
	}
	return nil
}

// leave takes the member's seat away and tells whether he had one.
func (sh *shard) leave(id chat.ID, m *Member) bool {
	if sh.seat(id, m) == nil {
		return false
	}
	r := sh.rooms[id]
	delete(r.seats, m.key())
	sh.hub.seats.Add(-1)
	if len(r.seats) == 0 {
		delete(sh.rooms, id)
		sh.hub.active.Delete(id)
	}
	return true
}

// recheck puts everybody out of the rooms who lost the right to be there; nil means all rooms.
func (sh *shard) recheck(affected map[chat.ID]bool) {
	catalog := sh.hub.Catalog()
	for id, r := range sh.rooms {
		if affected != nil && !affected[id] {
			continue
		}
		known, category, err := catalog.Room(id)
		for _, s := range r.seats {
			allowed := err == nil && chat.Authorize(sh.hub.subject(s.member.User), category, known, chat.Join).Allowed
			switch {
			case allowed:
			case s.held:
				s.evicted = true
			default:
				sh.evict(id, s)
			}
		}
	}
}

// evict puts a participant out of the room and tells him so; the others hear it when the store has it.
func (sh *shard) evict(id chat.ID, s *seat) {
	m := s.member
	s.send(sh.hub.encoder.Left(id, []chat.Principal{m.User})...)
	s.send(sh.hub.encoder.Kicked(id))
	sh.leave(id, m)
	m.Removed(id)
	sh.hub.log.Info("participant put out of a room that he may not be in any more", "room", id, "user", m.User)
	sh.hub.Forget(id, m.User, m.Endpoint)
}
