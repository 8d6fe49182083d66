package failover

// releaseByHand: a person shuts this site: kubectl chatpool release names the epoch, so the word is good once.
func releaseByHand(v *view) bool {
	if !v.owns() || v.known == 0 || v.Prompts.Release != v.known {
		return false
	}
	return v.giveUp()
}

// assisted: both specs want the other site, both operators live, and the own database is gone. The site shuts itself
// for good; the other opens with what it received. Until it is released, a spec that reverts stops it.
func assisted(v *view) bool {
	if !v.owns() || v.known == 0 || !v.bothWantPeer() {
		return false
	}
	if !v.databaseGone() && !v.moving(Assisted) {
		return false
	}
	if why := v.peerCannotTakeOver(); why != "" {
		return v.refuse("%s", why)
	}
	return v.giveUp()
}

// databaseGone tells whether the own database cannot serve the highest epoch: it is known to be empty or older, or has
// not answered for long.
func (v *view) databaseGone() bool {
	if v.Database.Known {
		return v.noData() || v.held != v.known
	}
	return v.Database.SilentFor >= v.Limits.DatabaseSilence
}

// peerCannotTakeOver says why releasing would help nobody.
func (v *view) peerCannotTakeOver() string {
	p := v.Peer.Status
	switch {
	case p.Data == DataUnknown:
		return v.peerName() + ": its database does not answer"
	case v.peerLacksEpoch():
		return v.peerName() + ": its database does not hold the present epoch"
	case p.Claim.Epoch != 0:
		return v.peerName() + " claims an epoch"
	}
	return ""
}

// peerLacksEpoch tells whether the peer says of its own database that it cannot go on from the highest epoch.
func (v *view) peerLacksEpoch() bool {
	p := v.Peer.Status
	return v.Peer.Live && p.Data != DataUnknown && (p.Data != DataPresent || p.Held != v.known || p.Strayed)
}

// giveUp shuts chat, keeps the database down, and says so. Each is seen to be done before the next.
func (v *view) giveUp() bool {
	db, servers := v.Database, v.Servers
	switch {
	case servers.Known && servers.Epoch > 0:
		v.step(Assisted, ShuttingChat)
		return v.act(Shut)
	case !v.stopped():
		v.step(Assisted, FencingDatabase)
		if db.Fenced {
			return v.wait("the database, or the chat servers, must say that they are shut")
		}
		return v.act(Fence)
	}
	v.step(Assisted, Releasing)
	v.s.Claim, v.s.Released = Claim{}, v.known
	return v.act(ReleaseEpoch)
}

// stopped tells whether nothing of this site can take a post, now or after a power cut: there is no database, or it is
// ordered down and answers no more, and the servers say that they are shut. No answer alone is not enough.
func (v *view) stopped() bool {
	return v.noData() || v.keptDown() && v.Servers.Known
}
