package moves

import (
	"fmt"
	"math"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// replication says how far the standby is behind: at the standby since it last saw the heartbeat move, at the active
// site by what its database says of its follower.
func (r *round) replication() *v1alpha1.ReplicationStatus {
	out := &v1alpha1.ReplicationStatus{State: v1alpha1.ReplicationUnknown, Lag: "unknown"}
	d, was := r.observed.Database, r.pool.Status.Replication
	switch {
	case d.Known && d.Mode == failover.Open:
		r.sourceSays(out)
	case d.Known && d.Mode == failover.Following:
		out.State = v1alpha1.ReplicationNotFollowing
		if d.Streaming {
			out.State = v1alpha1.ReplicationStreaming
		}
		if l := r.observed.Lag; l.Known {
			say(out, l.Time, l.Bytes)
		}
	case d.Known:
		out.State, out.Lag = v1alpha1.ReplicationNotFollowing, "not following"
	}
	if out.State == v1alpha1.ReplicationStreaming {
		return out
	}
	switch {
	case was != nil && was.LastSeen != nil:
		out.LastSeen = was.LastSeen
	case was != nil && was.State == v1alpha1.ReplicationStreaming:
		now := metav1.Now()
		out.LastSeen = &now
	}
	return out
}

func (r *round) sourceSays(out *v1alpha1.ReplicationStatus) {
	f := r.seen.own.facts
	out.State, out.Lag = v1alpha1.ReplicationNotFollowing, "not following"
	if f == nil || !r.observed.Database.Followed {
		return
	}
	out.State = v1alpha1.ReplicationStreaming
	for _, one := range f.Followers {
		if one.Name != r.pair.Peer.Name {
			continue
		}
		lag := time.Duration(0)
		if one.ReplayLagSeconds != nil {
			lag = time.Duration(*one.ReplayLagSeconds * float64(time.Second))
		}
		say(out, lag, missing(f.CurrentLSN, one.Flushed))
	}
}

// missing is how much of the log a follower lacks; -1: not known.
func missing(end, has *adminapi.LSN) int64 {
	if end == nil || has == nil {
		return -1
	}
	return max(0, int64(*end)-int64(*has))
}

// say sets the lag, in whole seconds rounded up; bytes below 0 are not known.
func say(out *v1alpha1.ReplicationStatus, d time.Duration, bytes int64) {
	s := int64(math.Ceil(d.Seconds()))
	out.LagSeconds, out.Lag = &s, fmt.Sprintf("%ds", s)
	if bytes >= 0 {
		out.LagBytes = &bytes
	}
}
