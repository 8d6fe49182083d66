package loadcheck

import (
	"math"
	"sync"
	"time"
)

// meter counts while the run goes on. Its methods may be called from any goroutine.
type meter struct {
	mu         sync.Mutex
	underWay   int
	acks       []time.Duration // when posts were accepted, as they came
	ack        histogram
	delivery   histogram
	deliveries int
	losses     int
	moves      int
}

func newMeter() *meter { return &meter{} }

func (m *meter) began() { m.change(func() { m.underWay++ }) }

func (m *meter) ended() { m.change(func() { m.underWay-- }) }

func (m *meter) accepted(p Post) {
	m.change(func() {
		m.underWay--
		m.acks = append(m.acks, p.Acknowledged)
		m.ack.add(p.Acknowledged - p.Started)
	})
}

func (m *meter) delivered() { m.change(func() { m.deliveries++ }) }

func (m *meter) deliveryTook(d time.Duration) { m.change(func() { m.delivery.add(d) }) }

func (m *meter) lost() { m.change(func() { m.losses++ }) }

func (m *meter) moved() { m.change(func() { m.moves++ }) }

func (m *meter) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *meter) progress(now time.Duration) Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := Progress{Accepted: len(m.acks), UnderWay: m.underWay, Deliveries: m.deliveries, Losses: m.losses, SinceAccepted: now}
	if n := len(m.acks); n > 0 {
		p.SinceAccepted = now - m.acks[n-1]
	}
	return p
}

// histogram counts durations in classes that grow by 5 %, from 10 µs on.
type histogram struct {
	classes [400]int
	n       int
	most    time.Duration
}

const (
	classWidth = 1.05
	classFirst = 10 * time.Microsecond
)

func (h *histogram) add(d time.Duration) {
	class := 0
	if d > classFirst {
		class = int(math.Log(float64(d)/float64(classFirst)) / math.Log(classWidth))
	}
	h.classes[min(class, len(h.classes)-1)]++
	h.n++
	h.most = max(h.most, d)
}

// quantile is a duration that the share q of all does not exceed, to 5 %; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int(math.Ceil(q * float64(h.n)))
	seen := 0
	for class, n := range h.classes {
		if seen += n; seen >= rank && n > 0 {
			return min(time.Duration(float64(classFirst)*math.Pow(classWidth, float64(class+1))), h.most)
		}
	}
	return 0
}
