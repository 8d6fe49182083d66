package failover

import (
	"fmt"
	"strconv"
	"time"
)

// force: a standby that goes on without the active site.
func force(v *view) bool { return v.tryForce() }

// attested is the person's word for minting the epoch: kubectl chatpool activate at this site, or the manifest's
// confirmation when it wants the pool here. Words for any other epoch are not meant.
func (v *view) attested(epoch int64) Attestation {
	switch {
	case epoch <= v.s.Voided:
		return Attestation{}
	case v.Prompts.Activate.Epoch == epoch:
		return v.Prompts.Activate
	case v.Spec.Confirm.Epoch == epoch && v.wantsSelf():
		return v.Spec.Confirm
	}
	return Attestation{}
}

// tryForce claims a new epoch against a silent peer, once a person or the witness has said so and everything received
// is applied. A word that cannot be followed is refused with a reason; a bare flip is told what is missing.
func (v *view) tryForce() bool {
	m := v.mint()
	asked := v.attested(m).Epoch == m || v.witnessMoves()
	if !asked && (!v.wantsSelf() || !v.silent() || v.owns()) {
		return false
	}
	if why := v.forceMissing(m); why != "" {
		return v.refuse("%s", why)
	}
	if !v.received(Forced) {
		return true
	}
	// Its own promotion makes the token of a grant worthless: the grant ends with the claim.
	v.s.Grant = Grant{}
	return v.claim(Forcing, m, Forced)
}

// forceMissing is the first thing that a forced move lacks, and sets the command that would help. Empty: it may go on.
func (v *view) forceMissing(m int64) string {
	word := v.attested(m)
	byHand := v.Prompts.Activate.Epoch == m
	switch {
	case !v.silent() && !(byHand && v.peerIdle()):
		return v.peerName() + " answers: it is asked, not forced"
	case !v.Database.Known:
		return "the database does not answer"
	case word.NewPool:
		return v.newPoolMissing()
	case v.noData():
		return "there is no data here to go on with"
	case v.Spec.Witness && v.Witness.State != WitnessFree && v.Witness.State != WitnessGranted:
		v.next(Command{Kind: NoWitnessCommand})
		return "the witness does not grant it"
	case word.Epoch != m && !v.witnessMoves():
		v.next(Command{Kind: ConfirmCommand, Epoch: m, Abandon: v.leftBehind()})
		return v.silenceAndLoss()
	case v.leftBehind() != 0 && word.Abandon != v.known:
		v.next(Command{Kind: v.wordKind(byHand), Epoch: m, Abandon: v.known})
		return "this site does not hold all of epoch " + strconv.FormatInt(v.known, 10) + ": name what is abandoned"
	}
	return ""
}

// newPoolMissing: an empty database is begun only where no other one lives.
func (v *view) newPoolMissing() string {
	p := v.Peer
	switch {
	case v.hasData() && v.held > 0 && !v.newPoolBegun():
		return "there is data here: --new-pool is for a site without"
	case p.Live && !v.silent() && (p.Status.Data == DataUnknown || p.Status.Data == DataPresent && p.Status.Held > 0):
		return v.peerName() + " has data, or does not see whether it has"
	case p.Database.Newest() > 0:
		return v.peerName() + " has data"
	case v.Spec.Witness && v.Witness.State != WitnessFree && v.Witness.State != WitnessGranted:
		v.next(Command{Kind: NoWitnessCommand})
		return "the witness does not grant it"
	}
	return ""
}

// newPoolBegun tells whether the data here is what this site's claim to a new pool has made: a schema begins with epoch 1.
func (v *view) newPoolBegun() bool {
	return v.s.Claim.Epoch > v.known && v.s.Claim.Timeline == 0 && v.held == 1 && v.Database.Timeline == 1
}

// witnessMoves: the spec wants the pool here, the other site is silent, and the witness's lease is to be had: then no
// person is needed (section 3).
func (v *view) witnessMoves() bool {
	return v.Spec.Witness && v.wantsSelf() && !v.owns() && v.silent() &&
		(v.Witness.State == WitnessFree || v.Witness.State == WitnessGranted)
}

// peerIdle tells whether the peer answers but serves nothing and claims nothing, so that a person may decide here.
func (v *view) peerIdle() bool {
	p := v.Peer
	return p.Live && p.Status.Role != Active && p.Status.Claim.Epoch == 0
}

// leftBehind is the epoch whose posts, or whose last posts, this site lacks; 0 when it has followed up to the end.
func (v *view) leftBehind() int64 {
	if v.held != v.known || v.s.Strayed || v.Database.in(Following) && v.Database.Unfollowable {
		return v.known
	}
	return 0
}

func (v *view) wordKind(byHand bool) CommandKind {
	if byHand {
		return ActivateCommand
	}
	return ConfirmCommand
}

// silenceAndLoss is what a bare flip in a disaster is told.
func (v *view) silenceAndLoss() string {
	return v.peerName() + " silent for " + v.Peer.SilentFor.Round(time.Second).String() + "; " + v.lossBound() + v.lossAtSilence() + "; to go on: " + v.d.Next.String()
}

// lossAtSilence is what is lost if the peer died when it fell silent, and did not go on unseen.
func (v *view) lossAtSilence() string {
	until := v.Lag.Time - v.Peer.SilentFor
	if !v.Lag.Known || until < 0 {
		return ""
	}
	return fmt.Sprintf(", about %.1f s if %s died when it fell silent", until.Seconds(), v.peerName())
}

// received stops log shipping and waits until everything received is applied, so that the end of the database stands
// still before it is claimed. It tells whether that is done. Half of a record may be the last thing received, which is never
// applied; and whatever can be applied, a promotion applies: so it waits for a while only.
func (v *view) received(k Kind) bool {
	db := v.Database
	switch {
	case db.in(Following):
		v.step(k, RemovingLogShipping)
		v.act(Isolate)
		return false
	case db.in(Isolated) && !db.Applied && !(v.s.Transition.Step == ApplyingReceivedWAL && v.StepFor > v.Limits.ApplyFor):
		v.step(k, ApplyingReceivedWAL)
		v.wait("what was received is to be applied")
		return false
	}
	return true
}

// claim stands up for a new epoch; whether it may go on is asked in the next round, after the claim stands.
func (v *view) claim(kind ClaimKind, epoch int64, k Kind) bool {
	v.step(k, Claiming)
	v.s.Claim = Claim{Kind: kind, Epoch: epoch}
	if v.held > 0 {
		v.s.Claim.Timeline = v.Database.Timeline
	}
	return v.act(ClaimEpoch)
}
