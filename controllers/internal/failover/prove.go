package failover

// prove: the site's database holds the highest epoch, which is its own, and no server of it is activated: everything was
// restarted, or the epoch has just been recorded. It opens with proof only (section 2).
func prove(v *view) bool {
	if !v.owns() || v.known == 0 || v.held != v.known {
		return false
	}
	db := v.Database
	switch {
	case v.keptDown():
		return v.act(Unfence)
	case !db.Known:
		return v.wait("the database does not answer")
	case v.peerIsAhead():
		v.next(Command{Kind: ReleaseCommand, Epoch: v.known})
		v.wait("%s holds more of epoch %d than this site, which was restored from an older copy: release it, and %[1]s takes over",
			v.peerName(), v.known)
		return v.stepDown()
	case v.tryForce():
		return true
	case v.peerClaims() != 0:
		return v.wait("%s claims epoch %d", v.peerName(), v.peerClaims())
	case v.s.Claim.Epoch != v.known:
		v.step(v.kind(), Claiming)
		v.s.Claim = Claim{Kind: Activating, Epoch: v.known, Timeline: db.Timeline}
		return v.act(ClaimEpoch)
	}
	if why := v.unproven(); why != "" {
		return v.askWitness(why)
	}
	if v.Spec.Witness && v.Witness.State == WitnessGranted && v.Witness.Epoch < v.known {
		return v.do(Action{Kind: AcquireWitness, Epoch: v.known})
	}
	return v.openOwn()
}

// stepDown withdraws a claim that has lost its ground; without one there is nothing to do.
func (v *view) stepDown() bool {
	if v.s.Claim.Epoch != 0 {
		return v.withdraw()
	}
	return true
}

// kind is the kind of what the site is in the middle of; a site that just came up is creating or returning nothing.
func (v *view) kind() Kind {
	if k := v.s.Transition.Kind; k == Planned || k == Assisted || k == Forced || k == Creation {
		return k
	}
	return Return
}

// unproven says why the site may not open in the epoch that it claims: nobody confirms that it is the highest.
func (v *view) unproven() string {
	notConfirmed := v.unconfirmed()
	switch {
	case v.Spec.Witness && v.Witness.State == WitnessGranted:
		return ""
	case v.Spec.Witness && v.kind() != Return:
		return "the witness is to note the new epoch"
	case notConfirmed == "":
		return ""
	case v.Spec.Witness:
		return notConfirmed + ", and the witness has not granted it"
	case v.s.Claim.Kind == Forcing && v.silent() && v.attested(v.known).Epoch == v.known:
		return ""
	}
	return notConfirmed
}

// unconfirmed says why the peer's word is no proof. It is one when the peer was read live after the claim stood, its
// operator has beaten since, has seen its own servers shut (a role is not enough: it may say what is about to be done),
// and has seen its database. Of a higher epoch, or of a claim, this site would have heard by the same reading.
func (v *view) unconfirmed() string {
	p := v.Peer
	switch {
	case v.silent():
		return v.peerName() + " is silent"
	case !p.Live:
		return v.peerName() + " does not answer"
	case !p.Confirming:
		return v.peerName() + " is to beat once more"
	case p.Status.Role == Active:
		return v.peerName() + " still serves"
	case !v.peerShut():
		return v.peerName() + " does not see its chat servers shut"
	case p.Status.Data == DataUnknown && !v.peerGaveUs(v.known):
		return v.peerName() + " does not see its own database"
	}
	return ""
}

// peerShut tells whether the peer's operator saw that nothing of its site takes posts: no server is activated, or there is
// no database to write to.
func (v *view) peerShut() bool {
	p := v.Peer.Status
	return p.Shut || p.Data == DataEmpty || p.Data == DataPartial
}

// peerGaveUs tells whether the peer's status says that the epoch is what it gave us, by grant or by release. Its database
// may be restarting then. That its servers are shut was asked before: the rest may come from a snapshot.
func (v *view) peerGaveUs(epoch int64) bool {
	p := v.Peer.Status
	return p.Grant.Epoch == epoch || p.Released > 0 && v.Self.Mint(p.Released) == epoch
}

// askWitness takes the witness's lease when it is free, and else waits; a person can always go on.
func (v *view) askWitness(why string) bool {
	if v.Spec.Witness && v.Witness.State == WitnessFree {
		return v.do(Action{Kind: AcquireWitness, Epoch: v.known})
	}
	if v.silent() || v.Peer.Live && v.Peer.Status.Role != Active {
		v.suggest(Command{Kind: ActivateCommand, Epoch: v.mint()})
	}
	v.step(v.kind(), ActivatingServers)
	return v.wait("%s; no server is activated without proof", why)
}

// suggest shows a command that would help; with a witness that does not grant, it comes second.
func (v *view) suggest(c Command) {
	if v.Spec.Witness && v.Witness.State != WitnessFree && v.Witness.State != WitnessGranted {
		c = Command{Kind: NoWitnessCommand}
	}
	v.next(c)
}

// openOwn opens the database if it is not, and then activates the servers.
func (v *view) openOwn() bool {
	db := v.Database
	switch {
	case !v.staysOpen():
		v.step(v.kind(), Promoting)
		return v.act(Promote)
	case v.Spec.NeedsMirror && !db.Mirror:
		v.step(v.kind(), BuildingMirror)
		return v.wait("the database is to get its mirror")
	}
	v.step(v.kind(), ActivatingServers)
	return v.do(Action{Kind: Activate, Epoch: v.known})
}
