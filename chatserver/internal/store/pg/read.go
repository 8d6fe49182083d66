package pg

import (
	"context"

	"chatpool.dev/chatserver/chat"
)

// Heads gives the position of the newest message of each room, 0 for a room without any. Unknown rooms are left out.
func (s *Store) Heads(ctx context.Context, rooms []chat.ID) (map[chat.ID]chat.Position, error) {
	return nil, errSkeleton
}

// After gives at most limit messages after a position, ascending. In a room without history older messages are left
// out, so a reader that has got fewer than limit is at the head that it asked Heads for before.
func (s *Store) After(ctx context.Context, room chat.ID, after chat.Position, limit int) ([]chat.Message, error) {
	return nil, errSkeleton
}

// Last gives the newest n messages up to and including a position (0 means the newest of all), ascending. Messages of
// a room without history are never among them.
func (s *Store) Last(ctx context.Context, room chat.ID, upTo chat.Position, n int) ([]chat.Message, error) {
	return nil, errSkeleton
}
