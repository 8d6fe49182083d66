package failover

import (
	"strings"
	"testing"
	"time"
)

// silent: the active site is not heard, and the standby's spec wants itself.
func silent(o *Observation) { o.flipOwn(); o.peerGone(41 * time.Second) }

func confirmed(o *Observation) { silent(o); o.Spec.Confirm.Epoch = o.next() }

func TestForcedMove(t *testing.T) {
	received := func(o *Observation) { confirmed(o); o.Database = isolated(o.Self.Other()) }
	claimed := func(o *Observation) { confirmed(o); claiming(o, Forcing, Forced) }
	withEpoch := func(o *Observation) { claimed(o); recorded(o) }
	witness := func(s WitnessState) func(*Observation) {
		return func(o *Observation) { silent(o); o.Spec.Witness = true; o.Witness = Witness{s, o.Status.Epoch} }
	}
	cases{
		"silent for peerSilence and confirmed: log shipping is removed": {confirmed, want{"Force", Isolate, Standby, ""}},
		"what was received is applied":                                  {func(o *Observation) { received(o); o.Database.Applied = false }, want{"Force", Nothing, Standby, "is to be applied"}},
		"then the next epoch is claimed":                                {received, want{"Force", ClaimEpoch, Standby, ""}},
		"the standby promotes what it received":                         {claimed, want{"GoOnTaking", Promote, Standby, ""}},
		"a word that became void promotes nothing": {func(o *Observation) { claimed(o); o.Status.Voided = o.Status.Claim.Epoch },
			want{"GoOnTaking", WithdrawClaim, Standby, ""}},
		"a pool is not begun anew where there is data": {func(o *Observation) {
			o.peerGone(time.Minute)
			o.Prompts.Activate = Attestation{Epoch: o.Self.Mint(100), NewPool: true}
		}, want{"Follow", Nothing, Standby, "there is data here"}},
		"a word by hand is asked for by hand": {func(o *Observation) {
			received(o)
			o.Database.Strayed, o.Spec.Confirm.Epoch, o.Prompts.Activate.Epoch = true, 0, o.next()
		}, want{"Return", Nothing, Fenced, "kubectl chatpool activate"}},
		"a standby that came back to following is stopped again": {func(o *Observation) { claimed(o); o.Database = follower(o.Self.Other()) },
			want{"GoOnTaking", Isolate, Standby, ""}},
		"the epoch is recorded":                              {func(o *Observation) { claimed(o); promoted(o) }, want{"RecordPromoted", RecordEpoch, "", ""}},
		"even if the word was taken back":                    {func(o *Observation) { claimed(o); promoted(o); o.Spec.Confirm.Epoch = 0 }, want{"RecordPromoted", RecordEpoch, "", ""}},
		"a database that opened under no claim gets none":    {func(o *Observation) { confirmed(o); promoted(o); o.Database.LSN++ }, want{"Force", ClaimEpoch, Fenced, ""}},
		"the person's word activates the servers":            {withEpoch, want{"Prove", Activate, Probation, ""}},
		"not the bare claim":                                 {func(o *Observation) { withEpoch(o); o.Spec.Confirm.Epoch = 0 }, want{"Prove", Nothing, Probation, "is silent"}},
		"not when the other site answers again":              {func(o *Observation) { withEpoch(o); o.Peer.Live, o.Peer.SilentFor = true, 0 }, want{"Prove", Nothing, Probation, "to beat once more"}},
		"not the word alone: the claim must be a forced one": {func(o *Observation) { withEpoch(o); o.Status.Claim.Kind = Activating }, want{"Prove", Nothing, Probation, "is silent"}},
		"a planned move that got stuck converts to forced by the same confirmation": {func(o *Observation) { confirmed(o); claiming(o, Activating, Planned) },
			want{"GoOnTaking", ClaimEpoch, Standby, ""}},
		"silent for 29 s is not silent":                  {func(o *Observation) { confirmed(o); o.Peer.SilentFor = 29 * time.Second }, want{"Follow", Nothing, Standby, "it is asked, not forced"}},
		"an API server that answers is not its operator": {func(o *Observation) { confirmed(o); o.Peer.Live = true }, want{"Force", Isolate, Standby, ""}},
		"a confirmation of the present epoch is spent":   {func(o *Observation) { silent(o); o.Spec.Confirm.Epoch = o.Status.Epoch }, want{"Follow", Nothing, Standby, "--confirm"}},
		"a confirmation of a later epoch is not meant":   {func(o *Observation) { silent(o); o.Spec.Confirm.Epoch = o.next() + 2 }, want{"Follow", Nothing, Standby, "--confirm"}},
		"a confirmation where the spec wants the other site is not meant": {func(o *Observation) { confirmed(o); o.flipOwn() },
			want{"Follow", Nothing, Standby, ""}},
		"a confirmation that was given while the active site answered is void": {func(o *Observation) { confirmed(o); o.Status.Voided = o.next() },
			want{"Follow", Nothing, Standby, "--confirm"}},
		"a standby that does not follow is refused": {func(o *Observation) { confirmed(o); o.Database.Streaming, o.Database.Unfollowable = false, true },
			want{"Return", Nothing, Standby, "name what is abandoned"}},
		"so is one that lacks the present epoch": {func(o *Observation) { received(o); o.Database.Epochs = o.Database.Epochs[:len(o.Database.Epochs)-1] },
			want{"Return", Nothing, Fenced, "--abandon"}},
		"so is one that strayed": {func(o *Observation) { received(o); o.Database.Strayed = true }, want{"Return", Nothing, Fenced, "--abandon"}},
		"unless the confirmation names what is abandoned": {func(o *Observation) {
			received(o)
			o.Database.Strayed, o.Spec.Confirm.Abandon = true, o.Status.Epoch
		}, want{"Force", ClaimEpoch, Fenced, ""}},
		"a site without data has nothing to go on with": {func(o *Observation) { confirmed(o); o.Database = Database{Known: true, Data: DataEmpty} },
			want{"Join", Nothing, "", "no data here"}},
		"a database that does not answer is not forced": {func(o *Observation) { confirmed(o); o.databaseDead(time.Second) },
			want{"Return", Nothing, Standby, "does not answer"}},
		"a person's activate needs no spec": {func(o *Observation) { silent(o); o.flipOwn(); o.Prompts.Activate.Epoch = o.next() }, want{"Force", Isolate, Standby, ""}},
		"nor silence, if the other site serves nothing": {func(o *Observation) {
			o.Prompts.Activate.Epoch = o.next()
			o.Peer.Status.Role = Probation
		}, want{"Force", Isolate, Standby, ""}},
		"but it does if the other site is active": {func(o *Observation) { o.Prompts.Activate.Epoch = o.next() }, want{"Follow", Nothing, Standby, ""}},
		"or it claims": {func(o *Observation) {
			o.Prompts.Activate.Epoch = o.next()
			o.Peer.Status.Role, o.Peer.Status.Claim.Epoch = Probation, o.Status.Epoch
		}, want{"Follow", Nothing, Standby, "asked, not forced"}},
		"or was not read": {func(o *Observation) {
			o.Prompts.Activate.Epoch = o.next()
			o.Peer.Status.Role, o.Peer.Live = Probation, false
		}, want{"Follow", Nothing, Standby, "asked, not forced"}},
		"the witness grants in place of a person":         {witness(WitnessFree), want{"Force", Isolate, Standby, ""}},
		"a witness that denies is a refusal":              {func(o *Observation) { witness(WitnessDenied)(o); o.Spec.Confirm.Epoch = o.next() }, want{"Follow", Nothing, Standby, "the witness does not grant it"}},
		"and so is one that does not answer":              {func(o *Observation) { witness(WitnessUnknown)(o); o.Spec.Confirm.Epoch = o.next() }, want{"Follow", Nothing, Standby, `"witness":null`}},
		"a witness moves nothing where the spec does not": {func(o *Observation) { witness(WitnessFree)(o); o.flipOwn() }, want{"Follow", Nothing, Standby, ""}},
		"a witness moves nothing while the peer is heard": {func(o *Observation) { witness(WitnessFree)(o); o.Peer.SilentFor = 0 }, want{"Follow", Nothing, Standby, ""}},
		"votes that may have been read are to run out": {func(o *Observation) {
			witness(WitnessFree)(o)
			claiming(o, Forcing, Forced)
			o.ClaimFor = 19 * time.Second
		}, want{"GoOnTaking", Nothing, Standby, "to run out"}},
		"then the lease is taken": {func(o *Observation) {
			witness(WitnessFree)(o)
			claiming(o, Forcing, Forced)
			o.ClaimFor = 20 * time.Second
		}, want{"GoOnTaking", AcquireWitness, Standby, ""}},
		"then the standby is promoted": {func(o *Observation) {
			witness(WitnessGranted)(o)
			claiming(o, Forcing, Forced)
			o.ClaimFor = 20 * time.Second
		}, want{"GoOnTaking", Promote, Standby, ""}},
		"a lease of before is no proof of the new epoch": {func(o *Observation) { witness(WitnessGranted)(o); claiming(o, Forcing, Forced); recorded(o) }, want{"Prove", AcquireWitness, Probation, ""}},
		"a lease that notes it is": {func(o *Observation) {
			witness(WitnessGranted)(o)
			claiming(o, Forcing, Forced)
			recorded(o)
			o.Witness.Epoch = o.Status.Epoch
		}, want{"Prove", Activate, Probation, ""}},
		"a word is no proof where a witness is configured": {func(o *Observation) { withEpoch(o); o.Spec.Witness = true }, want{"Prove", Nothing, Probation, "to note the new epoch"}},
		"nor is the peer's, for a new epoch": {func(o *Observation) {
			withEpoch(o)
			o.Spec.Witness = true
			o.Witness.State = WitnessDenied
			o.Peer.Live, o.Peer.SilentFor, o.Peer.Confirming, o.Peer.Status.Role, o.Peer.Status.Shut = true, 0, true, Fenced, true
		}, want{"Prove", Nothing, Probation, "to note the new epoch"}},
		"a free lease is taken for the epoch that was minted": {func(o *Observation) { withEpoch(o); o.Spec.Witness = true; o.Witness.State = WitnessFree }, want{"Prove", AcquireWitness, Probation, ""}},
	}.check(t, atStandby)
}

func TestBareFlipInADisasterSaysWhatIsMissing(t *testing.T) {
	for _, s := range []Side{Home, Backup} {
		o := atStandby(s)
		silent(&o)
		d := Decide(o)
		verb := map[Side]string{Home: "failback trading --confirm 3", Backup: "failover trading --confirm 2"}[s]
		want := string(s.Other()) + " silent for 41s; at most 1.2 s / 14 kB would be lost; to go on: kubectl chatpool " + verb
		if d.Refused != want || d.Action.Kind != Nothing {
			t.Errorf("%s: says %q and does %q; want %q", s, d.Refused, d.Action.Kind, want)
		}
		o.Names = map[Side]string{s.Other(): "berlin"}
		if got := Decide(o).Refused; !strings.HasPrefix(got, "berlin silent") {
			t.Errorf("%s: the site's name is not in %q", s, got)
		}
	}
}

func TestLossIsSaidAsFarAsItIsKnown(t *testing.T) {
	for lag, want := range map[Lag]string{
		{}: "what would be lost is not known; ",
		{Known: true, Time: 90 * time.Second, Bytes: -1}:   "at most 90.0 s would be lost, about 49.0 s if home died when it fell silent; ",
		{Known: true, Time: time.Second, Bytes: 0}:         "at most 1.0 s / 0 B would be lost; ",
		{Known: true, Time: time.Second, Bytes: 1_000_000}: "at most 1.0 s / 1 MB would be lost; ",
		{Known: true, Time: time.Second, Bytes: 999}:       "at most 1.0 s / 999 B would be lost; ",
		{Known: true, Time: time.Second, Bytes: 1000}:      "at most 1.0 s / 1 kB would be lost; ",
		{Known: true, Time: time.Second, Bytes: 2_000_001}: "at most 1.0 s / 3 MB would be lost; ",
	} {
		o := atStandby(Backup)
		silent(&o)
		o.Lag = lag
		if got := Decide(o).Refused; !strings.Contains(got, want) {
			t.Errorf("%+v: %q does not say %q", lag, got, want)
		}
	}
}

// "None" is the last row of section 3: everything else moves nothing, and both sites stay what they are.
func TestNothingElseMovesAPool(t *testing.T) {
	for sentence, change := range map[string]func(*Observation){
		"an ordinary day":                           func(*Observation) {},
		"a spec that stays":                         func(o *Observation) { o.Spec.Confirm.Epoch = o.Status.Epoch },
		"one site's spec alone":                     (*Observation).flipOwn,
		"the other site's spec alone":               (*Observation).flipPeer,
		"a silent peer, no flip":                    func(o *Observation) { o.peerGone(time.Hour) },
		"a bare flip against a silent peer":         func(o *Observation) { o.flipBoth(); o.peerGone(time.Hour) },
		"a stale manifest with an old confirmation": func(o *Observation) { o.flipOwn(); o.Spec.Confirm = Attestation{Epoch: o.Status.Epoch - 1} },
		"a confirmation while the peer answers":     func(o *Observation) { o.flipOwn(); o.Spec.Confirm.Epoch = o.next() },
		"a restored etcd that is older than the database": func(o *Observation) {
			o.Status = Status{Role: o.Status.Role, Counter: 1}
			o.Peer.Database = Database{}
			o.Peer.Live = false
		},
		"a restored etcd with an old grant, claim and release": func(o *Observation) {
			o.Status.Epoch = 0
			o.Status.Claim, o.Status.Grant, o.Status.Released = Claim{Activating, o.Self.Mint(0) - 1, 1}, Grant{o.Database.Newest(), "old"}, o.Database.Newest()-1
		},
		"own servers and database that do not answer": func(o *Observation) { o.databaseDead(time.Hour); o.Servers = Servers{} },
	} {
		for name, base := range map[Role]func(Side) Observation{Active: atActive, Standby: atStandby} {
			for _, s := range []Side{Home, Backup} {
				t.Run(sentence+"/"+string(name)+"/"+string(s), func(t *testing.T) {
					o := base(s)
					epoch := o.Status.Epoch
					change(&o)
					d := Decide(o)
					if sentence == "an ordinary day" && d.WaitingFor+d.Refused != "" {
						t.Errorf("says %q, %q", d.WaitingFor, d.Refused)
					}
					if d.Role != name || d.Action.Kind != Nothing || d.Status.Epoch != epoch || d.Status.Claim != (Claim{}) ||
						d.Status.Grant.Epoch > epoch || d.Status.Released == epoch {
						t.Errorf("%s -> %s as %s, %+v", d.Rule, d.Action.Kind, d.Role, d.Status)
					}
				})
			}
		}
	}
}

func TestConfirmationWhileTheActiveSiteAnswersIsBurnt(t *testing.T) {
	for _, s := range []Side{Home, Backup} {
		o := atStandby(s)
		o.flipOwn()
		o.Spec.Confirm.Epoch = o.next()
		d := Decide(o)
		if d.Status.Voided != o.next() {
			t.Fatalf("%s: voided %d, want %d", s, d.Status.Voided, o.next())
		}
		o.Status = d.Status
		o.peerGone(time.Minute)
		d = Decide(o)
		if want := o.next() + 2; d.Action.Kind != Nothing || d.Next.Epoch != want {
			t.Errorf("%s: %s -> %s, asks for epoch %d; want %d", s, d.Rule, d.Action.Kind, d.Next.Epoch, want)
		}
	}
}

func TestWordIsVoidOnlyIfTheActiveSiteIsHeard(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*Observation)
		void   bool
	}{
		"it answers":                    {func(*Observation) {}, true},
		"its counter stood for 5 s":     {func(o *Observation) { o.Peer.SilentFor = 5 * time.Second }, true},
		"its counter stood for 6 s":     {func(o *Observation) { o.Peer.SilentFor = 6 * time.Second }, false},
		"it was not read":               {func(o *Observation) { o.Peer.Live = false }, false},
		"it is not the active site":     {func(o *Observation) { o.Peer.Status.Role = Probation }, false},
		"the word names another epoch":  {func(o *Observation) { o.Spec.Confirm.Epoch += 2 }, false},
		"the spec wants the other site": {func(o *Observation) { o.flipOwn() }, false},
	} {
		for _, s := range []Side{Home, Backup} {
			o := atStandby(s)
			o.flipOwn()
			o.Spec.Confirm.Epoch = o.next()
			c.change(&o)
			if void := Decide(o).Status.Voided != 0; void != c.void {
				t.Errorf("%s, %s: void %t, want %t", sentence, s, void, c.void)
			}
		}
	}
}
