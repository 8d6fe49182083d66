package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/sipedge"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
)

const (
	// answerWithin is how long the server waits with the answer to a post: 3 s are promised, the way there included.
	answerWithin = 2800 * time.Millisecond
	// maxInFlight is how many posts of a session are not settled.
	maxInFlight = 64
	// maxTries is how often a post is authorized, when its room changes all the time.
	maxTries = 3
)

// posts brings a session's posts into the store, those to one room in their order.
type posts struct {
	session  *session
	inFlight atomic.Int32

	mu    sync.Mutex
	lines map[chat.ID]*line
	count uint64
}

// line is a session's posts to one room. Those in flight were all authorized with the same version of the room: so of
// two posts never the later one alone gets in because the room changed between them.
type line struct {
	version    int64
	inFlight   int
	refreshing bool
	waiting    []*post
}

// post is one post on its way. It is settled once; its answer may have gone out before.
type post struct {
	number uint64 // order of arrival in the session
	draft  chat.Draft
	began  time.Time
	tries  int
	timer  *time.Timer
	once   sync.Once
	answer func(sipedge.Answer)
}

func (ps *posts) init(n *session) { ps.session, ps.lines = n, map[chat.ID]*line{} }

// receive takes a post. It is answered when stored, or after answerWithin as being in doubt.
func (ps *posts) receive(envelope string, q wire.Post, answer func(sipedge.Answer)) {
	s := ps.session.server
	if s.Config().Maintenance() {
		s.metrics.posts.WithLabelValues(outcomeUnavailable).Inc()
		answer(s.stopped())
		return
	}
	if ps.inFlight.Load() >= maxInFlight {
		s.metrics.posts.WithLabelValues(outcomeUnavailable).Inc()
		answer(s.busy("too many posts are waiting"))
		return
	}
	ps.inFlight.Add(1)
	s.inFlight.Add(1)
	p := &post{began: time.Now(), answer: answer}
	p.timer = time.AfterFunc(answerWithin, func() {
		p.once.Do(func() {
			s.metrics.posts.WithLabelValues(outcomeInDoubt).Inc()
			answer(s.outcome(chat.Errorf(chat.Unavailable, "the post is not stored yet: send it again")))
		})
	})
	do := func(ctx context.Context) {
		ps.session.restore(ctx)
		if err := ps.session.draft(envelope, q, &p.draft); err != nil {
			ps.settle(p, err)
			return
		}
		ps.add(p)
	}
	unavailable := func() { ps.settle(p, chat.Errorf(chat.Unavailable, "too much is waiting, or the session has ended")) }
	if !ps.session.enqueue(task{do: do, dropped: unavailable}) {
		unavailable()
	}
}

// draft checks a post as far as it does not depend on rights, and makes a draft of it.
func (n *session) draft(envelope string, q wire.Post, d *chat.Draft) error {
	if q.Author != "" && strings.ToLower(q.Author) != string(n.member.User) {
		return chat.Errorf(chat.Denied, "the author %q is not who signed in", q.Author)
	}
	if !n.server.ours(q.Domain) {
		return chat.Errorf(chat.NotFound, "room %q: no such room", q.Room)
	}
	if n.in(q.Room) == nil {
		if _, _, err := n.server.Hub.Catalog().Room(q.Room); err != nil {
			return err
		}
		return n.notIn()
	}
	*d = chat.Draft{
		Room: q.Room, Author: n.member.User, Name: n.member.Name, Endpoint: n.member.Endpoint, Envelope: envelope,
		Stamp: q.Stamp, Alert: q.Alert, Text: q.Text, RTF: q.RTF,
	}
	return d.Validate(n.server.Config().Limits)
}

// add puts a post at the end of its line.
func (ps *posts) add(p *post) {
	ps.change(func() []refusal {
		ps.count++
		p.number = ps.count
		l := ps.lines[p.draft.Room]
		if l == nil {
			l = &line{}
			ps.lines[p.draft.Room] = l
		}
		l.waiting = append(l.waiting, p)
		return ps.advance(p.draft.Room, l)
	})
}

type refusal struct {
	post *post
	err  error
}

// change runs f with the lines locked, and then settles the posts that it refuses.
func (ps *posts) change(f func() []refusal) {
	locked := func() []refusal {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		return f()
	}
	for _, r := range locked() {
		ps.settle(r.post, r.err)
	}
}

// advance hands waiting posts to the store, as far as that keeps their order, and gives those that are not allowed.
// The caller holds the lock.
func (ps *posts) advance(room chat.ID, l *line) (refused []refusal) {
	n := ps.session
	for len(l.waiting) > 0 && !l.refreshing {
		p := l.waiting[0]
		r, category, err := n.server.Hub.Catalog().Authorize(n.subject(), room, chat.Post)
		if err != nil {
			l.waiting = l.waiting[1:]
			refused = append(refused, refusal{p, err})
			continue
		}
		if l.inFlight > 0 && r.Version != l.version {
			return refused
		}
		l.waiting = l.waiting[1:]
		l.version = r.Version
		l.inFlight++
		p.tries++
		n.server.History.Post(p.draft, r.Version, category.ChatHistory, func(res pg.PostResult) {
			n.safely(func() { ps.done(p, res) })
		})
	}
	if len(l.waiting) == 0 && l.inFlight == 0 {
		delete(ps.lines, room)
	}
	return refused
}

// done takes the store's word on a post.
func (ps *posts) done(p *post, res pg.PostResult) {
	stale := errors.Is(res.Err, pg.ErrStale)
	again := stale && p.tries < maxTries
	ps.change(func() []refusal {
		l := ps.lines[p.draft.Room]
		l.inFlight--
		if again {
			at, _ := slices.BinarySearchFunc(l.waiting, p, func(a, b *post) int { return cmp.Compare(a.number, b.number) })
			l.waiting = slices.Insert(l.waiting, at, p)
			if !l.refreshing {
				l.refreshing = true
				go ps.session.safely(func() { ps.refresh(p.draft.Room) })
			}
		}
		return ps.advance(p.draft.Room, l)
	})
	switch {
	case again:
	case stale:
		ps.settle(p, chat.Errorf(chat.Unavailable, "the room changes all the time: send the post again"))
	default:
		ps.stored(p, res)
	}
}

// refresh reads the room anew, and goes on with those who wait for that. It does so also when the client is gone.
func (ps *posts) refresh(room chat.ID) {
	n := ps.session
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	if err := n.server.Hub.Refresh(ctx); err != nil {
		n.server.Log.Warn("rooms could not be read anew for a post", "room", room, "err", err)
	}
	ps.change(func() []refusal {
		l := ps.lines[room]
		l.refreshing = false
		return ps.advance(room, l)
	})
}

// stored settles a post that the store is done with.
func (ps *posts) stored(p *post, res pg.PostResult) {
	m := ps.session.server.metrics
	if res.Err == nil {
		m.stored.Add(1)
		m.seconds.Observe(time.Since(p.began).Seconds())
	}
	ps.settle(p, res.Err)
}

// settle ends a post, and answers it unless that was done.
func (ps *posts) settle(p *post, err error) {
	ps.inFlight.Add(-1)
	ps.session.server.inFlight.Add(-1)
	p.timer.Stop()
	p.once.Do(func() {
		s := ps.session.server
		s.metrics.posts.WithLabelValues(postOutcome(err)).Inc()
		if err == nil {
			p.answer(sipedge.Answer{})
			return
		}
		p.answer(s.outcome(err))
	})
}

// ours tells whether a domain in a room's URI is the pool's.
func (s *Server) ours(domain string) bool { return strings.EqualFold(domain, s.Config().Domain) }
