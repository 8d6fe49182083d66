package hub

import (
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
)

// room is what this pod knows of a room that it has participants in. It belongs to its shard's goroutine.
type room struct {
	id     chat.ID
	stream stream
	roster roster
	seats  map[seatKey]*seat
}

// tell sends documents to everybody in the room.
func (r *room) tell(bodies ...[]byte) {
	for _, s := range r.seats {
		s.send(bodies...)
	}
}

// deliver sends messages to everybody in the room; each is encoded once.
func (sh *shard) deliver(r *room, messages []chat.Message) {
	for i := range messages {
		r.tell(sh.hub.encoder.Delivery(&messages[i]))
	}
	sh.hub.metrics.deliveries.Add(float64(len(messages) * len(r.seats)))
}

// announce tells everybody in the room who came and who left.
func (sh *shard) announce(r *room, n news) {
	if len(n.came)+len(n.left) == 0 || len(r.seats) == 0 {
		return
	}
	known, _, err := sh.hub.Catalog().Room(r.id)
	if err != nil {
		return // the room is gone: everybody is about to be put out
	}
	if len(n.came) > 0 {
		came := make([]wire.Participant, len(n.came))
		for i, p := range n.came {
			came[i] = sh.hub.standing(p, known)
		}
		r.tell(sh.hub.encoder.Entered(r.id, came)...)
	}
	if len(n.left) > 0 {
		r.tell(sh.hub.encoder.Left(r.id, n.left)...)
	}
}

// presence takes what the store says of who is in the room. asked is the revision that was known when it was asked;
// an answer that was overtaken by a newer one is left.
func (sh *shard) presence(r *room, asked int64, p pg.RoomPresence) {
	if r.roster.revision != asked && p.Revision <= r.roster.revision {
		return
	}
	sh.announce(r, r.roster.update(p, sh.hub.limits()))
}
