package chatpool

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"
)

// peerAlive says what is known of the other site's operator. Chat does not depend on it.
func peerAlive(r *round) ([]any, condition.State) {
	v := r.view
	switch v.State {
	case v1alpha1.PeerAlive:
		return nil, condition.True(v1alpha1.ReasonPeerAlive, "the other site's operator is alive")
	case v1alpha1.PeerSilent:
		return nil, condition.Waiting(v1alpha1.ReasonPeerSilent, "%s", v.Why)
	case "":
		return nil, condition.Unknown(v1alpha1.ReasonPeerUnknown, "it has not been asked yet")
	}
	return nil, condition.Unknown(v1alpha1.ReasonPeerUnknown, "%s", v.Why)
}

// failover says whether the other site could take over without losing more than the lag: the standby follows, as the
// active site's own database says. At the standby, what the active site says of it counts as long as that one is alive.
func failover(r *round) ([]any, condition.State) {
	v, standby, active := r.view, r.place.Peer.Name, r.place.Self.Name
	if r.place.Standby {
		standby, active = active, standby
	}
	switch {
	case !r.place.Standby && v.PeerRole == v1alpha1.RoleActive && v.State != v1alpha1.PeerUnknown:
		return nil, condition.Stuck(v1alpha1.ReasonBothActive,
			"both sites have a database that is written: stop chat in the one that is to be given up, save what only it has, delete its Cluster; it then follows the other")
	case v.Replication == nil:
		return nil, condition.Unknown(v1alpha1.ReasonProgressing, "the databases have not been asked yet")
	}
	switch v.Replication.State {
	case v1alpha1.ReplicationStreaming:
		return nil, condition.True(v1alpha1.ReasonFollowing, "site %s follows site %s", standby, active)
	case v1alpha1.ReplicationNotFollowing:
		return nil, condition.Waiting(v1alpha1.ReasonNotFollowing, "site %s does not follow site %s, last seen following: %s", standby, active, lastSeen(v.Replication))
	}
	return nil, condition.Unknown(v1alpha1.ReasonPeerUnknown, "whether site %s follows site %s is not known, last seen following: %s", standby, active, lastSeen(v.Replication))
}

func lastSeen(r *v1alpha1.ReplicationStatus) string {
	if r.LastSeen == nil {
		return "never"
	}
	return r.LastSeen.UTC().Format("2006-01-02 15:04:05Z")
}
