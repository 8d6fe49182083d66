package failover

// shutOvertaken: servers that are activated for an epoch that is not the highest, or that was given away, are shut.
// This comes before everything else, and asks nobody.
func shutOvertaken(v *view) bool {
	n := v.Servers.Epoch
	switch {
	case !v.Servers.Known:
		return false
	case n == 0:
		// One that does not answer may still be activated: the database takes its posts no more.
		if !v.Servers.Unseen || !v.Database.in(Open) || v.held == 0 {
			return false
		}
		n = v.held
	}
	if n >= v.known && !v.gaveAway() && !v.released() {
		return false
	}
	return v.act(Shut)
}

// shutBeforeClaim: whoever sees the other's claim to a higher epoch shuts, and opens again only with proof.
func shutBeforeClaim(v *view) bool {
	if !v.Servers.Known || v.Servers.Epoch == 0 || v.peerClaims() <= v.Servers.Epoch {
		return false
	}
	v.wait("%s claims epoch %d", v.peerName(), v.peerClaims())
	return v.act(Shut)
}

// stepBack: two claims have met. Both are withdrawn, and both sites go on as with a living peer.
func stepBack(v *view) bool {
	if v.s.Claim.Epoch == 0 || v.peerClaims() == 0 {
		return false
	}
	v.wait("%s claims epoch %d", v.peerName(), v.peerClaims())
	return v.withdraw()
}

func (v *view) withdraw() bool {
	v.s.Claim = Claim{}
	return v.act(WithdrawClaim)
}

// gaveEpochAway: the next epoch was granted to the peer. Its promotion is awaited; only a person's word goes another way.
func gaveEpochAway(v *view) bool {
	if !v.gaveAway() {
		return false
	}
	if v.Witness.State == WitnessGranted {
		return v.act(YieldWitness)
	}
	if v.tryForce() {
		return true
	}
	if v.Database.in(Open) {
		return v.isolate(Planned)
	}
	v.step(Planned, Granting)
	v.takerMissing()
	return v.wait("%s is to open in epoch %d, which was granted to it", v.peerName(), v.s.Grant.Epoch)
}

// releasedItself: the site shut itself for good in this epoch; the peer takes over with what it has.
func releasedItself(v *view) bool {
	if !v.released() {
		return false
	}
	if v.Witness.State == WitnessGranted {
		return v.act(YieldWitness)
	}
	if v.tryForce() {
		return true
	}
	if v.keptDown() {
		return v.isolate(Assisted)
	}
	v.step(Assisted, Releasing)
	v.takerMissing()
	return v.wait("%s is to take over, epoch %d was released", v.peerName(), v.s.Released)
}

// takerMissing shows the way out when the peer cannot take what it was given: it is silent, or has no data.
func (v *view) takerMissing() {
	switch {
	case !v.silent() && !(v.peerIdle() && v.peerLacksEpoch()):
	case v.hasData() && v.held > 0:
		v.suggest(Command{Kind: ActivateCommand, Epoch: v.mint(), Abandon: v.leftBehind()})
	case v.Peer.Live && (v.Peer.Status.Data == DataEmpty || v.Peer.Status.Data == DataPartial):
		v.suggest(Command{Kind: ActivateCommand, Epoch: v.mintNewPool(), NewPool: true})
	}
}

// isolate makes the own database a readable standby that follows nobody. One that was open in an epoch of the peer's is
// no prefix of any history, whatever its timeline says later.
func (v *view) isolate(k Kind) bool {
	v.step(k, Isolating)
	return v.do(Action{Kind: Isolate, Stray: v.Database.in(Open) && v.held > 0 && !v.Self.Mints(v.held)})
}
