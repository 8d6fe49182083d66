package failover

// comeBack brings a site whose epoch was overtaken, or whose database was opened out of turn, back to following. Nothing
// is discarded before the active site has all of it.
func comeBack(v *view) bool {
	db := v.Database
	switch {
	case v.addressAway():
		return true
	case v.keptDown():
		return v.isolate(Return)
	case !db.Known:
		return v.wait("the database does not answer")
	case db.in(Open):
		return v.isolate(Return)
	case db.in(Following) && v.followsWell():
		return false
	case !v.peerServes():
		v.step(Return, Rejoining)
		v.suggestForBehind()
		return v.wait("%s is to serve epoch %d", v.peerName(), v.known)
	case db.in(Following):
		return v.dropOut()
	}
	return v.rejoin()
}

// suggestForBehind shows the way out when the active site cannot serve and this one would have to abandon something.
func (v *view) suggestForBehind() {
	p := v.Peer.Status
	lost := v.peerIdle() && p.Data != DataUnknown && p.Held != v.known
	if lost && v.leftBehind() != 0 && v.held > 0 {
		v.suggest(Command{Kind: ActivateCommand, Epoch: v.mint(), Abandon: v.known})
	}
}

// followsWell tells whether nothing contradicts that the follower's contents are a prefix of the source's. A receiver
// that streams, or is about to, is left alone; one that the source has refused is not; nor is one that holds more than
// its source, which was restored from an older copy.
func (v *view) followsWell() bool {
	db, p := v.Database, v.Peer.Database
	switch {
	case db.Unfollowable, p.Known && p.Data == DataPresent && p.System != db.System:
		return false
	case v.sourceIsBehind():
		return false
	case db.Streaming, v.held == v.known, !p.Known:
		return true
	}
	return v.kinship() == contained
}

// sourceIsBehind tells whether the source holds less of its own epoch than its follower.
func (v *view) sourceIsBehind() bool {
	p := v.Peer.Database
	return p.Newest() > 0 && p.Newest() == v.held && p.Beat < v.Database.Beat
}

// dropOut ends the following of a source that cannot be followed. If nothing here is not there, it is cloned at once
// (WAL beyond walKeep); else the contents are kept still for the salvage.
func (v *view) dropOut() bool {
	if v.Database.Unfollowable && v.kinship() == contained {
		v.step(Return, Rejoining)
		return v.do(Action{Kind: Clone, Tail: v.Database.tail()})
	}
	v.s.Strayed = v.s.Strayed || v.sourceIsBehind()
	v.step(Return, Isolating)
	return v.act(Isolate)
}

// rejoin takes the isolated database back: follow, rewind, or clone, as only the fork point allows (section 4).
func (v *view) rejoin() bool {
	db, kin := v.Database, v.kinship()
	switch {
	case kin == contained:
		v.step(Return, Rejoining)
		return v.act(Follow)
	case v.held > 0 && !v.Peer.Database.hasSalvaged(db.tail()) && v.Prompts.AbandonTail != v.held:
		v.step(Return, Salvaging)
		return v.wait("%s is to salvage epoch %d from here", v.peerName(), v.held)
	case kin == rewindable && db.Rewind != RewindFailed:
		v.step(Return, Rejoining)
		return v.do(Action{Kind: RewindTo, Tail: db.tail()})
	}
	v.step(Return, Rejoining)
	return v.do(Action{Kind: Clone, Tail: db.tail()})
}

// salvage is the active site's half: it pulls what the isolated database of the other site has and its own lacks.
func (v *view) salvage() bool {
	p := v.Peer
	if !p.Live || !p.Database.in(Isolated) || p.Database.Newest() == 0 || p.Status.Claim.Epoch != 0 || !v.Database.in(Open) {
		return false
	}
	if !p.Status.Strayed && kinship(v.Self.Other(), p.Database, v.Database) == contained || v.Database.hasSalvaged(p.Database.tail()) {
		return false
	}
	return v.do(Action{Kind: Salvage, Tail: p.Database.tail()})
}

// follow is the standby in its ordinary life.
func follow(v *view) bool {
	if v.Database.Streaming {
		v.settled()
		return true
	}
	return v.wait("replication from %s is to go on", v.peerName())
}
