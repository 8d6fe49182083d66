package loadcheck

import (
	"math/rand/v2"
	"sync"
	"time"

	"chatpool.dev/chatserver/chat"
)

// writer posts at its rate and records what became of each post.
type writer struct {
	load     *Run
	number   int32
	user     chat.Principal
	rooms    []int
	listener *listener

	mu    sync.Mutex
	posts []Post // by number
	late  int    // posts not made because as many as allowed were under way
}

// startedAt is when a post began, if the writer has made it.
func (w *writer) startedAt(n int32) (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n < 0 || int(n) >= len(w.posts) {
		return 0, false
	}
	return w.posts[n].Started, true
}

// begin notes a new post.
func (w *writer) begin() Post {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := int32(len(w.posts))
	p := Post{ID: PostID{w.number, n}, Room: w.rooms[int(n)%len(w.rooms)], Started: w.load.now(), InDoubt: true}
	w.posts = append(w.posts, p)
	return p
}

func (w *writer) post() {
	r := w.load
	p := w.begin()
	r.meter.began()
	receipt, err := w.listener.client.Post(r.posting, r.rooms[p.Room].URI, text(r.id, p.ID, r.c.TextBytes))
	p.Sent, p.Refused, p.Lost, p.SlowestAnswer = receipt.Sent, receipt.Refused, receipt.Lost, receipt.SlowestAnswer
	p.InDoubt = receipt.InDoubt(err)
	switch {
	case err == nil:
		p.Acknowledged = receipt.Acknowledged.Sub(r.began)
		r.meter.accepted(p)
	default:
		p.Refusal = err.Error()
		r.meter.ended()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posts[p.ID.N] = p
}

// maxBehind is how far a writer may fall behind its rate and still catch up; beyond it posts are skipped.
const maxBehind = time.Second

// run posts until the load ends, and waits for the outcome of the last posts.
func (w *writer) run() {
	interval := time.Duration(float64(time.Second) * float64(len(w.load.writers)) / w.load.c.Rate)
	slots := make(chan struct{}, w.load.c.InFlight)
	var posts sync.WaitGroup
	defer posts.Wait()
	due := time.Now().Add(rand.N(interval))
	for wait(w.load.ending, time.Until(due)) {
		select {
		case slots <- struct{}{}:
			posts.Go(func() {
				w.post()
				<-slots
			})
		default:
			w.skip(1)
		}
		due = due.Add(interval)
		if behind := time.Since(due); behind > maxBehind {
			w.skip(int(behind / interval))
			due = due.Add(behind)
		}
	}
}

func (w *writer) skip(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late += n
}
