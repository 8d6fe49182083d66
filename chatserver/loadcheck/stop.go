package loadcheck

import (
	"context"
	"fmt"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
)

// pageSize is how many messages of the history are asked for at a time.
const pageSize = 200

// Stop ends the load, waits for acknowledgements and readers (Config.Settle each), reads the history with a fresh client
// and checks. The context bounds all of it; when it ends early, the report tells what could not be checked. Stop is
// called once.
func (r *Run) Stop(ctx context.Context) (*Report, error) {
	defer r.end()
	close(r.ending)
	lasted := r.now()
	r.c.Logf("load %s: %5.1f s: the load ends; waiting for %d posts", r.id, lasted.Seconds(), r.Progress().UnderWay)
	r.settlePosts(ctx)
	historian, err := r.newHistorian(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	defer historian.client.Close()
	if err := r.settleReaders(ctx, historian); err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	r.end() // readers are given nothing more from here on
	if err := historian.read(ctx); err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return r.report(lasted), nil
}

// settlePosts waits until every post is acknowledged, and gives the rest up as in doubt after Settle.
func (r *Run) settlePosts(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.writes.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, r.c.Settle)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
	}
	r.stopPosting()
	<-done
}

// settleReaders waits until all readers have what the history has, and notes how far that is.
func (r *Run) settleReaders(ctx context.Context, h *historian) error {
	deadline := time.Now().Add(r.c.Settle)
	for {
		if err := h.read(ctx); err != nil {
			return err
		}
		for i := range r.rooms {
			r.rooms[i].Settled = h.last[i]
		}
		if r.caughtUp() || time.Now().After(deadline) {
			return nil
		}
		if !wait(ctx.Done(), 200*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func (r *Run) caughtUp() bool {
	for _, l := range r.listeners {
		for i, room := range l.rooms {
			if l.last(i) < r.rooms[room].Settled {
				return false
			}
		}
	}
	return true
}

// historian reads the rooms' history, from where the load began, as a user of its own on a new device.
type historian struct {
	run    *Run
	client *client.Client
	last   []chat.Position
}

func (r *Run) newHistorian(ctx context.Context) (*historian, error) {
	c, err := client.Dial(ctx, r.c.options(r.c.Checker, 0))
	if err != nil {
		return nil, err
	}
	go discard(c)
	h := &historian{run: r, client: c}
	for i := range r.rooms {
		h.last = append(h.last, r.rooms[i].Start)
		if _, err := c.Join(ctx, r.rooms[i].URI); err != nil {
			c.Abort()
			return nil, err
		}
	}
	return h, nil
}

// read adds what has come to the history since the last time.
func (h *historian) read(ctx context.Context) error {
	for i := range h.run.rooms {
		room := &h.run.rooms[i]
		for more := true; more; {
			p, err := h.client.HistoryAfter(ctx, room.URI, h.last[i], pageSize)
			if err != nil {
				return err
			}
			page := p.Messages
			if more = p.More; more && len(page) == 0 {
				return fmt.Errorf("room %q: the server says that there is more after %s, but gives nothing", room.Name, h.last[i])
			}
			for k := range page {
				id, err := h.run.recognise(&page[k].Message)
				if err != nil && len(room.Faults) < maxFaults {
					room.Faults = append(room.Faults, err.Error())
				}
				room.History = append(room.History, Entry{page[k].Pos, id, page[k].Origin})
				h.last[i] = page[k].Pos
			}
		}
	}
	return nil
}
