package pg

import (
	"errors"

	"chatpool.dev/chatserver/chat"
)

// ErrStale is the cause of a Conflict when a room's version is not the one that the post was authorized with: read
// the catalog, authorize again, post again.
var ErrStale = errors.New("the room has changed")

// PostResult tells what became of a post.
type PostResult struct {
	// Message as stored; set when Err is nil.
	Message chat.Message
	// Duplicate: the same draft was stored before; Message is that one, and was delivered then.
	Duplicate bool
	// Err has one of these kinds. Unavailable: not stored or in doubt, post the same draft again. Conflict, with
	// ErrStale as its cause: not stored. NotFound: no such room. Invalid: the database cannot hold this post.
	Err error
}

// Post enqueues a draft and returns at once. Version is Room.Version as authorized; keep is false in a category
// without history: the message then gets a position and is delivered, but cannot be read after UnkeptTime.
// Done is called exactly once, from another goroutine, maybe minutes later; it must not block.
func (s *Store) Post(d chat.Draft, version int64, keep bool, done func(PostResult)) {}
