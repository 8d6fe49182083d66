package sipedge

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// dialog is an INVITE dialog with a client, and the session's Outbox.
type dialog struct {
	c         *connection
	callID    string
	localTag  string
	remoteTag string
	invite    uint32 // CSeq of the INVITE
	prefix    string // of our requests in the dialog, from the blank after the method to the branch of Via
	suffix    string // from there to CSeq
	session   Dialog // set before the dialog is found by anybody else

	lastCSeq  uint32          // of the client; the reader owns it
	answering map[uint32]bool // CSeqs of documents without an answer yet; under mu

	receiving sync.Mutex    // held while the session is called: Closed comes last
	gone      chan struct{} // closed when Closed has returned

	mu      sync.Mutex
	state   state
	seq     uint32 // our last CSeq
	window  []sent // our documents without an answer yet
	queue   [][]byte
	queued  int // bytes in queue
	timer   *time.Timer
	accept  []byte // the 200 to INVITE, until ACK
	retry   time.Duration
	giveUp  time.Time
	closing Reason
}

type sent struct {
	seq uint32
	at  time.Time
}

type state int

const (
	accepting state = iota // 200 sent, no ACK yet
	open
	moved // the next request of the client is answered 481
	ended
)

// transmit sends a request of ours. The caller holds mu, so that CSeq grows in sending order.
func (d *dialog) transmit(method string, body []byte) error {
	d.seq++
	seq := strconv.FormatUint(uint64(d.seq), 10)
	b := make([]byte, 0, len(d.prefix)+len(d.suffix)+128)
	b = append(append(append(b, method...), d.prefix...), seq...)
	b = append(append(append(append(b, d.suffix...), seq...), ' '), method...)
	b = append(b, "\r\n"...)
	if len(body) > 0 {
		b = append(b, "Content-Type: text/plain; charset=UTF-8\r\n"...)
	}
	b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n\r\n"...)
	return d.c.out.send(b, body)
}

// pump sends what the window lets through, and then ends what is to be ended. The caller holds mu.
func (d *dialog) pump() {
	if d.state != open {
		return
	}
	for len(d.queue) > 0 && len(d.window) < d.c.server.limits.Window {
		body := d.queue[0]
		d.queue[0] = nil
		d.queue = d.queue[1:]
		d.queued -= len(body)
		if d.transmit("INFO", body) != nil {
			return // the connection ends, and the dialog with it
		}
		d.window = append(d.window, sent{d.seq, time.Now()})
		if len(d.window) == 1 && d.closing != Moved {
			d.arm(d.c.server.limits.TransactionTimeout)
		}
	}
	switch {
	case len(d.queue) > 0 && d.closing == Moved:
		d.arm(d.c.server.limits.MoveGrace)
	case len(d.queue) > 0:
	case d.closing == Moved:
		d.state = moved
		d.arm(d.c.server.limits.MoveGrace)
	case d.closing == Ended:
		if d.transmit("BYE", nil) == nil {
			d.finish()
		}
	}
}

// arm lets expire run after a while. The caller holds mu.
func (d *dialog) arm(after time.Duration) {
	if d.timer == nil {
		d.timer = time.AfterFunc(after, d.expire)
		return
	}
	d.timer.Reset(after)
}

// expire is what time does to a dialog.
func (d *dialog) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	switch d.state {
	case accepting:
		if now.After(d.giveUp) {
			d.transmit("BYE", nil)
			d.finish()
			return
		}
		d.c.out.send(d.accept, nil)
		d.retry = min(2*d.retry, 4*time.Second)
		d.arm(d.retry)
	case moved:
		d.c.out.end()
	case open:
		if d.closing == Moved {
			d.c.out.end() // it does not take what was sent before
			return
		}
		if len(d.window) == 0 {
			return
		}
		if left := time.Until(d.window[0].at.Add(d.c.server.limits.TransactionTimeout)); left > 0 {
			d.arm(left)
			return
		}
		d.c.log.Info("dialog ended: no answer to a document")
		d.transmit("BYE", nil)
		d.finish()
	}
}

// confirm: the client has our 200 to INVITE.
func (d *dialog) confirm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state != accepting {
		return
	}
	d.state, d.accept = open, nil
	d.timer.Stop()
	d.pump()
}

// answered takes the status of the client's answer to a request of ours.
func (d *dialog) answered(seq uint32, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.window, func(s sent) bool { return s.seq == seq })
	if i < 0 {
		return
	}
	d.window = slices.Delete(d.window, i, i+1)
	if status == 481 || status == 487 || status == 408 {
		d.finish()
		return
	}
	d.pump()
}

// finish ends the dialog without a word to the client. The caller holds mu.
func (d *dialog) finish() {
	if d.state == ended {
		return
	}
	d.state = ended
	d.queue, d.window, d.accept = nil, nil, nil
	if d.timer != nil {
		d.timer.Stop()
	}
	c := d.c
	c.mu.Lock()
	delete(c.dialogs, dialogKey(d.callID, d.localTag))
	c.mu.Unlock()
	c.server.metrics.dialogs.Dec()
	c.server.closing.Go(func() {
		d.receiving.Lock()
		defer d.receiving.Unlock()
		d.session.Closed()
		close(d.gone)
	})
}

// end is finish for the connection's reader: it waits until the session knows.
func (d *dialog) end() {
	d.mu.Lock()
	d.finish()
	d.mu.Unlock()
	<-d.gone
}
