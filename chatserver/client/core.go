package client

import (
	"cmp"
	"context"
	"io"
	"math/rand/v2"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/sip"
)

// The core's own rhythm and bounds.
const (
	tickEvery  = 200 * time.Millisecond
	maxUnsent  = 64 // frames waiting for the writer before reading stops
	goodbyeFor = 2 * time.Second
)

// core owns the client's state; all its methods run on its one goroutine.
type core struct {
	o      *Options
	do     chan func()
	events chan Event
	done   chan struct{} // closed when run ends
	signed chan signedIn

	ctx    context.Context // ends with the core: stops the connector
	cancel context.CancelFunc

	link     *link  // nil while away
	route    *route // the connector's, while away
	site     string // of the last link, or "" if the server did not say
	lostAt   time.Time
	lastRead time.Time
	pinged   bool // a keep-alive line was sent since lastRead
	awaiting map[string]*awaited
	renewal  struct{ register, refresh time.Time }

	ops      []*op
	envelope uint32
	rooms    map[string]*room
	unsent   [][]byte
	backlog  []Event

	over    bool  // run ends at once
	fatal   error // the server refuses the user: run ends when the backlog is read
	leaving int   // answers that Close waits for
	leaveBy time.Time
}

// signedIn is what the connector brings: a link, or the final refusal.
type signedIn struct {
	link *link
	err  error
}

// awaited is a request whose response is due.
type awaited struct {
	method   string
	sentAt   time.Time
	response func(*sip.Message)
}

func newCore(o *Options, l *link, r *route) *core {
	ctx, cancel := context.WithCancel(context.Background())
	c := &core{
		o: o, do: make(chan func()), events: make(chan Event), done: make(chan struct{}), signed: make(chan signedIn),
		ctx: ctx, cancel: cancel, route: r, envelope: rand.Uint32() >> 1, rooms: map[string]*room{},
	}
	c.up(l)
	return c
}

func (c *core) run() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for !c.over && (c.fatal == nil || len(c.backlog) > 0) {
		c.step(tick.C)
	}
	c.cancel()
	if c.link != nil {
		c.link.close()
	}
	err := c.fatal
	if err == nil {
		err = chat.Errorf(chat.Unavailable, "%w", ErrClosed)
	}
	c.failAll(err)
	close(c.done)
	close(c.events)
}

// step waits for one thing to happen and reacts.
func (c *core) step(tick <-chan time.Time) {
	var (
		in    <-chan frame
		out   chan<- []byte
		write []byte
		ev    chan<- Event
		event Event
	)
	if c.link != nil {
		if !c.stalled() {
			in = c.link.in
		}
		if len(c.unsent) > 0 {
			out, write = c.link.out, c.unsent[0]
		}
	}
	if len(c.backlog) > 0 {
		ev, event = c.events, c.backlog[0]
	}
	select {
	case f := <-c.do:
		f()
	case s := <-c.signed:
		c.signedIn(s)
	case f := <-in:
		c.received(f)
	case out <- write:
		c.unsent = c.unsent[1:]
	case ev <- event:
		c.backlog[0] = nil
		c.backlog = c.backlog[1:]
	case now := <-tick:
		c.tick(now)
	}
}

// stalled tells whether the user or the network is too slow to take more in.
func (c *core) stalled() bool { return len(c.backlog) >= c.o.EventBuffer || len(c.unsent) >= maxUnsent }

func (c *core) emit(e Event) {
	if c.leaving == 0 {
		c.backlog = append(c.backlog, e)
	}
}

func (c *core) send(m *sip.Message) { c.unsent = append(c.unsent, m.Append(nil)) }

// expect sends a request whose final response goes to f.
func (c *core) expect(m *sip.Message, f func(*sip.Message)) {
	c.awaiting[m.Get("CSeq")] = &awaited{method: m.Method, sentAt: time.Now(), response: f}
	c.send(m)
}

// up takes a new link into use.
func (c *core) up(l *link) {
	now := time.Now()
	c.link, c.lastRead, c.pinged = l, now, false
	c.site = cmp.Or(l.site, c.site)
	c.awaiting, c.unsent = map[string]*awaited{}, nil
	c.renewal.register, c.renewal.refresh = time.Time{}, time.Time{}
	if l.reRegister > 0 {
		c.renewal.register = now.Add(l.reRegister / 2)
	}
	if l.refresh > 0 {
		c.renewal.refresh = now.Add(l.refresh / 2)
	}
	l.run()
	for _, m := range l.early {
		c.request(m)
	}
	l.early = nil
	c.rejoin()
	c.flush(now)
}

func (c *core) signedIn(s signedIn) {
	if s.err != nil {
		c.fatal = s.err
		c.failAll(s.err)
		c.emit(Disconnected{Err: s.err, Final: true})
		return
	}
	e := Reconnected{Server: s.link.server, Site: s.link.site, Away: time.Since(c.lostAt), Resent: c.unsettled()}
	e.Moved = c.site != "" && e.Site != "" && e.Site != c.site
	c.emit(e)
	c.o.Log.Info("signed in again", "server", e.Server, "site", e.Site, "away", e.Away, "resent", e.Resent)
	c.up(s.link)
}

// down drops the link and begins to look for another. What was under way is sent again there.
func (c *core) down(err error) {
	if c.link == nil {
		return
	}
	c.o.Log.Info("connection lost", "server", c.link.server, "err", err)
	c.emit(Disconnected{Server: c.link.server, Err: err})
	c.link.close()
	c.link, c.unsent, c.awaiting = nil, nil, nil
	c.lostAt = time.Now()
	c.resetOps()
	for _, r := range c.rooms {
		r.joined, r.fetching = false, false
	}
	if c.leaving > 0 {
		c.over = true
		return
	}
	go c.connector()
}

func (c *core) connector() {
	ctx, cancel := c.o.search(c.ctx)
	defer cancel()
	l, err := signInSomewhere(ctx, c.o, c.route, forever)
	select {
	case c.signed <- signedIn{l, err}:
	case <-c.done:
		if l != nil {
			l.close()
		}
	}
}

func (c *core) received(f frame) {
	if f.err != nil {
		if f.err == io.EOF {
			f.err = io.ErrUnexpectedEOF
		}
		c.down(f.err)
		return
	}
	c.lastRead, c.pinged = time.Now(), false
	switch {
	case f.m.Blank():
	case f.m.Method != "":
		c.request(f.m)
	default:
		c.response(f.m)
	}
	if c.link != nil {
		c.flush(c.lastRead)
	}
}

func (c *core) response(m *sip.Message) {
	key := m.Get("CSeq")
	a := c.awaiting[key]
	if a == nil || m.Status < 200 {
		return
	}
	delete(c.awaiting, key)
	switch m.Status {
	case 481: // the session is moved, or the server does not know it any more
		c.down(refused("the session has ended here", m))
	case 401, 407:
		if a.method != "REGISTER" {
			c.down(refused("the sign-in has ended here", m))
			return
		}
		a.response(m)
	default:
		a.response(m)
	}
}

// request answers what the server asks.
func (c *core) request(m *sip.Message) {
	inDialog := m.Get("Call-ID") == c.link.dialog.callID
	switch {
	case m.Method == "ACK" || m.Method == "BENOTIFY":
	case m.Method == "OPTIONS" || m.Method == "NOTIFY":
		c.send(m.Answer(200, "OK"))
	case !inDialog:
		c.send(m.Answer(481, "Call/Transaction Does Not Exist"))
	case m.Method == "INFO":
		c.send(m.Answer(200, "OK"))
		c.document(m.Body)
	case m.Method == "UPDATE":
		c.send(m.Answer(200, "OK"))
	case m.Method == "BYE":
		c.send(m.Answer(200, "OK"))
		c.down(chat.Errorf(chat.Unavailable, "the server ended the session"))
	default:
		c.send(m.Answer(405, "Method Not Allowed"))
	}
}
