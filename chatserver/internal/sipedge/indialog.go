package sipedge

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// inDialog handles a request with a To tag; false ends the connection.
func (c *connection) inDialog(m *message, method string) bool {
	d := c.dialog(m.sip.CallID().Value(), m.toTag())
	if d == nil || d.remoteTag != m.fromTag() {
		return method == "ACK" || c.respond(m, 481, "")
	}
	if method == "ACK" {
		if m.cseq() == d.invite {
			d.confirm()
		}
		return true
	}
	if method == "CANCEL" { // of an INVITE that is answered already
		return c.respond(m, 200, "")
	}
	if again, old := d.order(m.cseq()); again {
		return true
	} else if old {
		return c.respond(m, 500, "CSeq Is Out Of Order")
	}
	d.confirm() // a client that sends a request in the dialog has the 200, whatever became of its ACK
	if d.isMoved() && method != "BYE" {
		c.respond(m, 481, "")
		return false
	}
	switch method {
	case "INFO":
		return c.info(d, m)
	case "BYE":
		d.end()
		return c.respond(m, 200, "") && !c.deserted()
	case "INVITE":
		return c.reinvite(d, m)
	case "UPDATE", "OPTIONS":
		return c.respond(m, 200, "", allow, field{"Contact", d.contact(m)})
	}
	return c.respond(m, 405, "", allow)
}

// order takes the CSeq of a request: again tells that its answer is on the way, old that its turn is over.
func (d *dialog) order(seq uint32) (again, old bool) {
	if seq > d.lastCSeq {
		d.lastCSeq = seq
		return false, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.answering[seq], true
}

func (d *dialog) isMoved() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state == moved
}

// info hands a document to the session; its answer may come at any time.
func (c *connection) info(d *dialog, m *message) bool {
	if t := m.mediaType(); !strings.HasPrefix(t, "text/") && !strings.HasSuffix(t, "/xml") && !strings.HasSuffix(t, "+xml") {
		return c.respond(m, 415, "", field{"Accept", "text/plain, application/xml"})
	}
	if !c.takeSlot() {
		return c.respond(m, 503, "", field{"Retry-After", "1"}, diagnosticsField(`20011;reason="inbound queue full";component="GroupChat"`))
	}
	seq := m.cseq()
	d.mu.Lock()
	d.answering[seq] = true
	d.mu.Unlock()
	body := m.body
	m.body = nil
	var once atomic.Bool
	answer := func(a Answer) {
		if once.Swap(true) {
			return
		}
		d.mu.Lock()
		delete(d.answering, seq)
		d.mu.Unlock()
		<-c.slots
		c.answer(m, a)
	}
	d.receiving.Lock()
	defer d.receiving.Unlock()
	d.mu.Lock()
	gone := d.state == ended
	d.mu.Unlock()
	if gone {
		answer(Answer{Status: 481})
		return true
	}
	d.session.Receive(body, answer)
	return true
}

// takeSlot waits until there are not too many documents without an answer: meanwhile the client is not read.
func (c *connection) takeSlot() bool {
	select {
	case c.slots <- struct{}{}:
		return true
	default:
	}
	patience := time.NewTimer(c.server.limits.TransactionTimeout)
	defer patience.Stop()
	select {
	case c.slots <- struct{}{}:
		return true
	case <-patience.C:
		return false
	}
}

func (c *connection) answer(m *message, a Answer) {
	if a.Status == 0 {
		a.Status = 200
	}
	var extra []field
	if a.RetryAfter > 0 {
		extra = append(extra, field{"Retry-After", strconv.Itoa(a.RetryAfter)})
	}
	if a.Diagnostics != "" {
		extra = append(extra, diagnosticsField(a.Diagnostics))
	}
	c.respond(m, a.Status, a.Reason, extra...)
}
