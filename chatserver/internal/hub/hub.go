package hub

import (
	"context"
	"hash/fnv"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// pollEvery is how often the hub asks for everything it could have missed.
	pollEvery = time.Second
	// readTimeout bounds one question to the store.
	readTimeout = 5 * time.Second
	// shards is how many goroutines own rooms.
	shards = 8
	// backgroundWork is how many readings run at the same time, and how many removals: those may take long, and nobody
	// waits for a message because of them.
	backgroundWork = 8
)

// Messages is where messages are kept.
type Messages interface {
	Heads(ctx context.Context, rooms []chat.ID) (map[chat.ID]chat.Position, error)
	After(ctx context.Context, room chat.ID, after chat.Position, limit int) ([]chat.Message, error)
}

// Participants is where the pool keeps who is in which room.
type Participants interface {
	Join(ctx context.Context, room chat.ID, p pg.Participant) error
	Leave(ctx context.Context, room chat.ID, user chat.Principal, endpoint string) error
	Presence(ctx context.Context, known map[chat.ID]int64, limit int) (map[chat.ID]pg.RoomPresence, error)
}

// Options are what a hub works with. All but Log and Registry are needed.
type Options struct {
	Messages     Messages
	Participants Participants
	Catalog      CatalogSource
	Encoder      *wire.Encoder
	// Subject is a user as the directory knows him now.
	Subject func(chat.Principal) chat.Subject
	// Limits are the limits as they are now.
	Limits   func() chat.Limits
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Hub is this pod's rooms. It is safe for concurrent use.
type Hub struct {
	messages     Messages
	participants Participants
	encoder      *wire.Encoder
	subject      func(chat.Principal) chat.Subject
	limits       func() chat.Limits
	log          *slog.Logger
	metrics      *metrics

	catalog  *follower
	catalogs *poller
	heads    *poller
	rosters  *poller

	shards [shards]*shard
	active sync.Map // chat.ID of each room with seats -> struct{}
	seats  atomic.Int64
	// semaphores of background work
	readings, removals chan struct{}
	wg                 sync.WaitGroup
	ctx                context.Context
	cancel             context.CancelFunc
}

// New makes a hub; Run makes it live.
func New(o Options) *Hub {
	h := &Hub{
		messages: o.Messages, participants: o.Participants, encoder: o.Encoder,
		subject: o.Subject, limits: o.Limits, log: o.Log,
		readings: make(chan struct{}, backgroundWork), removals: make(chan struct{}, backgroundWork),
	}
	if h.log == nil {
		h.log = slog.Default()
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.metrics = newMetrics(o.Registry, h)
	h.catalog = newFollower(o.Catalog, h.catalogChanged)
	h.catalogs = newPoller("catalog", func(ctx context.Context, _ []chat.ID) error { return h.catalog.refresh(ctx) })
	h.heads = newPoller("heads", h.pollHeads)
	h.rosters = newPoller("participants", h.pollRosters)
	for i := range h.shards {
		h.shards[i] = newShard(h)
	}
	return h
}

// Run works until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, h.cancel)
	defer stop()
	for _, sh := range h.shards {
		h.wg.Go(func() { sh.run(h.ctx) })
	}
	for _, p := range []*poller{h.catalogs, h.heads, h.rosters} {
		h.wg.Go(func() { p.run(h.ctx, h.log) })
	}
	<-ctx.Done()
	h.wg.Wait()
	return nil
}

func (h *Hub) shard(id chat.ID) *shard { return h.shards[shardOf(id)] }

func shardOf(id chat.ID) uint32 {
	f := fnv.New32a()
	f.Write([]byte(id))
	return f.Sum32() % shards
}

// background runs work that waits, as many at a time as the semaphore lets. It does not block.
func (h *Hub) background(semaphore chan struct{}, work func(ctx context.Context)) {
	h.wg.Go(func() {
		select {
		case semaphore <- struct{}{}:
			defer func() { <-semaphore }()
			h.safely(func() { work(h.ctx) })
		case <-h.ctx.Done():
		}
	})
}

// safely keeps a panic from ending the process, and with it everybody's sessions.
func (h *Hub) safely(f func()) {
	defer func() {
		if r := recover(); r != nil {
			h.log.Error("panic in the hub", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// Catalog is the copy of categories and rooms that decisions are made with.
func (h *Hub) Catalog() *Catalog { return h.catalog.current.Load() }

// Refresh makes the copy at least as new as the call.
func (h *Hub) Refresh(ctx context.Context) error { return h.catalog.refresh(ctx) }

// Recheck asks again for everybody whether he may be where he is: the directory has changed.
func (h *Hub) Recheck() { h.catalogChanged(nil, true) }

func (h *Hub) catalogChanged(affected map[chat.ID]bool, all bool) {
	if all {
		affected = nil
	} else if len(affected) == 0 {
		return
	}
	for _, sh := range h.shards {
		select {
		case sh.events <- func() { sh.recheck(affected) }:
		case <-h.ctx.Done():
		}
	}
}

// Hint takes a hint from another pod. It does not block.
func (h *Hub) Hint(hint pg.Hint) {
	switch hint.Kind {
	case pg.HintCatalog:
		h.catalogs.kick()
	case pg.HintAll:
		h.catalogs.kick()
		h.heads.kickAll()
		h.rosters.kickAll()
	case pg.HintMessage:
		if _, active := h.active.Load(hint.Room); active {
			sh := h.shard(hint.Room)
			sh.try(func() { sh.learn(hint.Room, hint.Head) })
		}
	case pg.HintPresence:
		if _, active := h.active.Load(hint.Room); active {
			sh := h.shard(hint.Room)
			sh.try(func() {
				// In large rooms nobody is told: the poll is soon enough.
				if r := sh.rooms[hint.Room]; r != nil && !r.roster.quiet {
					h.rosters.kick(hint.Room)
				}
			})
		}
	}
}

// Seats is how many room memberships the members on this pod have.
func (h *Hub) Seats() int { return int(h.seats.Load()) }

// standing describes a participant of a room to the others in it.
func (h *Hub) standing(p pg.Participant, r *chat.Room) wire.Participant {
	s := h.subject(p.User)
	return wire.Participant{User: p.User, Name: p.Name, Manager: s.In(r.Managers), Presenter: s.In(r.Presenters)}
}
