package sipedge

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"time"
)

// maxIdleQueue is how many frames' room a connection keeps after a burst.
const maxIdleQueue = 256

// errCut: the connection is closed, or the client does not read and was cut off.
var errCut = errors.New("the connection is lost")

// writer sends what is queued for a connection, in order. Queueing never blocks; who lets the queue overflow is cut off.
type writer struct {
	conn    net.Conn
	raw     net.Conn // under TLS: closing it never waits
	limits  *Limits
	slow    func() // is called once when the queue overflows
	mu      sync.Mutex
	queue   []frame
	waiting int // bytes queued or being written
	count   int // frames queued or being written
	ending  bool
	lost    bool
	wake    chan struct{} // holds a token when there is something to do
}

// frame is a message in two parts, of which the second may be shared with other connections.
type frame struct{ head, body []byte }

func newWriter(conn, raw net.Conn, limits *Limits, slow func()) *writer {
	return &writer{conn: conn, raw: raw, limits: limits, slow: slow, wake: make(chan struct{}, 1)}
}

func (w *writer) send(head, body []byte) error {
	w.mu.Lock()
	if w.lost || w.ending {
		w.mu.Unlock()
		return errCut
	}
	if w.count >= w.limits.QueueMessages || w.waiting+len(head)+len(body) > w.limits.QueueBytes {
		w.lost = true
		w.mu.Unlock()
		w.slow()
		w.raw.Close()
		w.signal()
		return errCut
	}
	w.queue = append(w.queue, frame{head, body})
	w.count++
	w.waiting += len(head) + len(body)
	w.mu.Unlock()
	w.signal()
	return nil
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// alive tells whether the connection still takes messages.
func (w *writer) alive() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.lost && !w.ending
}

// end closes the connection after everything queued before.
func (w *writer) end() {
	w.mu.Lock()
	w.ending = true
	w.mu.Unlock()
	w.signal()
}

// cut closes the connection now.
func (w *writer) cut() {
	w.mu.Lock()
	w.lost = true
	w.mu.Unlock()
	w.raw.Close()
	w.signal()
}

// run writes until the connection is closed, which it does itself at the end.
func (w *writer) run() {
	defer w.cut()
	out := bufio.NewWriterSize(deadlineWriter{w.conn, w.limits.WriteTimeout}, 8<<10)
	var batch []frame
	for {
		<-w.wake
		for {
			w.mu.Lock()
			batch, w.queue = w.queue, batch[:0]
			ending, lost := w.ending, w.lost
			w.mu.Unlock()
			if lost {
				return
			}
			if len(batch) == 0 {
				if out.Flush() != nil {
					return
				}
				if ending {
					w.conn.Close() // TLS says goodbye
					return
				}
				break
			}
			if !w.write(out, batch) {
				return
			}
			if cap(batch) > maxIdleQueue {
				batch = nil
			}
		}
	}
}

func (w *writer) write(out *bufio.Writer, batch []frame) bool {
	for i, f := range batch {
		batch[i] = frame{}
		if _, err := out.Write(f.head); err != nil {
			return false
		}
		if _, err := out.Write(f.body); err != nil {
			return false
		}
		w.mu.Lock()
		w.count--
		w.waiting -= len(f.head) + len(f.body)
		w.mu.Unlock()
	}
	return true
}

// deadlineWriter gives each write its own deadline.
type deadlineWriter struct {
	net.Conn
	timeout time.Duration
}

func (d deadlineWriter) Write(b []byte) (int, error) {
	if err := d.SetWriteDeadline(time.Now().Add(d.timeout)); err != nil {
		return 0, err
	}
	return d.Conn.Write(b)
}
