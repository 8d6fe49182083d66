package pg

import (
	"context"

	"chatpool.dev/chatserver/chat"
)

// Participant is somebody who is in a room, with one endpoint.
type Participant struct {
	User     chat.Principal
	Name     string
	Endpoint string // "" in RoomPresence
}

// RoomPresence tells who is in a room.
type RoomPresence struct {
	// Revision is another number after each visible change: a user came or went or has another name. It is 0 in a room
	// that nobody ever joined.
	Revision int64
	// Count of users.
	Count int
	// Participants, one for each user, in order of their addresses; nil above the limit that was asked for.
	Participants []Participant
}

// Join notes that a participant is in a room, on this pod. Joining again changes nothing but the pod and the name.
// Unknown rooms are NotFound.
func (s *Store) Join(ctx context.Context, room chat.ID, p Participant) error { return errSkeleton }

// Leave notes that an endpoint left a room. Leaving a room that it is not in changes nothing.
func (s *Store) Leave(ctx context.Context, room chat.ID, user chat.Principal, endpoint string) error {
	return errSkeleton
}

// Detach notes that an endpoint lost its connection to this pod. It stays in its rooms for DetachedTime, unless it
// joins them again, on any pod. Detach returns at once; the note is made as soon as the database allows.
func (s *Store) Detach(user chat.Principal, endpoint string) {}

// Rooms lists the rooms that an endpoint is in, detached or not: a returning endpoint joins them again.
func (s *Store) Rooms(ctx context.Context, user chat.Principal, endpoint string) ([]chat.ID, error) {
	return nil, errSkeleton
}

// Presence gives the rooms whose revision is not the known one; participants are listed in those with at most limit
// users.
func (s *Store) Presence(ctx context.Context, known map[chat.ID]int64, limit int) (map[chat.ID]RoomPresence, error) {
	return nil, errSkeleton
}
