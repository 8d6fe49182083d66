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
	if o.KeepSeconds > 0 && g.extend(o) {
		return g.Activation(), nil
	}
	if err := g.begin(ctx); err != nil {
		return adminapi.Activation{}, err
	}
	defer func() { <-g.work }()
	open := g.o.Database.OpenEpoch
	if o.Join {
		open = g.isOpen
	}
	if err := open(ctx, o.Epoch, o.Site); err != nil {
		return adminapi.Activation{}, fmt.Errorf("activate: %w", err)
	}
	var err error
	g.change(func(now time.Duration) {
		g.state.thaw(now)
		g.state.lapse(now)
		var t term
		if t, err = g.term(o, now); err == nil && !g.state.open(now, o.Epoch, t) {
			err = overtaken(o.Epoch, g.state.highest)
		}
	})
	if err != nil {
		return adminapi.Activation{}, err
	}
	return g.Activation(), nil
}

// extend gives the right that there is another term, which asks nothing of the database. It tells whether there is one.
func (g *Gate) extend(o adminapi.Opening) (done bool) {
	g.change(func(now time.Duration) {
		g.state.thaw(now)
		g.state.lapse(now)
		if t, err := g.term(o, now); err == nil {
			done = g.state.extend(now, o.Epoch, t)
		}
	})
	return done
}

// isOpen checks that the epoch is the database's newest and not quiesced.
func (g *Gate) isOpen(ctx context.Context, epoch int64, _ string) error {
	w, err := g.o.Database.Watch(ctx)
	switch {
	case err != nil:
		return err
	case w.ReadOnly || w.Newest != epoch || w.Closed >= epoch:
		return &chat.Error{Kind: chat.Unavailable, Field: "epoch", Text: fmt.Sprintf("%d is not open in the database, which is in epoch %d", epoch, w.Newest)}
	}
	return nil
}

// admissible checks what needs no database.
func (g *Gate) admissible(o adminapi.Opening) error {
	if err := g.ours(o.Epoch, o.Site); err != nil {
		return err
	}
	if k := o.KeepSeconds; !(k >= 0 && k <= maxKeep.Seconds()) {
		return chat.FieldErrorf("keepSeconds", "%g: want 0, for a right that does not end, or up to %g", k, maxKeep.Seconds())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, err := g.term(o, g.o.Clock())
	return err
}

// maxKeep bounds the term of a right.
const maxKeep = time.Hour

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

// term checks the ticket of an Opening, and gives the term that it asks for, which begins with the ticket; the state is
// locked.
func (g *Gate) term(o adminapi.Opening, now time.Duration) (term, error) {
	var at int64
	rest, mine := strings.CutPrefix(o.Ticket, g.ticketHead())
	_, err := fmt.Sscanf(rest, "%d", &at)
	t := term{from: time.Duration(at)}
	if age := now - t.from; !mine || err != nil || age < 0 || age > adminapi.TicketTime {
		return t, &chat.Error{Kind: chat.Unavailable, Field: "ticket", Text: "it is not of this server, or too old: ask for another one, then for proof, and try again"}
	}
	if o.KeepSeconds > 0 {
		t.ends = t.from + time.Duration(o.KeepSeconds*float64(time.Second))
	}
	if t.over(now) {
		return t, &chat.Error{Kind: chat.Unavailable, Field: "keepSeconds", Text: "what was asked for has run out meanwhile: ask for another ticket, then for proof, and try again"}
	}
	return t, nil
}

// ticketHead ties a ticket to this process; what was given before a standstill, before it was shut, or
// before its right ran out, opens nothing after.
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
