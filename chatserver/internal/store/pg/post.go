package pg

import (
	"errors"
	"time"

	"chatpool.dev/chatserver/chat"
)

// ErrStale is the cause of a Conflict when a room's version is not the one that the post was authorized with: read
// the catalog, authorize again, post again.
var ErrStale = errors.New("the room has changed")

// PostResult tells what became of a post.
type PostResult struct {
	// Message as stored; set when Err is nil.
	Message chat.Message
	// Duplicate: the same draft was stored before; Message is that one. It was delivered then, or, if that commit was
	// in doubt, is found by reading.
	Duplicate bool
	// Err has one of these kinds. Unavailable: not stored or in doubt, post the same draft again. Conflict, with
	// ErrStale as its cause: not stored. NotFound: no such room. Invalid: the database cannot hold this post.
	Err error
}

// Post enqueues a draft and returns at once. Version is Room.Version as authorized; keep is false in a category
// without history: the message then gets a position and is delivered, but cannot be read after UnkeptTime.
// Done is called exactly once, from another goroutine, maybe minutes later; it must not block.
func (s *Store) Post(d chat.Draft, version int64, keep bool, done func(PostResult)) {
	p := &post{draft: d, key: d.Key(), version: version, keep: keep, queued: time.Now(), done: done}
	room, ok := uuidOf(d.Room)
	if !ok {
		go s.answer(p, PostResult{Err: chat.Errorf(chat.NotFound, "room %q does not exist", d.Room)})
		return
	}
	p.room = room
	if _, err := s.enter(); err != nil {
		go s.answer(p, PostResult{Err: err})
		return
	}
	if !s.queue.add(p) {
		go s.answer(p, PostResult{Err: chat.Errorf(chat.Unavailable, "too many posts wait for the database: try again")})
	}
}

// work posts batches until the queue is closed.
func (s *Store) work() {
	for {
		batch := s.queue.take()
		if batch == nil {
			return
		}
		if fresh := s.expire(batch); len(fresh) > 0 {
			s.metrics.batch.Observe(float64(len(fresh)))
			s.finish(fresh, s.settle(fresh))
		}
		s.queue.release(batch)
	}
}

// expire refuses posts that waited so long that their authors have been told to try again.
func (s *Store) expire(batch []*post) []*post {
	fresh := make([]*post, 0, len(batch))
	for _, p := range batch {
		if time.Since(p.queued) < maxWait {
			fresh = append(fresh, p)
			continue
		}
		s.answer(p, PostResult{Err: chat.Errorf(chat.Unavailable, "the database is not there: try again")})
	}
	return fresh
}

// finish tells everybody about a batch: authors, this pod's participants, other pods.
func (s *Store) finish(batch []*post, results []PostResult) {
	var messages []chat.Message
	heads := map[chat.ID]chat.Position{}
	for i, r := range results {
		s.answer(batch[i], r)
		if r.Err == nil && !r.Duplicate {
			messages = append(messages, r.Message)
			heads[r.Message.Room] = r.Message.Pos
		}
	}
	if len(messages) == 0 {
		return
	}
	s.onCommit(messages)
	s.hints.messages(heads)
}

func (s *Store) answer(p *post, r PostResult) {
	s.metrics.outcome(r)
	p.done(r)
}
