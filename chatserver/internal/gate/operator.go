package gate

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

// Activate opens the epoch in the database, and then this server for it. See adminapi.Client.Activate.
func (g *Gate) Activate(ctx context.Context, o adminapi.Opening) (adminapi.Activation, error) {
	if err := g.admissible(o); err != nil {
		return adminapi.Activation{}, err
	}
	if err := g.begin(ctx); err != nil {
		return adminapi.Activation{}, err
	}
	defer func() { <-g.work }()
	if err := g.o.Database.OpenEpoch(ctx, o.Epoch, o.Site); err != nil {
		return adminapi.Activation{}, fmt.Errorf("activate: %w", err)
	}
	var err error
	g.change(func(now time.Duration) {
		g.state.thaw(now)
		if err = g.fresh(o.Ticket, now); err == nil && !g.state.open(now, o.Epoch) {
			err = overtaken(o.Epoch, g.state.highest)
		}
	})
	if err != nil {
		return adminapi.Activation{}, err
	}
	return g.Activation(), nil
}

// admissible checks what needs no database.
func (g *Gate) admissible(o adminapi.Opening) error {
	if err := g.ours(o.Epoch, o.Site); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fresh(o.Ticket, g.o.Clock())
}

// ours checks that an epoch can be one of this server's site.
func (g *Gate) ours(epoch int64, site string) error {
	if site != g.o.Site {
		return &chat.Error{Kind: chat.Conflict, Field: "site", Text: fmt.Sprintf("%q: this server is of site %q", site, g.o.Site)}
	}
	return g.possible(epoch)
}

// possible checks an epoch's number, and that no higher one was heard of.
func (g *Gate) possible(epoch int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case epoch < 1 || epoch > chat.MaxEpoch:
		return chat.FieldErrorf("epoch", "%d: want 1 to %d", epoch, int64(chat.MaxEpoch))
	case epoch < g.state.highest:
		return overtaken(epoch, g.state.highest)
	}
	return nil
}

func overtaken(epoch, highest int64) error {
	return &chat.Error{Kind: chat.Conflict, Field: "epoch", Text: fmt.Sprintf("%d: epoch %d is known here", epoch, highest)}
}

// fresh checks a ticket; the state is locked.
func (g *Gate) fresh(ticket string, now time.Duration) error {
	var at int64
	rest, mine := strings.CutPrefix(ticket, g.ticketHead())
	_, err := fmt.Sscanf(rest, "%d", &at)
	if age := now - time.Duration(at); !mine || err != nil || age < 0 || age > adminapi.TicketTime {
		return &chat.Error{Kind: chat.Unavailable, Field: "ticket", Text: "it is not of this server, or too old: ask for another one, then for proof, and try again"}
	}
	return nil
}

// ticketHead ties a ticket to this process; what was given before a standstill, or before it was shut, opens nothing after.
func (g *Gate) ticketHead() string {
	return fmt.Sprintf("%s/%d/%d/", g.instance, g.state.life, g.state.shuts)
}

// Record records a new epoch in the database; this server's right to an older one ends. See adminapi.Client.RecordEpoch.
func (g *Gate) Record(ctx context.Context, r adminapi.Recording) error {
	if err := g.ours(r.Epoch, r.Site); err != nil {
		return err
	}
	if r.Timeline < 0 || r.Timeline > math.MaxInt32 {
		return chat.FieldErrorf("timeline", "%d: want 0 to %d", r.Timeline, math.MaxInt32)
	}
	if err := g.begin(ctx); err != nil {
		return err
	}
	defer func() { <-g.work }()
	if err := g.o.Database.RecordEpoch(ctx, r); err != nil {
		return err
	}
	g.change(func(now time.Duration) { g.state.hear(now, r.Epoch) })
	return nil
}

// begin waits until no other request opens or closes.
func (g *Gate) begin(ctx context.Context) error {
	select {
	case g.work <- struct{}{}:
		return nil
	case <-ctx.Done():
		return chat.Errorf(chat.Unavailable, "another request opens or closes an epoch: %w", ctx.Err())
	}
}

// Deactivate shuts this server, and it alone.
func (g *Gate) Deactivate() adminapi.Activation {
	g.change(g.state.deactivate)
	return g.Activation()
}

// Quiesce shuts this server at once, and then the epoch in the database. See adminapi.Client.Quiesce. When the database
// has it, it holds for all servers, and whoever opens the epoch again on one of them opens it for all.
func (g *Gate) Quiesce(ctx context.Context, epoch int64) (adminapi.Activation, error) {
	if err := g.possible(epoch); err != nil {
		return adminapi.Activation{}, err
	}
	quiesce := func(now time.Duration) { g.state.quiesce(now, epoch) }
	g.change(quiesce)
	if err := g.begin(ctx); err != nil {
		return adminapi.Activation{}, err
	}
	defer func() { <-g.work }()
	g.change(quiesce) // an activation that was under way may have ended just now
	if err := g.o.Database.CloseEpoch(ctx, epoch); err != nil {
		return adminapi.Activation{}, fmt.Errorf("quiesce: %w", err)
	}
	g.change(func(time.Duration) { g.state.closed() })
	return g.Activation(), nil
}
