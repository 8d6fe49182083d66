package failover

import "fmt"

// Condition is one of the conditions that this package decides.
type Condition struct {
	Name    string
	Status  Truth
	Reason  string
	Message string
}

// Truth is a condition's status; unknown is not false.
type Truth string

// The statuses of a condition.
const (
	True    Truth = "True"
	False   Truth = "False"
	Unknown Truth = "Unknown"
)

// The names of the conditions.
const (
	SplitBrainGuard  = "SplitBrainGuard"  // what keeps two sites from accepting at the same time
	PeerReachable    = "PeerReachable"    // the other site's operator answers
	PoolStateAgrees  = "PoolStateAgrees"  // both specs want the pool in the same site
	FailoverReady    = "FailoverReady"    // the pool could move to the backup site now
	FailbackReady    = "FailbackReady"    // the pool could move home now
	ForceRefused     = "ForceRefused"     // a person's word, or a bare flip, is not followed, and why
	TransitionActive = "TransitionActive" // a move, or a return, is under way
)

func (v *view) conditions() []Condition {
	cs := []Condition{v.guard(), v.reachable(), v.agreement(), v.readiness(), v.refusal()}
	if t := v.s.Transition; t.Kind != NoMove {
		return append(cs, Condition{TransitionActive, True, string(t.Step), v.d.WaitingFor})
	}
	return append(cs, Condition{TransitionActive, False, "None", ""})
}

// guard says which guarantee of section 2 holds.
func (v *view) guard() Condition {
	switch {
	case !v.Spec.Witness:
		return Condition{SplitBrainGuard, False, "AttestationOnly",
			"no witness: after a forced move against a site that in truth lives, both accept posts until they meet"}
	case v.Witness.State == WitnessUnknown:
		return Condition{SplitBrainGuard, Unknown, "WitnessSilent", "the witness does not answer"}
	}
	return Condition{SplitBrainGuard, True, "Witness", "no site serves without two of three votes"}
}

func (v *view) reachable() Condition {
	switch {
	case v.alive():
		return Condition{PeerReachable, True, "Answers", v.peerName() + " answers"}
	case v.silent():
		return Condition{PeerReachable, False, "Silent", fmt.Sprintf("%s is silent", v.peerName())}
	}
	return Condition{PeerReachable, Unknown, "NoAnswer", v.peerName() + " does not answer"}
}

// agreement: one site's spec alone moves nothing while the peer answers, and the condition says so.
func (v *view) agreement() Condition {
	switch {
	case !v.Peer.Known:
		return Condition{PoolStateAgrees, Unknown, "PeerSpecUnknown", "the spec of " + v.peerName() + " was not read"}
	case v.Peer.Spec.PoolState != v.Spec.PoolState:
		return Condition{PoolStateAgrees, False, "WaitingForPeerSpec", fmt.Sprintf("%s here, %s at %s: nothing moves until both say the same",
			v.Spec.PoolState, v.Peer.Spec.PoolState, v.peerName())}
	}
	return Condition{PoolStateAgrees, True, "Same", string(v.Spec.PoolState)}
}

// readiness is what an SRE looks at every morning, seen from the site to which the pool would move. Of the active site it
// says whether that one is ready.
func (v *view) readiness() Condition {
	to := v.Self
	if v.d.Role == Active {
		to = to.Other()
	}
	name := FailoverReady
	if to == Home {
		name = FailbackReady
	}
	truth, reason, message := v.canMoveHere()
	if v.d.Role == Active {
		truth, reason, message = v.canMoveThere()
	}
	return Condition{name, truth, reason, message}
}

func (v *view) canMoveThere() (Truth, string, string) {
	switch {
	case !v.alive() || !v.Peer.Database.Known:
		return Unknown, "PeerUnknown", v.peerName() + " does not answer"
	case v.peerCannotTakeOver() != "":
		return False, "StandbyIncomplete", v.peerCannotTakeOver()
	case !v.Peer.Database.in(Following) || !v.Peer.Database.Streaming:
		return False, "NotFollowing", v.peerName() + " does not follow"
	}
	return True, "Following", v.peerName() + " follows"
}

func (v *view) canMoveHere() (Truth, string, string) {
	db := v.Database
	switch {
	case !db.Known:
		return Unknown, "DatabaseUnknown", "the database does not answer"
	case v.d.Role != Standby || v.leftBehind() != 0:
		return False, "NotStandby", "this site is " + string(v.d.Role)
	case !db.in(Following) || !db.Streaming:
		return False, "NotFollowing", "replication stands still"
	case v.Lag.Known && v.Lag.Time > v.Limits.MaxLag:
		return False, "Lagging", v.lossBound()
	}
	return True, "Following", v.lossBound()
}

func (v *view) refusal() Condition {
	if v.d.Refused == "" {
		return Condition{ForceRefused, False, "NothingRefused", ""}
	}
	return Condition{ForceRefused, True, "Refused", v.d.Refused}
}
