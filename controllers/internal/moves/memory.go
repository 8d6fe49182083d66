package moves

import (
	"context"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// memory is how long things have stood, by this process's monotonic clock. One round at a time has it.
type memory struct {
	uid         types.UID
	peer        *v1alpha1.ChatPool // as last read
	peerCounter int64
	counterAt   time.Time // when the peer's counter was last seen to change, or when we began to look
	readAt      time.Time // when it was last read
	freshAt     time.Time // when it was seen to change since a read shortly before: so old are the facts at most
	peerFacts   facts     // of the beat that was last read

	claim      failover.Claim
	claimAt    time.Time
	base       int64 // the peer's counter when it was first read after the claim stood; -1: not yet
	confirming bool

	transition failover.Transition
	stepAt     time.Time

	databaseAt time.Time // when the own database last answered
	database   failover.Database
	beat       int64     // the heartbeat row in the own database
	beatAt     time.Time // when it was seen to change; zero: never
	streamedAt time.Time // when the own database was last seen streaming; zero: never
	endBeat    int64     // of the own database, while it follows, as last seen
	endLSN     int64
	endCounter int64     // the peer's counter when they were first seen
	behindAt   time.Time // since when the source lacks the log that we need; zero: it does not

	seat seat // before the witness's Lease

	salvage      *adminapi.Salvage // what was last said of it; nil: nothing to this process
	salvageErr   string            // why nothing is said of it now
	salvageTries int               // how often a server refused
	tail         failover.Tail

	action  failover.ActionKind // of the last round
	wroteAt time.Time           // when the status was last written
	mute    map[string]bool     // servers that did not answer the last time

	mutePeer  bool      // the other site did not answer the last time
	patientAt time.Time // when it was last waited for at length
	refused   string    // what was last told of it
}

// remember gives the memory of a pool; another object of the same name begins anew.
func (c *Controller) remember(pool *v1alpha1.ChatPool) *memory {
	c.lock.Lock()
	defer c.lock.Unlock()
	key := client.ObjectKeyFromObject(pool)
	if m := c.memory[key]; m != nil && m.uid == pool.UID {
		return m
	}
	now := time.Now()
	m := &memory{uid: pool.UID, counterAt: now, claimAt: now, stepAt: now, databaseAt: now, base: -1}
	if c.memory == nil {
		c.memory = map[types.NamespacedName]*memory{}
	}
	c.memory[key] = m
	return m
}

func (c *Controller) forget(key types.NamespacedName) {
	c.lock.Lock()
	defer c.lock.Unlock()
	delete(c.memory, key)
	forgetMetrics(key)
}

// stood notes since when claim and step stand in the own status.
func (m *memory) stood(s failover.Status, now time.Time) (claimFor, stepFor time.Duration) {
	if m.claim != s.Claim {
		m.claim, m.claimAt, m.base, m.confirming = s.Claim, now, -1, false
	}
	was := m.transition
	if was.Kind != s.Transition.Kind || was.Step != s.Transition.Step || was.From != s.Transition.From {
		m.stepAt = now
	}
	m.transition = s.Transition
	return now.Sub(m.claimAt), now.Sub(m.stepAt)
}

// beaten notes the peer's counter. It confirms a claim that it was seen to rise after the claim stood.
func (m *memory) beaten(counter int64, now time.Time, margin time.Duration) {
	fell := counter < m.peerCounter
	if counter != m.peerCounter {
		if !m.readAt.IsZero() && now.Sub(m.readAt) <= margin {
			m.freshAt = now
		}
		m.peerCounter, m.counterAt = counter, now
	}
	m.readAt = now
	switch {
	case m.base < 0, fell:
		m.base, m.confirming = counter, false
	case counter > m.base:
		m.confirming = true
	}
}

// creditFor is how long what a follower streamed is held to its source's credit: longer than facts are old.
const creditFor = 10 * time.Second

// credit evens out that the source's facts are older than the follower's own: whatever was streamed from the source, the
// source has. Without it a follower that is up to date would look ahead of its source. One that does not stream, such as
// a fresh copy, is judged by facts that were gathered after its end was first seen here: two beats later, as the first
// may have been on its way.
func (m *memory) credit(own failover.Database, source *failover.Database, now time.Time) {
	if !own.Known || own.Mode != failover.Following {
		m.streamedAt, m.endBeat = time.Time{}, 0
		return
	}
	if own.Streaming {
		m.streamedAt = now
	}
	if m.endBeat != own.Beat || m.endLSN != own.LSN || m.peerCounter < m.endCounter {
		m.endBeat, m.endLSN, m.endCounter = own.Beat, own.LSN, m.peerCounter
	}
	streamed := !m.streamedAt.IsZero() && now.Sub(m.streamedAt) <= creditFor
	if source.Known && own.Newest() == source.Newest() && (streamed || m.peerCounter < m.endCounter+2) {
		source.Beat, source.LSN = max(source.Beat, own.Beat), max(source.LSN, own.LSN)
	}
}

// lag bounds what would be lost: the active site beats a row every second, which changes here when it arrives.
func (m *memory) lag(d failover.Database, source failover.Database, now time.Time) failover.Lag {
	if d.Known && d.Beat != m.beat {
		m.beat, m.beatAt = d.Beat, now
	}
	if m.beatAt.IsZero() || d.Mode != failover.Following {
		return failover.Lag{Bytes: -1}
	}
	l := failover.Lag{Known: true, Time: now.Sub(m.beatAt), Bytes: -1}
	if source.Known && source.LSN >= d.LSN {
		l.Bytes = source.LSN - d.LSN
	}
	return l
}

// How long the other site is waited for when it did not answer the last time, and how often all the same as long as it may
// take: a site that moves without the other one would wait for it in every step.
const (
	shortWait = 500 * time.Millisecond
	longWaits = 10 * time.Second
)

// patience bounds the reads of the other site.
func (m *memory) patience(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	if !m.mutePeer || now.Sub(m.patientAt) > longWaits {
		m.patientAt = now
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, shortWait)
}
