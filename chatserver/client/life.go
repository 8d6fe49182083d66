package client

import (
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/sip"
)

// tick does what time alone brings: answers that are overdue, signs of life, renewals, second tries.
func (c *core) tick(now time.Time) {
	if c.leaving > 0 && now.After(c.leaveBy) {
		c.over = true
	}
	if c.link == nil || c.over {
		return
	}
	if c.stalled() { // not the server's fault
		c.lastRead = now
		for _, a := range c.awaiting {
			a.sentAt = now
		}
		c.touchOps(now)
		return
	}
	for _, a := range c.awaiting {
		if now.Sub(a.sentAt) > c.o.Timeout {
			c.down(chat.Errorf(chat.Unavailable, "no answer to %s within %s", a.method, c.o.Timeout))
			return
		}
	}
	if o := c.overdue(now); o != nil {
		c.down(chat.Errorf(chat.Unavailable, "no reply to a command within %s", max(replyWait, 2*c.o.Timeout)))
		return
	}
	c.keepAlive(now)
	c.catchUp(now)
	c.flush(now)
}

// keepAlive asks a silent server for a sign of life, first with a blank line, then with an UPDATE, and renews the
// registration and the dialog half-way through their time.
func (c *core) keepAlive(now time.Time) {
	silent := now.Sub(c.lastRead)
	renew := !c.renewal.refresh.IsZero() && now.After(c.renewal.refresh)
	switch {
	case (renew || silent > c.o.KeepAlive) && len(c.awaiting) == 0:
		if renew {
			c.renewal.refresh = now.Add(c.link.refresh / 2)
		}
		c.expect(c.link.request(&c.link.dialog, "UPDATE", c.link.target), func(*sip.Message) {})
	case silent > c.o.KeepAlive/2 && !c.pinged:
		c.pinged = true
		c.unsent = append(c.unsent, []byte("\r\n\r\n"))
	}
	if !c.renewal.register.IsZero() && now.After(c.renewal.register) {
		c.renewal.register = now.Add(c.link.reRegister / 2)
		c.reRegister(true)
	}
}

func (c *core) reRegister(mayRetry bool) {
	c.expect(c.link.register(registrationSeconds), func(m *sip.Message) {
		switch {
		case m.Status == 200:
		case (m.Status == 401 || m.Status == 407) && mayRetry && c.link.challenged(m) == nil:
			c.reRegister(false)
		default:
			c.down(refused("renew the sign-in", m))
		}
	})
}

// leave says goodbye and ends when the server has answered, or soon without.
func (c *core) leave() {
	c.failAll(chat.Errorf(chat.Unavailable, "%w", ErrClosed))
	c.backlog = nil
	if c.link == nil {
		c.over = true
		return
	}
	c.leaving, c.leaveBy = 2, time.Now().Add(goodbyeFor)
	answered := func(*sip.Message) {
		if c.leaving--; c.leaving == 0 {
			c.over = true
		}
	}
	c.expect(c.link.request(&c.link.dialog, "BYE", c.link.target), answered)
	c.expect(c.link.register(0), answered)
}
