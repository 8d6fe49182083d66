package client

import (
	"context"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/xccos"
)

// Client is one signed-in device of a user. Its methods may be called from any goroutine.
type Client struct {
	o      Options
	core   *core
	window chan struct{}
}

// Dial signs in at the first of the servers that takes the user. See Options.Patient for how long it tries.
func Dial(ctx context.Context, o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := once
	if o.Patient || o.GiveUp > 0 {
		p = patient
	}
	ctx, cancel := o.search(ctx)
	defer cancel()
	r := &route{configured: o.Servers}
	l, err := signInSomewhere(ctx, &o, r, p)
	if err != nil {
		return nil, err
	}
	c := &Client{o: o, core: newCore(&o, l, r), window: make(chan struct{}, o.Window)}
	go c.core.run()
	return c, nil
}

// User is the user's own SIP address.
func (c *Client) User() chat.Principal { return chat.Principal(c.o.aor) }

// Endpoint is the device's id.
func (c *Client) Endpoint() string { return c.o.Endpoint }

// Events delivers what happens in the joined rooms and to the connection. It is closed after Close, Abort or a final
// Disconnected.
func (c *Client) Events() <-chan Event { return c.core.events }

// Close leaves politely (BYE, and REGISTER with Expires 0) and waits for the server's word, 2 s at most. Events that
// nobody has read are dropped.
func (c *Client) Close() {
	_ = c.exec(c.core.leave)
	<-c.core.done
}

// Abort drops the connection without a word, as a device does that loses its network.
func (c *Client) Abort() {
	_ = c.exec(func() { c.core.over = true })
	<-c.core.done
}

// exec runs f on the core's goroutine and waits for it.
func (c *Client) exec(f func()) error {
	ran := make(chan struct{})
	select {
	case c.core.do <- func() { f(); close(ran) }:
		<-ran
		return nil
	case <-c.core.done:
		if c.core.fatal != nil {
			return c.core.fatal
		}
		return chat.Errorf(chat.Unavailable, "%w", ErrClosed)
	}
}

// outcome is how an op ended.
type outcome struct {
	reply *xccos.Reply
	err   error
}

// perform hands an op to the core and waits for its outcome or the end of the context. onCore, if not nil, sees the
// outcome on the core's goroutine, before anything else happens there; abandoned, if not nil, runs there instead when
// the context ends first.
func (c *Client) perform(ctx context.Context, o *op, onCore func(*xccos.Reply, error) error, abandoned func()) (*xccos.Reply, error) {
	result := make(chan outcome, 1)
	o.done = func(r *xccos.Reply, err error) {
		if onCore != nil {
			err = onCore(r, err)
		}
		result <- outcome{r, err}
	}
	if err := c.exec(func() { c.core.add(o) }); err != nil {
		return nil, err
	}
	select {
	case r := <-result:
		return r.reply, r.err
	case <-ctx.Done():
	}
	_ = c.exec(func() {
		c.core.remove(o)
		if abandoned != nil && len(result) == 0 {
			abandoned()
		}
	})
	select {
	case r := <-result:
		return r.reply, r.err
	default:
		return nil, chat.Errorf(chat.Unavailable, "%s: no answer after %d tries: %w", o.what, o.receipt.Sent, context.Cause(ctx))
	}
}

// command performs a command that concerns a room, or none ("").
func (c *Client) command(ctx context.Context, what, room string, build func(envelope string) []byte) (*xccos.Reply, error) {
	o := &op{what: what, room: room}
	if err := c.prepare(o, build); err != nil {
		return nil, err
	}
	return c.perform(ctx, o, nil, nil)
}

// prepare gives the op its envelope id and its document.
func (c *Client) prepare(o *op, build func(envelope string) []byte) error {
	if err := c.exec(func() { o.envelope = c.core.newEnvelope() }); err != nil {
		return err
	}
	o.document = build(o.envelope)
	return nil
}

// stamp is the client's own time for a post.
func stamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }
