package pg

import (
	"context"

	"chatpool.dev/chatserver/chat"
)

// Changes are all categories and rooms that changed after a revision, as they are now.
type Changes struct {
	Revision                        int64
	Categories                      []chat.Category
	Rooms                           []chat.Room // with the lists as they count: without principals that the category does not cover
	RemovedCategories, RemovedRooms []chat.ID
	// Full: this is everything; forget what is not in it. So it is for revision 0 and after the database went back.
	Full bool
}

// Catalog gives what changed since a revision; 0 asks for everything.
func (s *Store) Catalog(ctx context.Context, since int64) (Changes, error) {
	return Changes{}, errSkeleton
}

// Groups tells the groups and organisational units of a user, nested ones included. It is called inside of a
// transaction and must answer from memory.
type Groups func(user chat.Principal) []chat.Principal

// CategoryRecord is a category with its key and number of rooms.
type CategoryRecord struct {
	Key      string
	Category chat.Category
	Rooms    int
}

// RoomRecord is a room as it was declared.
type RoomRecord struct {
	Key         string
	CategoryKey string    // "" if no object declares the category
	Room        chat.Room // with the lists in full
	// OutOfScope are the principals of its lists that the category does not cover: kept, but they do not count until
	// the category covers them. Sorted, each once.
	OutOfScope []chat.Principal
	// Participants is the number of users who are in it.
	Participants int
}

// PutCategory makes or changes the category declared under key; its ID and Version are given by the store. The same content
// changes nothing. A category of that name without a key is adopted; one with another key is a Conflict of field "name".
// When the scope changes, the lists of all its rooms are evaluated again in the same transaction, and the versions of
// all rooms grow, so that no post that was authorized before gets in after.
func (s *Store) PutCategory(ctx context.Context, key string, c chat.Category, g Groups) (CategoryRecord, error) {
	return CategoryRecord{}, errSkeleton
}

// Category gives the category declared under key, or NotFound.
func (s *Store) Category(ctx context.Context, key string) (CategoryRecord, error) {
	return CategoryRecord{}, errSkeleton
}

// DeleteCategory removes the category declared under key; Conflict while it has rooms. With retain it only forgets
// the key. NotFound if there is none.
func (s *Store) DeleteCategory(ctx context.Context, key string, retain bool) error {
	return errSkeleton
}

// PutRoom makes or changes the room declared under key in the category declared under categoryKey (NotFound, field
// "category"). The rules are those of PutCategory; ID, CategoryID and Version of r are given by the store. Principals that
// the category does not cover are kept, do not count and are named in OutOfScope.
func (s *Store) PutRoom(ctx context.Context, key, categoryKey string, r chat.Room, g Groups) (RoomRecord, error) {
	return RoomRecord{}, errSkeleton
}

// Room gives the room declared under key, or NotFound.
func (s *Store) Room(ctx context.Context, key string) (RoomRecord, error) {
	return RoomRecord{}, errSkeleton
}

// DeleteRoom removes the room declared under key and all its messages. With retain it disables the room, forgets the
// key and keeps the messages. NotFound if there is none.
func (s *Store) DeleteRoom(ctx context.Context, key string, retain bool) error { return errSkeleton }
