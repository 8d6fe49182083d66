package hub

import (
	"context"
	"fmt"

	"chatpool.dev/chatserver/chat"
)

// pollHeads asks for the newest positions of the rooms (nil: of all) in one query.
func (h *Hub) pollHeads(ctx context.Context, rooms []chat.ID) error {
	if rooms == nil {
		rooms = h.activeRooms()
	}
	if len(rooms) == 0 {
		return nil
	}
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	heads, err := h.messages.Heads(reading, rooms)
	cancel()
	if err != nil {
		return fmt.Errorf("read the newest positions: %w", err)
	}
	for i, part := range h.byShard(rooms) {
		if len(part) == 0 {
			continue
		}
		sh := h.shards[i]
		sh.do(ctx, func() {
			for _, id := range part {
				sh.learn(id, heads[id])
			}
		})
	}
	return nil
}

// pollRosters asks who is in the rooms (nil: in all) in one query.
func (h *Hub) pollRosters(ctx context.Context, rooms []chat.ID) error {
	if rooms == nil {
		rooms = h.activeRooms()
	}
	if len(rooms) == 0 {
		return nil
	}
	known := map[chat.ID]int64{}
	for i, part := range h.byShard(rooms) {
		sh := h.shards[i]
		if len(part) == 0 {
			continue
		}
		sh.do(ctx, func() {
			for _, id := range part {
				if r := sh.rooms[id]; r != nil {
					known[id] = r.roster.revision
				}
			}
		})
	}
	if ctx.Err() != nil || len(known) == 0 {
		return nil
	}
	reading, cancel := context.WithTimeout(ctx, readTimeout)
	found, err := h.participants.Presence(reading, known, h.limits().ParticipantUpdateLimit)
	cancel()
	if err != nil {
		return fmt.Errorf("read participants: %w", err)
	}
	for id, p := range found {
		sh := h.shard(id)
		sh.do(ctx, func() {
			if r := sh.rooms[id]; r != nil {
				sh.presence(r, known[id], p)
			}
		})
	}
	return nil
}

func (h *Hub) activeRooms() []chat.ID {
	var rooms []chat.ID
	h.active.Range(func(id, _ any) bool {
		rooms = append(rooms, id.(chat.ID))
		return true
	})
	return rooms
}

// byShard parts rooms by the shards that own them.
func (h *Hub) byShard(rooms []chat.ID) (parts [shards][]chat.ID) {
	for _, id := range rooms {
		i := shardOf(id)
		parts[i] = append(parts[i], id)
	}
	return parts
}
