package client

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/sip"
	"chatpool.dev/chatserver/client/internal/xccos"
)

// op is one XCCOS document that is on its way until it has an outcome. It is sent again, unchanged, as often as needed.
type op struct {
	what     string // for errors, as in `post to "Desk"`
	room     string // the URI of a room that must be joined before, or ""
	document []byte
	envelope string
	post     bool // its outcome is the SIP response; a command's is the rpl
	fleeting bool // of use on this link only

	sent      bool // on this link, not yet refused
	sentAt    time.Time
	notBefore time.Time
	partial   *xccos.Reply // what came of a reply in several documents
	rejoined  bool         // the room was joined again because of this op
	receipt   Receipt
	// done is called once, on the core's goroutine, unless the op is removed.
	done func(*xccos.Reply, error)
}

// newEnvelope gives the next envelope id.
func (c *core) newEnvelope() string {
	c.envelope++
	return strconv.FormatUint(uint64(c.envelope), 10)
}

func (c *core) add(o *op) {
	if c.fatal != nil {
		o.done(nil, c.fatal)
		return
	}
	c.ops = append(c.ops, o)
	c.flush(time.Now())
}

func (c *core) remove(o *op) {
	if i := slices.Index(c.ops, o); i >= 0 {
		c.ops = slices.Delete(c.ops, i, i+1)
	}
}

func (c *core) finish(o *op, r *xccos.Reply, err error) {
	c.remove(o)
	o.done(r, err)
}

func (c *core) failAll(err error) {
	ops := c.ops
	c.ops = nil
	for _, o := range ops {
		o.done(nil, err)
	}
}

// flush sends every op whose time has come and whose room is joined.
func (c *core) flush(now time.Time) {
	for _, o := range slices.Clone(c.ops) {
		if c.link == nil || c.leaving > 0 {
			return
		}
		if o.sent || now.Before(o.notBefore) {
			continue
		}
		if r := c.rooms[o.room]; r != nil && !r.joined {
			continue
		}
		c.transmit(o, now)
	}
}

func (c *core) transmit(o *op, now time.Time) {
	o.sent, o.sentAt, o.partial = true, now, nil
	o.receipt.Sent++
	c.expect(c.link.info(o.document), func(m *sip.Message) { c.answered(o, m) })
}

// answered takes the SIP response to an op.
func (c *core) answered(o *op, m *sip.Message) {
	if !o.sent || !slices.Contains(c.ops, o) { // its reply came before, or nobody waits any more: the receipt is his
		return
	}
	now := time.Now()
	o.receipt.SlowestAnswer = max(o.receipt.SlowestAnswer, now.Sub(o.sentAt))
	switch {
	case m.Status == 200 && o.post:
		o.receipt.Acknowledged = now
		c.finish(o, nil, nil)
	case m.Status == 200:
	case kindOfStatus(m.Status) == chat.Unavailable:
		if m.Status == 503 {
			o.receipt.Refused++
		}
		o.sent, o.notBefore = false, now.Add(retryAfter(m))
	case c.enterAgain(o, diagnostics(m)):
	default:
		c.finish(o, nil, refused(o.what, m))
	}
}

// replied takes the rpl to a command.
func (c *core) replied(r *xccos.Reply) {
	i := slices.IndexFunc(c.ops, func(o *op) bool { return !o.post && o.envelope == r.Command.Envelope })
	if i < 0 {
		return
	}
	o := c.ops[i]
	if o.partial != nil {
		o.partial.Data.Extend(&r.Data)
		r = o.partial
	}
	if r.Result.Code == 200 && strings.EqualFold(r.Data.More, "true") {
		o.partial, o.sentAt = r, time.Now()
		return
	}
	switch kind := kindOfStatus(r.Result.Code); {
	case r.Result.Code == 200:
		c.finish(o, r, nil)
	case kind == chat.Unavailable:
		o.sent, o.notBefore = false, time.Now().Add(time.Second+rand.N(250*time.Millisecond))
	case r.Result.Code == 409 && c.enterAgain(o, notJoined):
	default:
		text := strings.TrimSpace(r.Result.Phrase)
		if r.Data.Error.Text != "" {
			text = r.Data.Error.Text
		}
		c.finish(o, nil, &chat.Error{Kind: kind, Text: o.what + ": " + text})
	}
}

// notJoined is how the server's diagnostics begin when a post or query is about a room that the session is not in.
const notJoined = "not joined"

// enterAgain joins the op's room again, once, if the server has forgotten that the user is in it; then the op waits.
func (c *core) enterAgain(o *op, diagnostics string) bool {
	r := c.rooms[o.room]
	if r == nil || o.rejoined || !strings.Contains(diagnostics, notJoined) {
		return false
	}
	o.sent, o.rejoined = false, true
	if r.joined {
		r.joined = false
		c.joinOne(r)
	}
	return true
}

// resetOps prepares what was under way for the next link.
func (c *core) resetOps() {
	for _, o := range slices.Clone(c.ops) {
		switch {
		case o.fleeting:
			c.remove(o)
		case o.sent:
			o.sent = false
			o.receipt.Lost++
		}
	}
}

// unsettled counts the posts that were sent and have no outcome.
func (c *core) unsettled() int {
	n := 0
	for _, o := range c.ops {
		if o.post && o.receipt.Sent > 0 {
			n++
		}
	}
	return n
}

// replyWait is the least that a command's reply may take: a server gives its own work up, with a reply, before that.
const replyWait = 12 * time.Second

// overdue finds a command whose reply has not come.
func (c *core) overdue(now time.Time) *op {
	for _, o := range c.ops {
		if o.sent && !o.post && now.Sub(o.sentAt) > max(replyWait, 2*c.o.Timeout) {
			return o
		}
	}
	return nil
}

// touchOps restarts the waiting time of all commands.
func (c *core) touchOps(now time.Time) {
	for _, o := range c.ops {
		if !o.post {
			o.sentAt = now
		}
	}
}

func retryAfter(m *sip.Message) time.Duration {
	s, err := strconv.Atoi(m.Get("Retry-After"))
	if err != nil || s < 1 || s > 60 {
		s = 1
	}
	d := time.Duration(s) * time.Second
	return d + rand.N(d/4)
}
