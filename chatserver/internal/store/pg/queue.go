package pg

import (
	"sync"
	"time"

	"chatpool.dev/chatserver/chat"
)

// post is a draft on its way.
type post struct {
	draft   chat.Draft
	key     chat.ClientKey
	room    [16]byte
	version int64
	keep    bool
	queued  time.Time
	done    func(PostResult)
}

// size is about what a post takes in memory and on the way to the database.
func (p *post) size() int { return len(p.draft.Text) + len(p.draft.RTF) + 512 }

// roomQueue holds a room's waiting posts, in order of arrival.
type roomQueue struct {
	room  [16]byte
	posts []*post
	busy  bool // a batch with posts of this room is in flight
}

// queue holds what waits, and hands it out in batches such that a room is in one batch at a time.
type queue struct {
	mu     sync.Mutex
	wake   *sync.Cond
	rooms  map[[16]byte]*roomQueue
	ready  []*roomQueue // rooms with waiting posts that are not busy, the longest waiting first
	n      int
	bytes  int
	closed bool
}

func newQueue() *queue {
	q := &queue{rooms: map[[16]byte]*roomQueue{}}
	q.wake = sync.NewCond(&q.mu)
	return q
}

// add enqueues a post, or tells that there is no space.
func (q *queue) add(p *post) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.rooms[p.room]
	if q.closed || q.n >= maxQueued || q.bytes >= maxQueuedBytes || r != nil && len(r.posts) >= maxRoomQueued {
		return false
	}
	if r == nil {
		r = &roomQueue{room: p.room}
		q.rooms[p.room] = r
	}
	r.posts = append(r.posts, p)
	q.n++
	q.bytes += p.size()
	if !r.busy && len(r.posts) == 1 {
		q.ready = append(q.ready, r)
		q.wake.Signal()
	}
	return true
}

// take waits for posts and gives a batch, or nil when the queue is closed. Its rooms are busy until release.
func (q *queue) take() []*post {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 && !q.closed {
		q.wake.Wait()
	}
	if q.closed {
		return nil
	}
	if r := q.ready[0]; len(r.posts) >= hotRoom {
		q.ready = q.ready[1:]
		batch, _ := q.takeRoom(r, nil, 0)
		return batch
	}
	var batch []*post
	var left []*roomQueue
	rooms, bytes := 0, 0
	for _, r := range q.ready {
		if rooms == maxBatchRooms || len(batch) == maxBatch || bytes >= maxBatchBytes || len(r.posts) >= hotRoom {
			left = append(left, r)
			continue
		}
		batch, bytes = q.takeRoom(r, batch, bytes)
		rooms++
	}
	q.ready = left
	return batch
}

// takeRoom adds the first posts of a room to a batch of some size, as many as fit, and gives batch and size.
func (q *queue) takeRoom(r *roomQueue, batch []*post, bytes int) ([]*post, int) {
	r.busy = true
	for len(r.posts) > 0 && len(batch) < maxBatch && bytes < maxBatchBytes {
		p := r.posts[0]
		r.posts[0], r.posts = nil, r.posts[1:]
		batch = append(batch, p)
		bytes += p.size()
		q.n--
		q.bytes -= p.size()
	}
	return batch, bytes
}

// release gives the rooms of a batch free for the next one.
func (q *queue) release(batch []*post) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range batch {
		r := q.rooms[p.room]
		if r == nil || !r.busy {
			continue // released with an earlier post of the same room
		}
		r.busy = false
		if len(r.posts) == 0 {
			delete(q.rooms, p.room)
			continue
		}
		q.ready = append(q.ready, r)
		q.wake.Signal()
	}
}

// close ends all takes and gives what still waits.
func (q *queue) close() []*post {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Broadcast()
	var rest []*post
	for _, r := range q.rooms {
		rest = append(rest, r.posts...)
		r.posts = nil
	}
	q.n, q.bytes, q.ready = 0, 0, nil
	return rest
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}
