package failover

// found is the first creation of a pool with two sites: no epoch was ever heard of. Home creates; two empty sites that
// both did would be two pools. Backup creates only when a person says so.
func found(v *view) bool {
	if v.known != 0 {
		return false
	}
	if v.tryForce() {
		return true
	}
	switch {
	case !v.Database.Known:
		return v.wait("whether there is data here is not known")
	case v.Self == Backup:
		return v.wait("%s is to create the pool", v.peerName())
	case v.peerHasPool() != "":
		if v.silent() && v.noData() {
			v.suggest(Command{Kind: ActivateCommand, Epoch: v.mintNewPool(), NewPool: true})
		}
		return v.wait("%s", v.peerHasPool())
	}
	return v.claim(Activating, v.Self.Mint(0), Creation)
}

// goOnFounding goes on once the peer has confirmed, after the claim stood, that it has no epoch and no data.
func (v *view) goOnFounding() bool {
	switch {
	case v.peerHasPool() != "":
		v.wait("%s", v.peerHasPool())
		return v.withdraw()
	case !v.Peer.Confirming:
		return v.wait("%s is to beat once more", v.peerName())
	}
	return v.take(Creation, "")
}

// peerHasPool says why the peer's answer is not "no epoch, no data". A database without any epoch has no posts: its
// creation was interrupted.
func (v *view) peerHasPool() string {
	p := v.Peer
	switch {
	case !v.alive():
		return v.peerName() + " does not say that it has no data"
	case p.Status.Data == DataUnknown:
		return v.peerName() + " does not know whether it has data"
	case p.Status.Data == DataPresent && p.Status.Held > 0 || p.Database.Newest() > 0 || p.Status.Epoch > 0:
		return v.peerName() + " has data"
	case p.Status.Claim.Epoch != 0:
		return v.peerName() + " claims an epoch"
	}
	return ""
}

// lostItsEpoch: the highest epoch is this site's, and its database does not hold it: the volumes are gone, or were
// restored from before. It opens nothing; the pool goes on where the epoch still is, or where a person says.
func lostItsEpoch(v *view) bool {
	if !v.owns() || v.known == 0 || v.held == v.known {
		return false
	}
	if v.tryForce() {
		return true
	}
	if v.Database.in(Open) {
		return v.isolate(Return)
	}
	if v.keptDown() {
		return v.isolate(Return)
	}
	if !v.Database.Known {
		return v.wait("the database does not answer")
	}
	v.suggestForLost()
	return v.addressAway() || v.wait("the database does not hold epoch %d", v.known)
}

// suggestForLost shows the way out: where the epoch still is; else with what is left here; else, if nothing is left
// anywhere, from nothing. The last two say what is given up.
func (v *view) suggestForLost() {
	p := v.Peer.Status
	there := v.alive() && p.Data == DataPresent
	switch {
	case v.Peer.Live && p.Data == DataUnknown && !v.silent():
	case there && !v.peerLacksEpoch():
		if v.bothWantPeer() {
			return
		}
		v.next(Command{Kind: SetStateCommand, State: StateFor(v.Self.Other())})
	case v.hasData() && v.held > 0:
		v.suggest(Command{Kind: ActivateCommand, Epoch: v.mint(), Abandon: v.known})
	case there:
		v.next(Command{Kind: ReleaseCommand, Epoch: v.known})
	default:
		v.suggest(Command{Kind: ActivateCommand, Epoch: v.mintNewPool(), NewPool: true})
	}
}

// join: a site without data becomes a follower of the higher epoch, as soon as somebody serves it. That is how a site
// that was rebuilt from nothing comes back.
func join(v *view) bool {
	if !v.noData() {
		return false
	}
	if v.addressAway() {
		return true
	}
	v.step(Creation, Rejoining)
	if !v.peerServes() {
		return v.wait("%s is to serve epoch %d, then this site follows it", v.peerName(), v.known)
	}
	return v.act(Join)
}
