package failover

// planned is the old site's half of a planned move, up to the grant. Until then it can always be undone.
func planned(v *view) bool {
	if !v.owns() || v.known == 0 {
		return false
	}
	undone := v.moving(Planned) && v.Status.Transition.Step == RollingBack
	begun := v.moving(Planned) && !undone
	switch why := v.callOff(); {
	case why != "" && !begun && !undone, undone && v.StepFor < v.Limits.RetryAfter && why == "":
		return undone && v.reopens()
	case why != "":
		return v.rollBack(why)
	case begun && v.StepFor > v.Limits.StepLimit:
		v.step(Planned, RollingBack)
		v.refuse("the move is undone, a step took too long; it begins anew in %s", v.Limits.RetryAfter)
		return v.reopens()
	}
	if why := v.notReadyToMove(); why != "" {
		if !begun {
			return v.refuse("not moved: %s", why)
		}
		return v.wait("%s", why)
	}
	if !begun {
		v.s.Claim = Claim{}
		v.s.Transition = Transition{Kind: Planned, Step: QuiescingChat, From: v.known}
		return v.act(BeginMove)
	}
	return v.hand()
}

// callOff says why there is no planned move, or not any more.
func (v *view) callOff() string {
	switch {
	case v.wantsSelf():
		return "the spec wants the pool here"
	case v.silent():
		return v.peerName() + " is silent"
	case v.Peer.Live && !v.peerWants(v.Self.Other()):
		return "the spec of " + v.peerName() + " wants the pool here"
	case v.peerLacksEpoch():
		return v.peerCannotTakeOver()
	}
	return ""
}

// notReadyToMove is CheckingPrerequisites: the first thing that is missing.
func (v *view) notReadyToMove() string {
	p, db := v.Peer, v.Database
	switch {
	case !v.alive():
		return v.peerName() + " does not answer"
	case v.peerCannotTakeOver() != "":
		return v.peerCannotTakeOver()
	case !v.Servers.Known:
		return "the chat servers do not answer"
	case !db.Known:
		return "the database does not answer"
	case v.held != v.known || db.Data != DataPresent:
		return "the database does not hold the present epoch"
	case v.peerIsAhead():
		return v.peerName() + " holds more than this site"
	case !p.Database.in(Following), db.in(Open) && !p.Database.Streaming: // a database that shuts down sends all before
		return v.peerName() + " does not follow"
	case v.Spec.Witness && v.Witness.State == WitnessUnknown:
		return "the witness does not answer"
	}
	return ""
}

// peerIsAhead tells whether the peer's database holds something of our own newest epoch that ours lacks: ours was
// restored from an older copy. A database is never behind its follower otherwise.
func (v *view) peerIsAhead() bool {
	p := v.Peer.Database
	return p.Newest() > 0 && p.Newest() == v.held && p.Beat > v.Database.Beat
}

// hand takes the steps to the grant. Each is seen to be done before the next one.
func (v *view) hand() bool {
	db, servers, p := v.Database, v.Servers, v.Peer.Database
	switch {
	case servers.Epoch > 0 && !servers.Quiesced:
		v.step(Planned, QuiescingChat)
		return v.do(Action{Kind: Quiesce, Epoch: v.known})
	case servers.Epoch > 0 && !servers.Drained:
		v.step(Planned, DrainingCompliance)
		return v.wait("compliance is to stop")
	case db.in(Open):
		v.step(Planned, DemotingOld)
		return v.act(Demote)
	case db.Token.Text == "" || db.Token.Timeline != db.Timeline:
		v.step(Planned, DemotingOld)
		return v.wait("the demotion token of timeline %d is to appear", db.Timeline)
	case p.Timeline != db.Timeline || p.LSN < db.LSN:
		v.step(Planned, Granting)
		return v.wait("%s is to receive everything", v.peerName())
	case servers.Epoch > 0:
		// From here on there is no way back without proof.
		v.step(Planned, Granting)
		return v.act(Shut)
	}
	v.step(Planned, Granting)
	v.s.Grant = Grant{Epoch: v.Self.Other().Mint(v.known), Token: db.Token.Text}
	return v.act(GrantEpoch)
}

// rollBack undoes a planned move before its grant. Servers that are still activated are the proof that nothing else has
// happened: no snapshot restores them. Without them, the site proves itself like any other.
func (v *view) rollBack(why string) bool {
	if v.reopens() {
		v.step(Planned, RollingBack)
		return v.wait("called off: %s", why)
	}
	v.settled()
	return false
}

func (v *view) reopens() bool {
	activated := v.Servers.Known && v.Servers.Epoch == v.known
	return activated && v.hasData() && !v.staysOpen() && v.held == v.known && v.reopen()
}
