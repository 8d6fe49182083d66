package failover

// createAlone: a pool with one site makes its database and its first epoch without asking anybody. One that lost its
// volumes does not get an empty pool in their place.
func createAlone(v *view) bool {
	db := v.Database
	switch {
	case !db.Known:
		return v.wait("the database does not answer")
	case v.noData() && (v.known == 0 || v.Prompts.Activate == Attestation{Epoch: v.mintNewPool(), NewPool: true}):
		v.step(Creation, Initialising)
		return v.act(Initialise)
	case v.noData():
		v.next(Command{Kind: ActivateCommand, Epoch: v.mintNewPool(), NewPool: true})
		return v.wait("the volumes of epoch %d are gone: restore them", v.known)
	case db.in(Stopped):
		return v.act(Unfence)
	case !db.in(Open):
		return v.act(Promote)
	case db.Newest() == 0:
		v.step(Creation, RecordingEpoch)
		return v.do(Action{Kind: RecordEpoch, Epoch: v.mint()})
	}
	return false
}

// serveAlone: one site is always the right one.
func serveAlone(v *view) bool {
	switch {
	case !v.Servers.Known:
		return v.wait("the chat servers do not answer")
	case v.Servers.Epoch != v.held:
		v.step(Creation, ActivatingServers)
		return v.do(Action{Kind: Activate, Epoch: v.held})
	}
	v.settled()
	if !v.serviceAsWanted() {
		v.addressHere()
	}
	return true
}
