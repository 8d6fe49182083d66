package gate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
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
	open := pg.Opening{Epoch: o.Epoch, Site: o.Site, Mint: o.Mint}
	if o.Fork != nil {
		open.Timeline, open.LSN = o.Fork.Timeline, uint64(o.Fork.LSN)
	}
	if err := g.o.Database.OpenEpoch(ctx, open); err != nil {
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
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case o.Epoch < 1 || o.Epoch > chat.MaxEpoch:
		return chat.FieldErrorf("epoch", "%d: want 1 to %d", o.Epoch, int64(chat.MaxEpoch))
	case o.Site != g.o.Site:
		return &chat.Error{Kind: chat.Conflict, Field: "site", Text: fmt.Sprintf("%q: this server is of site %q", o.Site, g.o.Site)}
	case o.Fork != nil && !o.Mint:
		return chat.FieldErrorf("fork", "only a new epoch has one: set mint, or leave it out")
	case o.Fork != nil && o.Fork.Timeline < 1:
		return chat.FieldErrorf("fork.timeline", "%d: want 1 or more", o.Fork.Timeline)
	case o.Epoch < g.state.highest:
		return overtaken(o.Epoch, g.state.highest)
	}
	return g.fresh(o.Ticket, g.o.Clock())
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
	g.mu.Lock()
	highest := g.state.highest
	g.mu.Unlock()
	if epoch < 1 || epoch > chat.MaxEpoch {
		return adminapi.Activation{}, chat.FieldErrorf("epoch", "%d: want 1 to %d", epoch, int64(chat.MaxEpoch))
	}
	if epoch < highest {
		return adminapi.Activation{}, overtaken(epoch, highest)
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
