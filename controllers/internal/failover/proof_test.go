package failover

import (
	"testing"
	"time"
)

// atColdStart is the active site after all of its servers have started anew; its claim stands, the peer has answered.
func atColdStart(s Side) Observation {
	o := atActive(s)
	o.Servers, o.Address = Servers{Known: true}, true
	o.Status.Role, o.Status.Claim = Probation, Claim{Activating, o.Status.Epoch, o.Database.Timeline}
	o.Peer.Confirming = true
	return o
}

func TestProof(t *testing.T) {
	witness := func(s WitnessState) func(*Observation) {
		return func(o *Observation) {
			o.Spec.Witness, o.Witness = true, Witness{s, o.Status.Epoch}
			o.peerGone(time.Minute)
		}
	}
	cases{
		"a site claims before it looks":                    {func(o *Observation) { o.Status.Claim = Claim{} }, want{"Prove", ClaimEpoch, Probation, ""}},
		"the peer confirms that the epoch is the highest":  {func(*Observation) {}, want{"Prove", Activate, Probation, ""}},
		"read after the claim stood":                       {func(o *Observation) { o.Peer.Confirming = false }, want{"Prove", Nothing, Probation, "to beat once more"}},
		"read live":                                        {func(o *Observation) { o.Peer.Live = false }, want{"Prove", Nothing, Probation, "does not answer"}},
		"by an operator that lives":                        {func(o *Observation) { o.Peer.SilentFor = 30 * time.Second }, want{"Prove", Nothing, Probation, "is silent"}},
		"that serves nothing":                              {func(o *Observation) { o.Peer.Status.Role = Active }, want{"Prove", Nothing, Probation, "still serves"}},
		"whose servers are seen shut, whatever its role":   {func(o *Observation) { o.Peer.Status.Shut = false }, want{"Prove", Nothing, Probation, "does not see its chat servers shut"}},
		"or that has no database to write to":              {func(o *Observation) { o.Peer.Status.Shut, o.Peer.Status.Data = false, DataEmpty }, want{"Prove", Activate, Probation, ""}},
		"nor a whole one":                                  {func(o *Observation) { o.Peer.Status.Shut, o.Peer.Status.Data = false, DataPartial }, want{"Prove", Activate, Probation, ""}},
		"that has seen its own database":                   {func(o *Observation) { o.Peer.Status.Data = DataUnknown }, want{"Prove", Nothing, Probation, "does not see its own database"}},
		"and claims nothing itself: both step back":        {func(o *Observation) { o.Peer.Status.Claim.Epoch = o.given() }, want{"StepBack", WithdrawClaim, Probation, "claims epoch"}},
		"nor is a claim made against a claim":              {func(o *Observation) { o.Status.Claim = Claim{}; o.Peer.Status.Claim.Epoch = o.given() }, want{"Prove", Nothing, Probation, "claims epoch"}},
		"a claim that is not read live is not seen":        {func(o *Observation) { o.Peer.Live = false; o.Peer.Status.Claim.Epoch = o.given() }, want{"Prove", Nothing, Probation, "does not answer"}},
		"a follower that holds more says: an older copy":   {func(o *Observation) { o.Peer.Database.Beat++ }, want{"Prove", WithdrawClaim, Probation, "chatpool release"}},
		"one of another epoch does not":                    {func(o *Observation) { o.Peer.Database.Beat++; o.Peer.Database.Epochs = nil }, want{"Prove", Activate, Probation, ""}},
		"without a claim there is nothing to withdraw":     {func(o *Observation) { o.Peer.Database.Beat++; o.Status.Claim = Claim{} }, want{"Prove", Nothing, Probation, "chatpool release"}},
		"durability asks for a mirror":                     {func(o *Observation) { o.Spec.NeedsMirror, o.Database.Mirror = true, false }, want{"Prove", Nothing, Probation, "mirror"}},
		"that is there":                                    {func(o *Observation) { o.Spec.NeedsMirror = true }, want{"Prove", Activate, Probation, ""}},
		"or what was demoted":                              {func(o *Observation) { o.Database.Mode = Isolated }, want{"Prove", Promote, Probation, ""}},
		"a person mints a new epoch: that is how it opens": {func(o *Observation) { o.peerGone(time.Minute) }, want{"Prove", Nothing, Probation, "chatpool activate trading --epoch"}},
		"and the old one closes first":                     {func(o *Observation) { o.peerGone(time.Minute); o.Prompts.Activate.Epoch = o.Self.Mint(o.Status.Epoch) }, want{"Prove", ClaimEpoch, Probation, ""}},
		"the witness grants it":                            {witness(WitnessGranted), want{"Prove", Activate, Probation, ""}},
		"if it noted this epoch":                           {func(o *Observation) { witness(WitnessGranted)(o); o.Witness.Epoch-- }, want{"Prove", AcquireWitness, Probation, ""}},
		"a free lease is asked for":                        {witness(WitnessFree), want{"Prove", AcquireWitness, Probation, ""}},
		"a lease that the other one holds is none":         {witness(WitnessDenied), want{"Prove", Nothing, Probation, "the witness has not granted it"}},
		"a witness that does not answer is none":           {witness(WitnessUnknown), want{"Prove", Nothing, Probation, `"witness":null`}},
		"with a witness the peer's word is proof as well":  {func(o *Observation) { o.Spec.Witness = true; o.Witness.Epoch = o.Status.Epoch }, want{"Prove", Activate, Probation, ""}},
		"a lease of a higher epoch tells of it":            {func(o *Observation) { o.Witness.Epoch = o.given() }, want{"Return", WithdrawAddress, Fenced, ""}},
	}.check(t, atColdStart)
}

func TestPeerThatReleasedNeedNotSeeItsDatabase(t *testing.T) {
	gave := func(o *Observation) { o.Peer.Status.Data, o.Peer.Status.Released = DataUnknown, o.Status.Epoch-1 }
	cases{
		"it gave this epoch":          {gave, want{"Prove", Activate, Probation, ""}},
		"it gave another one":         {func(o *Observation) { gave(o); o.Peer.Status.Released = 3 }, want{"Prove", Nothing, Probation, "does not see its own database"}},
		"it gave nothing":             {func(o *Observation) { gave(o); o.Peer.Status.Released = 0 }, want{"Prove", Nothing, Probation, "does not see its own database"}},
		"but it must see its servers": {func(o *Observation) { gave(o); o.Peer.Status.Shut = false }, want{"Prove", Nothing, Probation, "does not see its chat servers shut"}},
	}.on(t, Backup, atColdStart)
}

func TestShutIsWhatWasSeenOfTheServers(t *testing.T) {
	for sentence, c := range map[string]struct {
		servers Servers
		want    bool
	}{
		"all answer and none is activated":           {Servers{Known: true}, true},
		"one is activated, even if for an old epoch": {Servers{Known: true, Epoch: 1}, false},
		"one does not answer":                        {Servers{Known: true, Unseen: true}, false},
		"none answers":                               {Servers{}, false},
	} {
		for _, base := range []func(Side) Observation{atActive, atStandby} {
			o := base(Home)
			o.Servers, o.Status.Shut = c.servers, !c.want
			if got := Decide(o).Status.Shut; got != c.want {
				t.Errorf("%s: %t", sentence, got)
			}
		}
	}
}
