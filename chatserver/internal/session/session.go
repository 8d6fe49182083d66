package session

import (
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/hub"
	"chatpool.dev/chatserver/internal/sipedge"
	"chatpool.dev/chatserver/internal/wire"
)

const (
	// queueLength is how many documents of a session wait.
	queueLength = 256
	// commandTimeout bounds what one command waits for.
	commandTimeout = 10 * time.Second
)

// session is one dialog. It implements sipedge.Dialog.
type session struct {
	server *Server
	member *hub.Member
	out    sipedge.Outbox
	queue  chan task
	ctx    context.Context
	end    context.CancelFunc
	posts  posts

	replaced  atomic.Bool
	signedOff atomic.Bool
	restored  bool // of run alone: the rooms that the endpoint was in are joined again

	mu    sync.Mutex
	rooms map[chat.ID]*membership
	over  bool // nothing is queued any more
}

// task is a document that waits for its turn.
type task struct {
	do      func(context.Context)
	dropped func() // called instead when the session ends before; may be nil
}

// membership is what a session knows of a room it is in.
type membership struct {
	head  chat.Position // what came later is delivered live
	fresh bool          // no recent history was asked for since the join
}

func newSession(s *Server, subject chat.Subject, endpoint string, to sipedge.Outbox) *session {
	n := &session{
		server: s,
		out:    to,
		queue:  make(chan task, queueLength),
		rooms:  map[chat.ID]*membership{},
	}
	n.ctx, n.end = context.WithCancel(context.Background())
	n.posts.init(n)
	n.member = &hub.Member{
		User: subject.User, Name: subject.DisplayName, Endpoint: endpoint,
		Out: to, Removed: n.forget, Slow: func() { to.Close(sipedge.Moved) },
	}
	return n
}

// run does what is queued, until the session ends.
func (n *session) run() {
	defer n.leave()
	for {
		select {
		case <-n.ctx.Done():
			return
		case t := <-n.queue:
			n.safely(func() {
				ctx, cancel := context.WithTimeout(n.ctx, commandTimeout)
				defer cancel()
				t.do(ctx)
			})
		}
	}
}

// safely keeps a panic inside the session: it ends the session, and the client starts a new one.
func (n *session) safely(f func()) {
	defer func() {
		if r := recover(); r != nil {
			n.server.Log.Error("session ended by a panic", "user", n.member.User, "panic", r, "stack", string(debug.Stack()))
			n.out.Close(sipedge.Moved)
		}
	}()
	f()
}

// leave gives up the session's seats. Its endpoint stays in its rooms for a while, unless another session has taken over.
func (n *session) leave() {
	n.drop()
	n.server.Hub.Detach(n.member, n.joined())
	if !n.server.unregister(n) || n.replaced.Load() {
		return
	}
	n.server.Endpoints.Detach(n.member.User, n.member.Endpoint)
	if n.signedOff.Load() {
		n.server.vacate(n.member.User, n.member.Endpoint)
	}
}

// drop ends the queue and lets go of what still waits there.
func (n *session) drop() {
	n.mu.Lock()
	n.over = true
	n.mu.Unlock()
	for {
		select {
		case t := <-n.queue:
			if t.dropped != nil {
				t.dropped()
			}
		default:
			return
		}
	}
}

// replace ends the session because the endpoint has opened another one.
func (n *session) replace() {
	n.replaced.Store(true)
	n.out.Close(sipedge.Ended)
	n.end()
}

// Closed implements sipedge.Dialog.
func (n *session) Closed() { n.end() }

// Receive implements sipedge.Dialog.
func (n *session) Receive(body []byte, answer func(sipedge.Answer)) {
	n.safely(func() { n.receive(body, answer) })
}

func (n *session) receive(body []byte, answer func(sipedge.Answer)) {
	envelope, err := wire.Decode(body)
	if err != nil {
		answer(n.server.outcome(err))
		return
	}
	if err := postFault(envelope.Commands); err != nil {
		answer(n.server.outcome(err))
		return
	}
	if p, ok := envelope.Commands[0].Request.(wire.Post); ok {
		n.posts.receive(envelope.ID, p, answer)
		return
	}
	if !n.enqueue(task{do: func(ctx context.Context) {
		for _, c := range envelope.Commands {
			n.dispatch(ctx, c)
		}
	}}) {
		answer(n.server.busy("too many commands are waiting"))
		return
	}
	answer(sipedge.Answer{})
}

// postFault tells what is wrong with a document's post, if it has one. A post has no reply: its author hears of it by the
// document's answer alone, where 200 means that it is stored.
func postFault(commands []wire.Command) error {
	for _, c := range commands {
		switch q := c.Request.(type) {
		case wire.Post:
			if len(commands) > 1 {
				return chat.FieldErrorf("grpchat", "must be alone in its document")
			}
		case wire.Malformed:
			if c.Name == "grpchat" {
				return q.Err
			}
		}
	}
	return nil
}

// enqueue is false when too much waits, or the session has ended.
func (n *session) enqueue(t task) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return false
	}
	select {
	case n.queue <- t:
		return true
	default:
		return false
	}
}

// send queues a reply. A lost connection ends the session by Closed.
func (n *session) send(bodies ...[]byte) {
	for _, b := range bodies {
		if n.out.Send(b) != nil {
			return
		}
	}
}

// subject is the user as the directory knows him now.
func (n *session) subject() chat.Subject { return n.server.Directory.Subject(n.member.User) }

// in gives what is known of a room that the session is in, or nil.
func (n *session) in(id chat.ID) *membership {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rooms[id]
}

func (n *session) joined() []chat.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := make([]chat.ID, 0, len(n.rooms))
	for id := range n.rooms {
		ids = append(ids, id)
	}
	return ids
}

// forget notes that the session is not in a room any more.
func (n *session) forget(id chat.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.rooms, id)
}
