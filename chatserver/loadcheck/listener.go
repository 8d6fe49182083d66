package loadcheck

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
)

// maxFaults bounds the faults that are kept of one reader.
const maxFaults = 10

// listener is a client that records what it is given. A writer has one too. One that leaves drops its connection now
// and then, and comes back as the same device that has seen the room up to what was recorded.
type listener struct {
	run     *Run
	name    string
	options client.Options
	rooms   []int
	leaves  bool
	timed   bool // its deliveries count for the latency

	client  *client.Client // that of a leaving listener changes
	taking  chan struct{}  // closed when the client's events have ended
	mu      sync.Mutex
	readers []Reader // one for each of rooms
}

// open signs in and joins for the first time.
func (l *listener) open(ctx context.Context) error {
	for _, room := range l.rooms {
		name := l.name
		if len(l.rooms) > 1 {
			name = fmt.Sprintf("%s in %s", l.name, l.run.rooms[room].Name)
		}
		l.readers = append(l.readers, Reader{Name: name, Room: room})
	}
	if err := l.dial(ctx); err != nil {
		return fmt.Errorf("%s: sign in as %s: %w", l.name, l.options.User, err)
	}
	l.options.Endpoint = l.client.Endpoint()
	for i, room := range l.rooms {
		r, err := l.client.Join(ctx, l.run.rooms[room].URI)
		if err != nil {
			l.drop()
			return fmt.Errorf("%s: join %q as %s: %w", l.name, l.run.rooms[room].Name, l.options.User, err)
		}
		l.mu.Lock()
		l.readers[i].Joined = r.Head
		l.mu.Unlock()
	}
	return nil
}

func (l *listener) dial(ctx context.Context) error {
	c, err := client.Dial(ctx, l.options)
	if err != nil {
		return err
	}
	taking := make(chan struct{})
	l.client, l.taking = c, taking
	go func() {
		defer close(taking)
		for e := range c.Events() {
			l.take(e)
		}
	}()
	return nil
}

// drop cuts the connection and waits until all that was given is recorded.
func (l *listener) drop() {
	l.client.Abort()
	<-l.taking
}

// stay keeps the listener in its rooms, with its absences, until reading ends.
func (l *listener) stay() {
	defer func() {
		l.client.Close()
		<-l.taking
	}()
	for l.leaves && wait(l.run.ending, about(l.run.c.Stay)) {
		l.drop()
		wait(l.run.ending, about(l.run.c.Away))
		for err := l.back(); err != nil; err = l.back() {
			if l.run.reading.Err() != nil {
				return
			}
			l.fault("coming back: %v", err)
			wait(l.run.reading.Done(), time.Second)
		}
	}
	<-l.run.reading.Done()
}

// back signs in again and goes on in each room after what was recorded.
func (l *listener) back() error {
	if err := l.dial(l.run.reading); err != nil {
		return err
	}
	for i, room := range l.rooms {
		if _, err := l.client.JoinAfter(l.run.reading, l.run.rooms[room].URI, l.last(i)); err != nil {
			l.drop()
			return err
		}
	}
	return nil
}

// last is up to where a room was given.
func (l *listener) last(i int) chat.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.readers[i]
	if n := len(r.Given); n > 0 {
		return r.Given[n-1].Position
	}
	return r.Joined
}

func (l *listener) take(e client.Event) {
	switch e := e.(type) {
	case client.Message:
		l.message(&e)
	case client.Kicked:
		l.fault("was put out of the room %s: %s", e.RoomURI, e.Reason)
	case client.Reconnected:
		if e.Moved {
			l.run.meter.moved()
		}
	case client.Disconnected:
		l.run.meter.lost()
		if e.Final {
			l.fault("was refused for good: %v", e.Err)
		}
	}
}

func (l *listener) message(m *client.Message) {
	i := 0
	for i < len(l.rooms) && l.run.rooms[l.rooms[i]].URI != m.RoomURI {
		i++
	}
	if i == len(l.rooms) {
		l.fault("was given a message of the room %s, which it never joined", m.RoomURI)
		return
	}
	id, err := l.run.recognise(&m.Message)
	l.run.meter.delivered()
	if l.timed && id != foreign && m.Origin == 0 {
		if started, ok := l.run.started(id); ok {
			l.run.meter.deliveryTook(l.run.now() - started)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.readers[i]
	r.Given = append(r.Given, Entry{m.Pos, id, m.Origin})
	if err != nil {
		r.note(err.Error())
	}
	if m.Missing > 0 {
		r.note(fmt.Sprintf("%d messages before %s could not be had from the server", m.Missing, m.Pos))
	}
}

func (l *listener) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers[0].note(fmt.Sprintf(format, args...))
}

func (r *Reader) note(fault string) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fault)
	}
}

// recognise tells which post of the run a message is.
func (r *Run) recognise(m *chat.Message) (PostID, error) {
	return recognise(r.id, r.c.TextBytes, func(id PostID) chat.Principal {
		if id.Writer < 0 || int(id.Writer) >= len(r.writers) {
			return ""
		}
		return r.writers[id.Writer].user
	}, m)
}

func (r *Run) started(id PostID) (time.Duration, bool) {
	if id.Writer < 0 || int(id.Writer) >= len(r.writers) {
		return 0, false
	}
	return r.writers[id.Writer].startedAt(id.N)
}

// about is a time between three quarters and five quarters of d.
func about(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

// wait tells whether d has passed before the channel was closed.
func wait(until <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-until:
		return false
	}
}
