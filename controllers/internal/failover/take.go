package failover

// takeGranted: the peer granted the next epoch to this site, which holds everything: it claims it.
func takeGranted(v *view) bool {
	m := v.Peer.Status.Grant.Epoch
	if !v.granted(m) || m <= v.known {
		return false
	}
	if !v.hasData() || v.held != v.known || v.s.Strayed {
		return v.refuse("epoch %d was granted to this site, but it does not hold epoch %d", m, v.known)
	}
	return v.claim(Activating, m, Planned)
}

// takeReleased: the peer shut itself and gave up its epoch; this site goes on with what it received.
func takeReleased(v *view) bool {
	if !v.peerReleased() || v.noData() {
		return false
	}
	m := v.mint()
	switch {
	case v.peerClaims() != 0:
		return v.wait("%s claims epoch %d", v.peerName(), v.peerClaims())
	case !v.Database.Known:
		return v.wait("the database does not answer")
	case v.attested(m).Epoch == m && v.tryForce():
		return true
	case v.leftBehind() != 0:
		v.suggest(Command{Kind: ActivateCommand, Epoch: m, Abandon: v.known})
		return v.refuse("%s released epoch %d, but this site does not hold all of it: name what is abandoned", v.peerName(), v.known)
	case !v.received(Assisted):
		return true
	}
	return v.claim(Activating, m, Assisted)
}

// granted and peerReleased are what the peer says live; neither is ever withdrawn but by a person's word there.
func (v *view) granted(epoch int64) bool {
	return v.Peer.Live && epoch > 0 && v.Self.Mints(epoch) && v.Peer.Status.Grant.Epoch == epoch
}

func (v *view) peerReleased() bool {
	return v.Peer.Live && v.known > 0 && v.Peer.Status.Released == v.known && !v.owns()
}

// goOnTaking goes on with a claim to a new epoch, as long as what it rests on still stands. It is asked anew in every
// round: after a restart, after a power cut, the same.
func goOnTaking(v *view) bool {
	c := v.s.Claim
	if c.Epoch <= v.known {
		return false
	}
	usable := !v.noData() && !v.s.Strayed
	switch {
	case v.insists(c.Epoch):
		return v.goOnForcing()
	case v.granted(c.Epoch) && usable:
		return v.take(Planned, v.Peer.Status.Grant.Token)
	case v.peerReleased() && usable && v.leftBehind() == 0:
		return v.take(Assisted, "")
	case v.known == 0 && c.Kind == Activating:
		return v.goOnFounding()
	case c.Kind == Forcing, v.attested(c.Epoch).Epoch == c.Epoch:
		return v.goOnForcing()
	case !v.Peer.Live && usable:
		v.suggest(Command{Kind: ConfirmCommand, Epoch: c.Epoch})
		return v.wait("%s does not answer; it gave this site epoch %d, and must still say so", v.peerName(), c.Epoch)
	}
	return v.withdraw()
}

// insists tells whether a person wants this site to open with what it has although the peer's grant waits for more.
func (v *view) insists(epoch int64) bool {
	if v.Prompts.Activate.Epoch != epoch {
		return false
	}
	next := v.d.Next
	missing := v.forceMissing(epoch)
	v.d.Next = next
	return missing == ""
}

// goOnForcing goes on with a forced claim. A claim that began as a planned or assisted move becomes a forced one.
func (v *view) goOnForcing() bool {
	if why := v.forceMissing(v.s.Claim.Epoch); why != "" {
		v.refuse("%s", why)
		return v.withdraw()
	}
	if v.s.Claim.Kind != Forcing {
		v.s.Claim.Kind = Forcing
		v.step(Forced, Claiming)
		return v.act(ClaimEpoch)
	}
	return v.take(Forced, "")
}

// take opens the own database in the claimed epoch and records it. Whether servers are activated is asked again after.
func (v *view) take(k Kind, token string) bool {
	c, db := v.s.Claim, v.Database
	if v.mustWaitForWitness(k) {
		return true
	}
	switch {
	case v.keptDown():
		return v.isolate(k)
	case !db.Known:
		return v.wait("the database does not answer")
	case v.noData():
		v.step(k, Initialising)
		return v.act(Initialise)
	case db.in(Open) && c.Timeline == 0:
		return v.record(k)
	case db.in(Open):
		return v.isolate(k)
	case k != Planned && !db.Opening && !v.received(k):
		return true
	}
	if k == Planned && v.s.Transition.Step == Promoting && v.StepFor > v.Limits.StepLimit {
		v.next(Command{Kind: ActivateCommand, Epoch: c.Epoch})
		v.wait("what %s granted has not all arrived here", v.peerName())
	}
	v.step(k, Promoting)
	return v.do(Action{Kind: Promote, Token: token})
}

// recordPromoted: a database that was promoted under a claim gets the claimed epoch, even if what the claim rested on has
// gone meanwhile. So every timeline that begins in another site has an epoch of its own, by which it is known for ever.
// To be activated in it is another matter.
func recordPromoted(v *view) bool {
	c, db := v.s.Claim, v.Database
	if c.Epoch <= v.known || c.Timeline == 0 || !db.in(Open) || db.Timeline <= c.Timeline {
		return false
	}
	return v.record(v.kind())
}

func (v *view) record(k Kind) bool {
	c := v.s.Claim
	v.step(k, RecordingEpoch)
	if v.s.Strayed {
		return v.do(Action{Kind: RecordEpoch, Epoch: c.Epoch})
	}
	return v.do(Action{Kind: RecordEpoch, Epoch: c.Epoch, Timeline: c.Timeline})
}

// mustWaitForWitness: with a witness a new epoch opens only with its lease; and a forced one only
// after every vote that the peer may have read from this site has run out.
func (v *view) mustWaitForWitness(k Kind) bool {
	if !v.Spec.Witness {
		return false
	}
	v.step(k, Claiming)
	switch {
	case k == Forced && v.ClaimFor < v.Limits.VoteTTL+v.Limits.Margin:
		return v.wait("what %s may still rely on is to run out", v.peerName())
	case v.Witness.State == WitnessFree:
		return v.do(Action{Kind: AcquireWitness, Epoch: v.known})
	case v.Witness.State != WitnessGranted:
		v.next(Command{Kind: NoWitnessCommand})
		return v.wait("the witness is to grant epoch %d", v.s.Claim.Epoch)
	}
	return false
}
