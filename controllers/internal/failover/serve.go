package failover

// serve is the active site: its servers are activated for the highest epoch, and its own database holds it.
func serve(v *view) bool {
	servers := v.Servers
	if !v.owns() || v.held != v.known || !servers.Known || servers.Epoch != v.known || v.known == 0 {
		return v.serversUnknown()
	}
	v.s.Claim = Claim{}
	if v.keptDown() {
		return v.act(Unfence)
	}
	if v.Database.Known && !v.staysOpen() {
		return v.reopen()
	}
	if v.Spec.Witness && v.Witness.State == WitnessFree {
		return v.do(Action{Kind: AcquireWitness, Epoch: v.known})
	}
	if v.serviceAsWanted() || v.addressHere() {
		return true
	}
	v.endMove()
	if v.salvage() {
		return true
	}
	if v.keepFor() == 0 {
		return v.wait("neither the witness nor %s votes for this site", v.peerName())
	}
	return true
}

// serversUnknown keeps everything as it is while the servers of a site with data do not answer.
func (v *view) serversUnknown() bool {
	if !v.owns() || v.known == 0 || v.held != v.known || v.Servers.Known {
		return false
	}
	return v.wait("the chat servers do not answer")
}

// reopen lets the database take writes again while its servers are still activated: they prove that nothing else has
// opened meanwhile.
func (v *view) reopen() bool {
	if !v.hasData() {
		return v.wait("the database is gone")
	}
	return v.act(Promote)
}

// serviceAsWanted follows spec.servers.active: no active server is maintenance, not a loss of activation.
func (v *view) serviceAsWanted() bool {
	switch {
	case (v.Servers.Quiesced || v.Servers.Partly) && !v.Spec.Maintenance:
		if v.keepFor() == 0 {
			return false
		}
		return v.do(Action{Kind: Resume, Epoch: v.known})
	case !v.Servers.Quiesced && v.Spec.Maintenance:
		return v.do(Action{Kind: Quiesce, Epoch: v.known})
	}
	return false
}

func (v *view) addressHere() bool {
	if v.Address {
		return false
	}
	if t := v.s.Transition; t.Kind != NoMove {
		v.step(t.Kind, SwitchingAddress)
	}
	return v.act(PublishAddress)
}

// addressAway is the other half: a site that is not the active one is not where the address points to.
func (v *view) addressAway() bool { return v.Address && v.act(WithdrawAddress) }

// endMove: a move is over when the old site follows, or is silent; one that had no old site, at once.
func (v *view) endMove() {
	if v.s.Transition.Kind == Planned && v.s.Transition.From < v.known && !v.Database.Followed && !v.silent() {
		v.step(Planned, OldFollows)
		return
	}
	if v.s.Transition.Step != RollingBack {
		v.settled()
	}
}
