package loadcheck

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
)

// Run is a load that is being made.
type Run struct {
	c     Config
	id    string // in every text, so that runs do not take each other's posts for theirs
	began time.Time
	rooms []RoomRecord
	index map[string]int // of rooms, by URI

	writers   []*writer
	listeners []*listener
	meter     *meter

	ending chan struct{} // closed when the load ends: no new posts, nobody goes away any more
	// posting and reading end when Stop has waited long enough for acknowledgements and readers.
	posting, reading         context.Context
	stopPosting, stopReading context.CancelFunc
	writes, reads            sync.WaitGroup

	marksMu sync.Mutex
	marks   []Mark
}

// Mark is something that was done to the pool during the run.
type Mark struct {
	At   time.Duration `json:"at"`
	Text string        `json:"text"`
}

// atOnce is how many clients sign in at the same time at the start.
const atOnce = 8

// Start signs everybody in, waits until all have joined their rooms, and begins to post. The context bounds the start alone.
func Start(ctx context.Context, c Config) (*Run, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails, as crypto/rand documents
	r := &Run{c: c, id: hex.EncodeToString(id), began: time.Now(), index: map[string]int{}, meter: newMeter(), ending: make(chan struct{})}
	r.posting, r.stopPosting = context.WithCancel(context.Background())
	r.reading, r.stopReading = context.WithCancel(context.Background())
	if err := r.findRooms(ctx); err != nil {
		return nil, err
	}
	r.plan()
	if err := r.signIn(ctx); err != nil {
		r.end()
		return nil, err
	}
	c.Logf("load %s: %d writers, %d readers, %d rooms; %.0f posts/s", r.id, len(r.writers), len(r.listeners)-len(r.writers), len(r.rooms), c.Rate)
	r.began = time.Now()
	for _, w := range r.writers {
		r.writes.Go(w.run)
	}
	r.reads.Go(r.tell)
	return r, nil
}

// findRooms resolves the rooms and notes where they stand.
func (r *Run) findRooms(ctx context.Context) error {
	c, err := client.Dial(ctx, r.c.options(r.c.Checker, 0))
	if err != nil {
		return fmt.Errorf("sign in as %s: %w", r.c.Checker.Address, err)
	}
	defer c.Close()
	go discard(c)
	for _, name := range r.c.Rooms {
		room, err := c.Join(ctx, name)
		if err != nil {
			return fmt.Errorf("join %q as %s: %w", name, r.c.Checker.Address, err)
		}
		if !room.History {
			return chat.FieldErrorf("rooms", "%q keeps no history: nothing could be checked", name)
		}
		if _, twice := r.index[room.URI]; twice {
			return chat.FieldErrorf("rooms", "%q is named twice", name)
		}
		r.index[room.URI] = len(r.rooms)
		r.rooms = append(r.rooms, RoomRecord{URI: room.URI, Name: room.Name, Start: room.Head})
	}
	return nil
}

func discard(c *client.Client) {
	for range c.Events() {
	}
}

// plan makes writers and readers and spreads them over users and servers.
func (r *Run) plan() {
	n := 0
	listen := func(name string, server int, leaves bool, rooms ...int) *listener {
		l := &listener{run: r, name: name, options: r.c.options(r.c.Users[n%len(r.c.Users)], server), rooms: rooms, leaves: leaves}
		n++
		r.listeners = append(r.listeners, l)
		return l
	}
	for i := range r.c.Writers {
		var rooms []int
		for k := range r.c.RoomsPerWriter {
			rooms = append(rooms, (i+k)%len(r.rooms))
		}
		if i%2 == 1 {
			slices.Reverse(rooms)
		}
		w := &writer{load: r, number: int32(i), user: r.c.Users[n%len(r.c.Users)].principal(), rooms: rooms}
		w.listener = listen(fmt.Sprintf("writer %d", i), i, false, rooms...)
		w.listener.options.Window = r.c.InFlight
		r.writers = append(r.writers, w)
	}
	for i := range r.rooms {
		for k := range r.c.Stayers {
			l := listen(fmt.Sprintf("stayer %d of %s", k, r.rooms[i].Name), i+k, false, i)
			l.timed = true
		}
		for k := range r.c.Returners {
			listen(fmt.Sprintf("returner %d of %s", k, r.rooms[i].Name), i+k, true, i)
		}
	}
}

func (r *Run) signIn(ctx context.Context) error {
	turns := make(chan struct{}, atOnce)
	failed := make(chan error, len(r.listeners))
	for _, l := range r.listeners {
		r.reads.Go(func() {
			turns <- struct{}{}
			err := l.open(ctx)
			<-turns
			failed <- err
			if err == nil {
				l.stay()
			}
		})
	}
	var errs []error
	for range r.listeners {
		if err := <-failed; err != nil && len(errs) < maxExamples {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// end stops everything at once.
func (r *Run) end() {
	select {
	case <-r.ending:
	default:
		close(r.ending)
	}
	r.stopPosting()
	r.stopReading()
	r.writes.Wait()
	r.reads.Wait()
}

// Mark notes that something is done to the pool now; the report shows what followed.
func (r *Run) Mark(format string, args ...any) {
	r.marksMu.Lock()
	defer r.marksMu.Unlock()
	m := Mark{At: r.now(), Text: fmt.Sprintf(format, args...)}
	r.marks = append(r.marks, m)
	r.c.Logf("load %s: %5.1f s: %s", r.id, m.At.Seconds(), m.Text)
}

func (r *Run) now() time.Duration { return time.Since(r.began) }

// tellEvery is the time between two lines of Config.Logf.
const tellEvery = 10 * time.Second

func (r *Run) tell() {
	t := time.NewTicker(tellEvery)
	defer t.Stop()
	before := 0
	for {
		select {
		case <-t.C:
			p := r.Progress()
			r.c.Logf("load %s: %5.1f s: %d posts accepted (%.0f/s), %d under way, %d deliveries, %d connections lost",
				r.id, r.now().Seconds(), p.Accepted, float64(p.Accepted-before)/tellEvery.Seconds(), p.UnderWay, p.Deliveries, p.Losses)
			before = p.Accepted
		case <-r.reading.Done():
			return
		}
	}
}

// Progress is what a run has done until now.
type Progress struct {
	Accepted, UnderWay, Deliveries, Losses int
	// SinceAccepted is how long ago the last post was accepted.
	SinceAccepted time.Duration
}

// Progress tells how the run goes.
func (r *Run) Progress() Progress { return r.meter.progress(r.now()) }
