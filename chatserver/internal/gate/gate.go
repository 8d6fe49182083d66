package gate

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

const (
	// every is how often the gate looks, and the heartbeat is moved on.
	every = time.Second
	// askTime bounds one look.
	askTime = 2 * time.Second
)

// Database is where the servers of a site see each other and epochs are kept.
type Database interface {
	Beat(ctx context.Context, h pg.Heart) error
	Watch(ctx context.Context) (pg.Watched, error)
	RecordEpoch(ctx context.Context, r adminapi.Recording) error
	OpenEpoch(ctx context.Context, epoch int64, site string) error
	CloseEpoch(ctx context.Context, epoch int64) error
}

// Options of a Gate. Database, Site and Pod are needed.
type Options struct {
	Database  Database
	Site, Pod string
	// Witness tells whether the pool has a witness: the servers' right ends then if it is not renewed, so that none is had
	// from a neighbour, who cannot say when it ends. Nil: it has none.
	Witness func() bool
	// Changed is told after each change of the right. It must not block.
	Changed  func()
	Log      *slog.Logger
	Registry prometheus.Registerer
	// Clock counts from some moment and never stands still, not even with the machine. Nil: the machine's.
	Clock func() time.Duration
}

// Gate is this server's right to accept posts. It implements pg.Gate and is safe for concurrent use.
type Gate struct {
	o        Options
	instance string
	work     chan struct{} // held by whoever opens or closes

	mu    sync.Mutex
	state *state
}

// New makes a gate, shut; Run makes it watch.
func New(o Options) *Gate {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Witness == nil {
		o.Witness = func() bool { return false }
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Clock == nil {
		o.Clock = sinceBoot
	}
	instance := o.Pod + "/" + uuid.NewString()
	g := &Gate{o: o, instance: instance, work: make(chan struct{}, 1), state: newState(o.Site, instance, o.Clock())}
	if o.Registry != nil {
		o.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "chatpool_activated_epoch",
			Help: "The epoch that this server accepts posts for; 0: none."}, func() float64 { return float64(g.Activation().Epoch) }))
	}
	return g
}

// Pass implements pg.Gate.
func (g *Gate) Pass() (pg.Pass, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.state.pass(g.o.Clock())
	if !ok {
		return p, chat.Errorf(chat.Unavailable, "this server is not activated: %s", g.state.reason)
	}
	return p, nil
}

// Holds implements pg.Gate.
func (g *Gate) Holds(p pg.Pass) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state.holds(g.o.Clock(), p)
}

// seen is the answer to a look.
type seen struct {
	asked time.Duration
	pg.Watched
	err error
}

// Run watches and moves the heartbeat until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	answers := make(chan seen)
	var asking sync.WaitGroup
	defer asking.Wait()
	ask := func(asked time.Duration) {
		s := g.ask(ctx, asked)
		select {
		case answers <- s:
		case <-ctx.Done():
		}
	}
	waiting, failing := false, false
	for {
		g.change(func(now time.Duration) { g.state.live(now) })
		if !waiting {
			waiting = true
			asked := g.o.Clock()
			asking.Go(func() { ask(asked) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			continue
		case s := <-answers:
			waiting = false
			if (s.err != nil) != failing {
				failing = s.err != nil
				g.o.Log.Info("the gate looks at the database", "fails", failing, "err", s.err)
			}
			if s.err == nil {
				alone := g.o.Witness()
				g.change(func(now time.Duration) {
					g.state.alone = alone
					g.state.look(now, s.asked, s.Watched)
				})
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ask moves the heartbeat on, with the right to, and looks.
func (g *Gate) ask(ctx context.Context, asked time.Duration) seen {
	s := seen{asked: asked}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if p, err := g.Pass(); err == nil {
		s.err = g.o.Database.Beat(ctx, pg.Heart{Epoch: p.Epoch, Site: g.o.Site, Pod: g.o.Pod, Instance: g.instance})
	}
	if s.err == nil {
		s.Watched, s.err = g.o.Database.Watch(ctx)
	}
	return s
}

// change runs f on the state, and tells of a change of the right.
func (g *Gate) change(f func(now time.Duration)) {
	g.mu.Lock()
	before := g.state.epoch
	f(g.o.Clock())
	after, how, reason := g.state.epoch, g.state.how, g.state.reason
	g.mu.Unlock()
	if before == after {
		return
	}
	if after > 0 {
		g.o.Log.Info("activated", "epoch", after, "how", how)
	} else {
		g.o.Log.Warn("not activated any more", "epoch", before, "reason", reason)
	}
	g.o.Changed()
}

// Activation tells the right that there is now.
func (g *Gate) Activation() adminapi.Activation {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, s := g.o.Clock(), g.state
	a := adminapi.Activation{Reason: s.reason, Highest: s.highest, Quiesced: s.held(now), Seconds: (now - s.since).Seconds(), Ticket: g.ticket(now)}
	if p, ok := s.pass(now); ok {
		a.Epoch, a.How, a.Neighbour = p.Epoch, s.how, s.neighbour
		if s.term.ends > 0 {
			a.EndsInSeconds = (s.term.ends - now).Seconds()
		}
	} else if s.epoch > 0 {
		a.Reason, a.Seconds = "the server stood still, or its right was not renewed", 0
	}
	return a
}

// Heartbeats are those of the newest epoch, as last seen.
func (g *Gate) Heartbeats() []adminapi.Heartbeat {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Clock()
	var out []adminapi.Heartbeat
	for _, h := range g.state.hearts {
		b := adminapi.Heartbeat{Epoch: h.Epoch, Site: h.Site, Pod: h.Pod, Counter: h.Counter}
		if h.moved {
			age := (now - h.at).Seconds()
			b.AgeSeconds = &age
		}
		out = append(out, b)
	}
	return out
}

// ticket ties a request to this process and its clock.
func (g *Gate) ticket(now time.Duration) string {
	return fmt.Sprintf("%s%d", g.ticketHead(), now.Nanoseconds())
}
