package hub

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"chatpool.dev/chatserver/chat"
)

// settle is how long a poller gathers kicks before it asks, so that many of them make one question.
const settle = 10 * time.Millisecond

// poller asks a question about all rooms every pollEvery, and sooner about rooms that it is kicked for. It asks one
// question at a time.
type poller struct {
	name string
	// ask is called with the rooms of interest, nil for all.
	ask  func(ctx context.Context, rooms []chat.ID) error
	wake chan struct{}

	mu    sync.Mutex
	rooms map[chat.ID]bool
	all   bool
}

func newPoller(name string, ask func(context.Context, []chat.ID) error) *poller {
	return &poller{name: name, ask: ask, wake: make(chan struct{}, 1), rooms: map[chat.ID]bool{}}
}

// kick asks for the rooms soon. It does not block.
func (p *poller) kick(rooms ...chat.ID) {
	p.mu.Lock()
	for _, id := range rooms {
		p.rooms[id] = true
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// kickAll asks for all rooms soon. It does not block.
func (p *poller) kickAll() {
	p.mu.Lock()
	p.all = true
	p.mu.Unlock()
	p.kick()
}

func (p *poller) run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for all := true; ; {
		rooms := p.take(all)
		err := p.ask(ctx, rooms)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != failing {
			if failing = err != nil; failing {
				log.Warn("a poll fails and is tried again every second", "poll", p.name, "err", err)
			} else {
				log.Info("the poll works again", "poll", p.name)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			all = true
		case <-p.wake:
			all = false
			wait(ctx, settle)
		}
	}
}

// take gives the rooms to ask for: nil means all.
func (p *poller) take(all bool) []chat.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	rooms := slices.Collect(maps.Keys(p.rooms))
	if rooms == nil {
		rooms = []chat.ID{}
	}
	if all || p.all {
		rooms = nil
	}
	clear(p.rooms)
	p.all = false
	return rooms
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
