package failover

import "time"

// conclude fills in what every decision says: role, status, rights, conditions.
func (v *view) conclude() {
	v.d.Role = v.role()
	v.s.Role = v.d.Role
	v.d.Status = v.s
	v.d.KeepFor = v.keepFor()
	v.d.Conditions = v.conditions()
}

// role is what the site is. A database or servers that do not answer change nothing about it; nor does an action that is
// yet to be carried out: who shuts before a claim is Active until its servers are seen shut.
func (v *view) role() Role {
	switch {
	case v.gaveAway(), v.released():
		return Fenced
	case v.owns() && v.known > 0:
		return v.ownersRole()
	case v.known == 0:
		return Probation
	}
	return v.followersRole()
}

func (v *view) ownersRole() Role {
	switch {
	case v.held != v.known:
		return Fenced
	case v.Servers.Known && v.Servers.Epoch == v.known, !v.Servers.Known && v.Status.Role == Active:
		return Active
	}
	return Probation
}

func (v *view) followersRole() Role {
	switch {
	case !v.Database.Known && (v.Status.Role == Standby || v.Status.Role == Fenced):
		return v.Status.Role
	case v.s.Strayed || v.Database.in(Open):
		return Fenced
	case v.held == v.known, v.Database.in(Following) && v.Database.Streaming:
		return Standby
	}
	return Fenced
}

// keepFor is how long activated servers keep their right: for ever without a witness; with one, while two of {this
// site, the peer, the witness} are for it. The peer's vote is its operator's life, and no claim.
func (v *view) keepFor() time.Duration {
	if !v.Spec.Witness {
		return Forever
	}
	if v.Witness.State == WitnessGranted || v.peerVotes() {
		return v.Limits.VoteTTL
	}
	return 0
}

func (v *view) peerVotes() bool {
	return v.alive() && v.peerClaims() == 0
}
