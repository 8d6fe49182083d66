package exchange

import (
	"fmt"
	"math"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/replication"
	"chatpool.dev/controllers/internal/sites"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// link is what is remembered of one pool from beat to beat. The round that runs owns it, but for busy, view and told,
// which Exchange's lock guards.
type link struct {
	uid  types.UID
	busy bool
	view View
	told string

	counter   int64
	watch     sites.Watch
	lag       sites.Lag
	lastRead  time.Time // when the other site was asked before
	lastBeat  int64     // what its counter was then
	streamed  time.Time // when the standby was last seen following; has a monotonic reading
	behind    time.Time // since when the log that it needs is gone
	peerRole  string
	next      View
	signature string
}

// look is what one round saw.
type look struct {
	peer     *v1alpha1.ChatPool
	peerErr  error
	facts    replication.Facts
	factsErr error
}

// writtenReplication names what is not known as null, so that a merge patch removes it.
type writtenReplication struct {
	State          string       `json:"state"`
	Lag            string       `json:"lag"`
	LagSeconds     *int64       `json:"lagSeconds"`
	LagBytes       *int64       `json:"lagBytes"`
	LastSeen       *metav1.Time `json:"lastSeen,omitempty"`
	Position       *int64       `json:"position"`
	OldestPosition *int64       `json:"oldestPosition"`
}

// take takes a look into account and gives what to write.
func (l *link) take(pool *v1alpha1.ChatPool, pair sites.Pair, seen look, begun, now time.Time) map[string]any {
	if st := pool.Status.Peer; st != nil {
		l.counter = max(l.counter, st.Heartbeat)
	}
	l.counter++
	why := ""
	if seen.peerErr != nil {
		why = seen.peerErr.Error()
	} else if _, wrong := sites.OtherOf(seen.peer, pool, pair); wrong != "" && seen.peer.UID == pool.UID {
		why = wrong
	}
	var theirs v1alpha1.ChatPoolStatus
	if why == "" {
		theirs = seen.peer.Status
		l.peerRole = theirs.Role
	}
	var beat int64
	if theirs.Peer != nil {
		beat = theirs.Peer.Heartbeat
	}
	l.watch.Read(beat, why, now)
	state, stateWhy := l.watch.State(now)
	if why == "" {
		l.noteSource(theirs, beat, begun)
	}
	r := l.replication(pool.Status, pair, seen, theirs, state, now)
	l.next = View{State: state, Why: stateWhy, Replication: r, PeerRole: l.peerRole}
	if !l.behind.IsZero() {
		l.next.Behind = now.Sub(l.behind)
	}
	ready, _ := theirsDatabase(theirs)
	l.signature = fmt.Sprint(state, theirs.Role, theirs.Database.Data, theirs.Epoch, ready, r.State, l.next.Behind > sites.Silence)
	peer := map[string]any{
		"heartbeat": l.counter, "site": pair.Peer.Name, "state": state, "role": orNull(l.peerRole), "message": orNull(stateWhy),
	}
	if t := l.watch.Seen(); !t.IsZero() {
		peer["lastSeen"] = metav1.NewTime(t)
	}
	return map[string]any{"peer": peer, "replication": writtenReplication{
		State: r.State, Lag: r.Lag, LagSeconds: r.LagSeconds, LagBytes: r.LagBytes, LastSeen: r.LastSeen,
		Position: positive(r.Position), OldestPosition: positive(r.OldestPosition),
	}}
}

func theirsDatabase(st v1alpha1.ChatPoolStatus) (bool, string) {
	p := &v1alpha1.ChatPool{Status: st}
	_, reason := condition.Get(p, v1alpha1.ConditionDatabaseReady)
	return condition.IsTrue(p, v1alpha1.ConditionDatabaseReady), reason
}

// noteSource remembers where the other site's log ended. Its operator wrote that together with its counter, after our
// last question if the counter is another one than then, and had asked its database less than a beat before.
func (l *link) noteSource(theirs v1alpha1.ChatPoolStatus, beat int64, begun time.Time) {
	if theirs.Replication != nil && theirs.Replication.Position > 0 && beat != l.lastBeat && !l.lastRead.IsZero() {
		l.lag.Source(theirs.Replication.Position, l.lastRead.Add(-Beat))
	}
	l.lastBeat, l.lastRead = beat, begun
}

// replication says how the standby's following goes, as far as this site can know.
func (l *link) replication(own v1alpha1.ChatPoolStatus, pair sites.Pair, seen look, theirs v1alpha1.ChatPoolStatus, peerState string, now time.Time) *v1alpha1.ReplicationStatus {
	r := &v1alpha1.ReplicationStatus{State: v1alpha1.ReplicationUnknown, Lag: "unknown"}
	if seen.factsErr == nil {
		r.Position, r.OldestPosition = seen.facts.Position, seen.facts.Oldest
	}
	if own.Role == v1alpha1.RoleStandby {
		l.atStandby(r, seen, theirs, peerState, now)
	} else if own.Role == v1alpha1.RoleActive {
		l.behind = time.Time{}
		l.atActive(r, seen, pair, now)
	}
	if r.State == v1alpha1.ReplicationStreaming {
		l.streamed = now
	}
	if !l.streamed.IsZero() {
		t := metav1.NewTime(l.streamed)
		r.LastSeen = &t
	} else if own.Replication != nil {
		r.LastSeen = own.Replication.LastSeen
	}
	return r
}

// atActive: the source's own list of followers is what counts. One that is not on it is behind since it last was.
func (l *link) atActive(r *v1alpha1.ReplicationStatus, seen look, pair sites.Pair, now time.Time) {
	if seen.factsErr != nil || seen.facts.Recovery {
		return
	}
	f, found := seen.facts.Followers[pair.Peer.Name]
	if found && f.Streaming {
		r.State = v1alpha1.ReplicationStreaming
		behind := f.LagTime
		if f.LagBytes == 0 {
			behind = 0
		}
		say(r, behind, f.LagBytes)
		return
	}
	r.State, r.Lag = v1alpha1.ReplicationNotFollowing, "not following"
	if !l.streamed.IsZero() {
		say(r, now.Sub(l.streamed), -1)
	}
}

// atStandby: while the active site says that we follow, its measure counts; else our own bound.
func (l *link) atStandby(r *v1alpha1.ReplicationStatus, seen look, theirs v1alpha1.ChatPoolStatus, peerState string, now time.Time) {
	alive := peerState == v1alpha1.PeerAlive && theirs.Replication != nil
	if seen.factsErr == nil {
		l.lag.Reached(seen.facts.Position)
		switch {
		case !seen.facts.Recovery: // it follows nobody
			r.State = v1alpha1.ReplicationNotFollowing
		case !seen.facts.Receiving:
			r.State = v1alpha1.ReplicationNotFollowing
		case alive:
			r.State = theirs.Replication.State
		}
	}
	if age, ok := l.lag.Age(now); ok {
		say(r, age, -1)
	}
	if r.State == v1alpha1.ReplicationStreaming {
		r.Lag, r.LagSeconds, r.LagBytes = theirs.Replication.Lag, theirs.Replication.LagSeconds, theirs.Replication.LagBytes
	}
	gone := sites.Standby{
		Known: seen.factsErr == nil && alive, Receiving: seen.facts.Receiving, Position: seen.facts.Position,
		SourceActive: theirs.Role == v1alpha1.RoleActive,
	}
	if alive {
		gone.SourceKeeps = theirs.Replication.OldestPosition
	}
	switch {
	case !gone.FellBehind():
		l.behind = time.Time{}
	case l.behind.IsZero():
		l.behind = now
	}
}

// say sets the lag; bytes below 0 are not known.
func say(r *v1alpha1.ReplicationStatus, d time.Duration, bytes int64) {
	s := int64(math.Ceil(d.Seconds()))
	r.LagSeconds = &s
	r.Lag = d.Round(100 * time.Millisecond).String()
	if d < 100*time.Millisecond {
		r.Lag = "0s"
	}
	if bytes >= 0 {
		r.LagBytes = &bytes
	}
}

func positive(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
