package hub

import (
	"context"

	"chatpool.dev/chatserver/chat"
)

// readLimit is how many messages one reading of a room asks for.
const readLimit = 500

// Committed takes messages that this pod committed, of one or more rooms, in order of positions within each. It does
// not block.
func (h *Hub) Committed(messages []chat.Message) {
	for len(messages) > 0 {
		n := 1
		for n < len(messages) && messages[n].Room == messages[0].Room {
			n++
		}
		run := messages[:n]
		messages = messages[n:]
		if _, active := h.active.Load(run[0].Room); !active {
			continue
		}
		sh := h.shard(run[0].Room)
		sh.try(func() { sh.committed(run) })
	}
}

func (sh *shard) committed(messages []chat.Message) {
	r := sh.rooms[messages[0].Room]
	if r == nil {
		return
	}
	for _, m := range messages {
		sh.deliver(r, r.stream.committed(m))
	}
	sh.catchUp(r)
}

// learn takes the news that a room has messages up to head.
func (sh *shard) learn(id chat.ID, head chat.Position) {
	if r := sh.rooms[id]; r != nil {
		r.stream.learn(head)
		sh.catchUp(r)
	}
}

// catchUp has what is missing read, unless that is under way.
func (sh *shard) catchUp(r *room) {
	if !r.stream.behind() {
		return
	}
	r.stream.reading = true
	id, after, head := r.id, r.stream.cursor, r.stream.head
	sh.hub.background(sh.hub.readings, func(ctx context.Context) {
		reading, cancel := context.WithTimeout(ctx, readTimeout)
		messages, err := sh.hub.messages.After(reading, id, after, readLimit)
		cancel()
		sh.do(ctx, func() { sh.caughtUp(r, messages, head, err) })
	})
}

// caughtUp delivers what was read. After a failure the next poll tries again.
func (sh *shard) caughtUp(r *room, messages []chat.Message, head chat.Position, err error) {
	if sh.rooms[r.id] != r {
		return // everybody has left meanwhile
	}
	if err != nil {
		r.stream.failed()
		sh.hub.log.Warn("messages could not be read, the next poll tries again", "room", r.id, "err", err)
		return
	}
	var to chat.Position
	if len(messages) < readLimit && !sh.hub.keepsHistory(r.id) {
		to = head // what is older was not kept
	}
	sh.deliver(r, r.stream.read(messages, to))
	if len(messages) > 0 {
		sh.catchUp(r)
	}
}

func (h *Hub) keepsHistory(id chat.ID) bool {
	_, category, err := h.Catalog().Room(id)
	return err != nil || category.ChatHistory
}
