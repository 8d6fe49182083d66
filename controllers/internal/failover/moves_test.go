package failover

import (
	"testing"
	"time"
)

func TestPlannedMoveAtTheActiveSite(t *testing.T) {
	quiesced := func(o *Observation) { o.moving(QuiescingChat); o.Servers.Quiesced, o.Servers.Drained = true, true }
	demoted := func(o *Observation) {
		quiesced(o)
		o.Status.Transition.Step = DemotingOld
		o.Database.Mode, o.Database.Token = Isolated, Token{"new", o.Database.Timeline}
	}
	cases{
		"both specs want it, both operators alive, active database open: it begins": {(*Observation).flipBoth, want{"Planned", BeginMove, Active, ""}},
		"chat is quiesced first": {func(o *Observation) { o.moving(QuiescingChat) }, want{"Planned", Quiesce, Active, ""}},
		"a move that was begun in an older epoch is begun anew": {func(o *Observation) {
			o.moving(QuiescingChat)
			o.Status.Transition.From--
		}, want{"Planned", BeginMove, Active, ""}},
		"nor does a standby that does not see its database": {func(o *Observation) { quiesced(o); o.Peer.Status.Data = DataUnknown },
			want{"Planned", Nothing, Active, "does not answer"}},
		"no answer for a moment calls nothing off": {func(o *Observation) { quiesced(o); o.Peer.Live, o.Peer.Status.Held = false, 0 }, want{"Planned", Nothing, Active, "does not answer"}},
		"then compliance stops":                    {func(o *Observation) { quiesced(o); o.Servers.Drained = false }, want{"Planned", Nothing, Active, "compliance is to stop"}},
		"then the old database is demoted":         {quiesced, want{"Planned", Demote, Active, ""}},
		"servers that started anew meanwhile have nothing to drain": {func(o *Observation) { demoted(o); o.Servers = Servers{Known: true} },
			want{"Planned", GrantEpoch, Fenced, ""}},
		"no token, no grant": {func(o *Observation) { demoted(o); o.Database.Token = Token{} }, want{"Planned", Nothing, Active, "token"}},
		"the token is different from the last one": {func(o *Observation) { demoted(o); o.Database.Token.Timeline-- },
			want{"Planned", Nothing, Active, "token"}},
		"the other site receives everything before the grant": {func(o *Observation) { demoted(o); o.Peer.Database.LSN-- },
			want{"Planned", Nothing, Active, "to receive everything"}},
		"on the same timeline":                       {func(o *Observation) { demoted(o); o.Peer.Database.Timeline-- }, want{"Planned", Nothing, Active, "to receive everything"}},
		"its servers are seen shut before the grant": {demoted, want{"Planned", Shut, Active, ""}},
		"the grant is the commit point": {func(o *Observation) { demoted(o); o.Servers = Servers{Known: true, Drained: true} },
			want{"Planned", GrantEpoch, Fenced, ""}},
		"before the grant a spec that reverts reopens the old site in its old epoch": {func(o *Observation) { demoted(o); o.flipOwn() },
			want{"Planned", Promote, Active, "called off"}},
		"so does the other site's": {func(o *Observation) { demoted(o); o.flipPeer() }, want{"Planned", Promote, Active, "called off"}},
		"so does the other operator's silence": {func(o *Observation) { demoted(o); o.peerGone(30 * time.Second) },
			want{"Planned", Promote, Active, "is silent"}},
		"so does a standby that lost its data": {func(o *Observation) { demoted(o); o.Peer.Status.Data = DataEmpty },
			want{"Planned", Promote, Active, "does not hold the present epoch"}},
		"so does a step that takes too long": {func(o *Observation) { demoted(o); o.StepFor = time.Minute + time.Second },
			want{"Planned", Promote, Active, "begins anew"}},
		"what was undone begins anew only after a while": {func(o *Observation) { o.moving(RollingBack); o.StepFor = time.Minute },
			want{"Serve", Nothing, Active, ""}},
		"and then it does":                  {func(o *Observation) { o.moving(RollingBack); o.StepFor = 6 * time.Minute }, want{"Planned", BeginMove, Active, ""}},
		"reopened servers take posts again": {func(o *Observation) { quiesced(o); o.flipBoth() }, want{"Serve", Resume, Active, ""}},
		"a database that does not answer is not reopened": {func(o *Observation) {
			quiesced(o)
			o.flipBoth()
			o.databaseDead(time.Second)
		}, want{"Serve", Resume, Active, ""}},
		"one that lost the epoch is not, either": {func(o *Observation) {
			demoted(o)
			o.flipBoth()
			o.Database.Epochs, o.Address = nil, false
		}, want{"LostItsEpoch", Nothing, Fenced, ""}},
		"without activated servers, a move that is called off needs proof": {func(o *Observation) {
			demoted(o)
			o.flipBoth()
			o.Servers.Epoch, o.Servers.Quiesced = 0, false
		}, want{"Prove", ClaimEpoch, Probation, ""}},
		"after the grant only forward, whatever the specs say": {func(o *Observation) {
			o.Status.Grant = Grant{o.given(), "new"}
			o.Database.Mode, o.Servers.Epoch, o.Address = Isolated, 0, false
		}, want{"GaveAway", Nothing, Fenced, "which was granted to it"}},
		"a database that opened by itself after the grant is closed": {func(o *Observation) {
			o.Status.Grant = Grant{o.given(), "new"}
			o.Servers.Epoch = 0
		}, want{"GaveAway", Isolate, Fenced, ""}},
		"servers that are activated after the grant are shut": {func(o *Observation) { o.Status.Grant = Grant{o.given(), "new"} },
			want{"ShutOvertaken", Shut, Fenced, ""}},
	}.check(t, atActive)
}

func TestPlannedMoveIsNotBegun(t *testing.T) {
	for sentence, change := range map[string]func(*Observation){
		"when the other site does not answer":                    func(o *Observation) { o.Peer.Live = false },
		"when the other operator is silent":                      func(o *Observation) { o.Peer.SilentFor = 30 * time.Second },
		"when the other database does not follow":                func(o *Observation) { o.Peer.Database.Streaming = false },
		"when the other database follows nobody":                 func(o *Observation) { o.Peer.Database.Mode = Isolated },
		"when the other database does not answer us":             func(o *Observation) { o.Peer.Database = Database{} },
		"when the other database does not answer there":          func(o *Observation) { o.Peer.Status.Data = DataUnknown },
		"when the other site claims an epoch":                    func(o *Observation) { o.Peer.Status.Claim.Epoch = o.Status.Epoch },
		"when the other site has no data":                        func(o *Observation) { o.Peer.Status.Data = DataEmpty },
		"when the other site lacks the present epoch":            func(o *Observation) { o.Peer.Status.Held = 0 },
		"when the other site's database strayed":                 func(o *Observation) { o.Peer.Status.Strayed = true },
		"when the other site holds more than this one":           func(o *Observation) { o.Peer.Database.Beat++ },
		"when the witness is configured and does not answer":     func(o *Observation) { o.Spec.Witness = true },
		"when the own database does not answer, for a while":     func(o *Observation) { o.databaseDead(29 * time.Second) },
		"when the own servers do not answer":                     func(o *Observation) { o.Servers = Servers{} },
		"when the own spec is alone while the other one answers": (*Observation).flipPeer,
		"when the other spec is alone":                           (*Observation).flipOwn,
	} {
		for _, s := range []Side{Home, Backup} {
			t.Run(sentence+"/"+string(s), func(t *testing.T) {
				o := atActive(s)
				o.flipBoth()
				change(&o)
				if d := Decide(o); d.Role != Active || d.Action.Kind != Nothing || d.Status.Transition.Kind != NoMove {
					t.Errorf("%s -> %s, %s, %+v", d.Rule, d.Action.Kind, d.Role, d.Status.Transition)
				}
			})
		}
	}
}

// granted: the active site has handed over to this one.
func granted(o *Observation) {
	o.flipBoth()
	o.Peer.Status.Role, o.Peer.Status.Shut, o.Peer.Status.Grant = Fenced, true, Grant{o.next(), "new"}
	o.Peer.Database.Mode = Isolated
}

// released: the active site has given up its epoch.
func releasedToUs(o *Observation) {
	o.flipBoth()
	o.Peer.Status.Role, o.Peer.Status.Shut, o.Peer.Status.Released = Fenced, true, o.Status.Epoch
	o.Peer.Status.Data, o.Peer.Database = DataUnknown, Database{}
}

// claiming: this site's claim to the next epoch stands.
func claiming(o *Observation, k ClaimKind, move Kind) {
	o.Database = isolated(o.Self.Other())
	o.Status.Claim = Claim{k, o.next(), o.Database.Timeline}
	o.Status.Transition = Transition{Kind: move, Step: Claiming, From: o.Status.Epoch}
}

// promoted: the database is open on a new timeline.
func promoted(o *Observation) { o.Database.Mode, o.Database.Timeline = Open, o.Database.Timeline+1 }

// recorded: the claimed epoch stands in the database; servers are not activated yet.
func recorded(o *Observation) {
	promoted(o)
	c := o.Status.Claim
	o.Database.Epochs = append(o.Database.Epochs, Epoch{Number: c.Epoch, ForkTimeline: c.Timeline, ForkLSN: 100, ForkBeat: 40})
	o.Status.Epoch, o.Status.Held = c.Epoch, c.Epoch
}

func TestPlannedMoveAtTheStandby(t *testing.T) {
	claimed := func(o *Observation) { granted(o); claiming(o, Activating, Planned) }
	withEpoch := func(o *Observation) { claimed(o); recorded(o) }
	cases{
		"an epoch that was granted to this site is claimed": {granted, want{"TakeGranted", ClaimEpoch, Standby, ""}},
		"though the specs have changed meanwhile":           {func(o *Observation) { granted(o); o.flipBoth() }, want{"TakeGranted", ClaimEpoch, Standby, ""}},
		"a grant that is not read live is none": {func(o *Observation) { granted(o); o.Peer.Live = false },
			want{"Follow", Nothing, Standby, ""}},
		"a grant of an epoch of the peer's is none": {func(o *Observation) { granted(o); o.Peer.Status.Grant.Epoch++ }, want{"Follow", Nothing, "", ""}},
		"a grant of an older epoch is none":         {func(o *Observation) { granted(o); o.Peer.Status.Grant.Epoch -= 2 }, want{"Follow", Nothing, "", ""}},
		"a site that does not hold the present epoch does not take it": {func(o *Observation) {
			granted(o)
			o.Database.Epochs = nil
		}, want{"Follow", Nothing, "", "does not hold epoch"}},
		"nor does one that strayed":               {func(o *Observation) { granted(o); o.Database.Strayed = true }, want{"Follow", Nothing, Fenced, "does not hold epoch"}},
		"nor does one that does not see its own":  {func(o *Observation) { granted(o); o.databaseDead(time.Second) }, want{"Return", Nothing, Standby, "does not hold epoch"}},
		"the database is promoted with the token": {claimed, want{"GoOnTaking", Promote, Standby, ""}},
		"the claim alone promotes nothing, it goes back when the grant is gone": {func(o *Observation) { claimed(o); o.Peer.Status.Grant = Grant{} },
			want{"GoOnTaking", WithdrawClaim, Standby, ""}},
		"a confirmation changes nothing while the grant is read": {func(o *Observation) {
			claimed(o)
			o.Peer.SilentFor, o.Spec.Confirm.Epoch = time.Minute, o.Status.Claim.Epoch
		}, want{"GoOnTaking", Promote, Standby, ""}},
		"a database that does not answer is waited for": {func(o *Observation) { claimed(o); o.databaseDead(time.Second) },
			want{"GoOnTaking", Nothing, Standby, "does not answer"}},
		"one that opened by itself, on no new timeline, is closed first": {func(o *Observation) { claimed(o); o.Database.Mode = Open },
			want{"GoOnTaking", Isolate, Fenced, ""}},
		"a later timeline that was only received is not a promotion": {func(o *Observation) { claimed(o); o.Database.Timeline++ },
			want{"GoOnTaking", Promote, Standby, ""}},
		"a witness must grant it first": {func(o *Observation) { claimed(o); o.Spec.Witness, o.Witness.State = true, WitnessDenied },
			want{"GoOnTaking", Nothing, Standby, "the witness is to grant"}},
		"a free lease is taken at once: nobody relies on votes": {func(o *Observation) { claimed(o); o.Spec.Witness, o.Witness.State = true, WitnessFree },
			want{"GoOnTaking", AcquireWitness, Standby, ""}},
		"then it goes on": {func(o *Observation) { claimed(o); o.Spec.Witness, o.Witness.State = true, WitnessGranted },
			want{"GoOnTaking", Promote, Standby, ""}},
		"it goes on following until everything has arrived": {func(o *Observation) { claimed(o); o.Database = follower(o.Self.Other()) },
			want{"GoOnTaking", Promote, Standby, ""}},
		"a person may insist while the peer is silent": {func(o *Observation) {
			claimed(o)
			o.Peer.SilentFor, o.Prompts.Activate.Epoch = time.Minute, o.Status.Claim.Epoch
		}, want{"GoOnTaking", ClaimEpoch, Standby, ""}},
		"a database that strayed meanwhile takes nothing": {func(o *Observation) { claimed(o); o.Database.Strayed = true },
			want{"GoOnTaking", WithdrawClaim, Fenced, ""}},
		"whether the grant is read or not": {func(o *Observation) { claimed(o); o.Database.Strayed = true; o.Peer.Live = false },
			want{"GoOnTaking", WithdrawClaim, Fenced, ""}},
		"nor does one that was lost": {func(o *Observation) { claimed(o); o.Database = Database{Known: true, Data: DataEmpty} },
			want{"GoOnTaking", WithdrawClaim, Fenced, ""}},
		"it waits for the grant to be read again": {func(o *Observation) { claimed(o); o.Peer.Live = false },
			want{"GoOnTaking", Nothing, Standby, "must still say so"}},
		"what was promoted under a claim gets the claimed epoch": {func(o *Observation) { claimed(o); promoted(o) },
			want{"RecordPromoted", RecordEpoch, Fenced, ""}},
		"the peer is to beat after the claim":   {withEpoch, want{"Prove", Nothing, Probation, "to beat once more"}},
		"servers are activated with its answer": {func(o *Observation) { withEpoch(o); o.Peer.Confirming = true }, want{"Prove", Activate, Probation, ""}},
		"that does not need the other database to answer": {func(o *Observation) {
			withEpoch(o)
			o.Peer.Confirming, o.Peer.Status.Data = true, DataUnknown
		}, want{"Prove", Activate, Probation, ""}},
		"if its grant names this epoch": {func(o *Observation) {
			withEpoch(o)
			o.Peer.Confirming, o.Peer.Status.Data, o.Peer.Status.Grant = true, DataUnknown, Grant{}
		}, want{"Prove", Nothing, Probation, "does not see its own database"}},
		"an answer that does not say that its servers are shut is none": {func(o *Observation) {
			withEpoch(o)
			o.Peer.Confirming, o.Peer.Status.Shut = true, false
		}, want{"Prove", Nothing, Probation, "does not see its chat servers shut"}},
		"with the mirror that durability asks for": {func(o *Observation) {
			withEpoch(o)
			o.Peer.Confirming, o.Spec.NeedsMirror, o.Database.Mirror = true, true, false
		}, want{"Prove", Nothing, Probation, "mirror"}},
		"then the address is switched": {func(o *Observation) { withEpoch(o); o.Servers.Epoch = o.Status.Epoch },
			want{"Serve", PublishAddress, Active, ""}},
	}.check(t, atStandby)
}

func TestAssistedMoveAtTheActiveSite(t *testing.T) {
	gone := func(o *Observation) { o.flipBoth(); o.databaseDead(30 * time.Second) }
	shut := func(o *Observation) { gone(o); o.Servers.Epoch = 0 }
	cases{
		"its operator alive, its database gone: it shuts chat": {gone, want{"Assisted", Shut, Active, ""}},
		"then it fences":                                        {shut, want{"Assisted", Fence, "", ""}},
		"no answer of anything is not yet down":                 {func(o *Observation) { shut(o); o.Database.Fenced = true; o.Servers = Servers{} }, want{"Assisted", Nothing, "", "must say that they are shut"}},
		"then it publishes that it released the epoch":          {func(o *Observation) { shut(o); o.Database.Fenced = true }, want{"Assisted", ReleaseEpoch, Fenced, ""}},
		"volumes that are gone need no fence":                   {func(o *Observation) { shut(o); o.Database = Database{Known: true, Data: DataEmpty} }, want{"Assisted", ReleaseEpoch, Fenced, ""}},
		"a database that was restored from before is gone, too": {func(o *Observation) { shut(o); o.Database = openDatabase(o.Self); o.Database.Epochs = nil }, want{"Assisted", Fence, "", ""}},
		"one that answers again is fenced all the same": {func(o *Observation) {
			shut(o)
			o.Status.Transition = Transition{Kind: Assisted, From: o.Status.Epoch}
			o.Database = openDatabase(o.Self)
		}, want{"Assisted", Fence, "", ""}},
		"no answer for 29 s is unknown, not gone":         {func(o *Observation) { gone(o); o.databaseDead(29 * time.Second) }, want{"Serve", Nothing, Active, ""}},
		"one spec alone releases nothing":                 {func(o *Observation) { gone(o); o.flipPeer() }, want{"Serve", Nothing, Active, ""}},
		"a spec that reverts before the release stops it": {func(o *Observation) { shut(o); o.flipOwn() }, want{"Prove", Nothing, "", "does not answer"}},
		"a silent peer could not take over":               {func(o *Observation) { gone(o); o.Peer.SilentFor = 30 * time.Second }, want{"Serve", Nothing, Active, ""}},
		"nor could one without this epoch":                {func(o *Observation) { gone(o); o.Peer.Status.Held = 0 }, want{"Serve", Nothing, Active, "does not hold the present epoch"}},
		"nor one that claims an epoch": {func(o *Observation) { gone(o); o.Peer.Status.Claim.Epoch = o.Status.Epoch },
			want{"Serve", Nothing, Active, "claims an epoch"}},
		"nor one that does not see its database": {func(o *Observation) { gone(o); o.Peer.Status.Data = DataUnknown }, want{"Serve", Nothing, Active, "does not answer"}},
		"a fence that was ordered is not one that stands": {func(o *Observation) {
			o.Prompts.Release, o.Servers.Epoch, o.Database.Fenced = o.Status.Epoch, 0, true
		}, want{"ReleaseByHand", Nothing, "", "must say that they are shut"}},
		"a release is for ever in this epoch": {func(o *Observation) {
			o.Status.Released = o.Status.Epoch
			o.Servers.Epoch = 0
			o.Database.Mode = Isolated
		}, want{"ReleasedItself", Nothing, Fenced, "is to take over"}},
		"its servers are shut whatever they were told":     {func(o *Observation) { o.Status.Released = o.Status.Epoch }, want{"ShutOvertaken", Shut, Fenced, ""}},
		"a person shuts the active site by hand":           {func(o *Observation) { o.Prompts.Release = o.Status.Epoch }, want{"ReleaseByHand", Shut, Active, ""}},
		"with a word that names another epoch he does not": {func(o *Observation) { o.Prompts.Release = o.Status.Epoch + 2 }, want{"Serve", Nothing, Active, ""}},
		"the witness's lease is given up after a release": {func(o *Observation) {
			o.Status.Released = o.Status.Epoch
			o.Servers.Epoch = 0
			o.Witness.State = WitnessGranted
		}, want{"ReleasedItself", YieldWitness, Fenced, ""}},
		"and after a grant": {func(o *Observation) {
			o.Status.Grant.Epoch = o.given()
			o.Servers.Epoch = 0
			o.Witness.State = WitnessGranted
		}, want{"GaveAway", YieldWitness, Fenced, ""}},
		"a taker that vanished after the grant leaves a way out": {func(o *Observation) {
			o.Status.Grant.Epoch = o.given()
			o.Servers.Epoch = 0
			o.Database.Mode = Isolated
			o.peerGone(30 * time.Second)
		}, want{"GaveAway", Nothing, Fenced, "chatpool activate"}},
	}.check(t, atActive)
}

func TestAssistedMoveAtTheStandby(t *testing.T) {
	received := func(o *Observation) { releasedToUs(o); o.Database = isolated(o.Self.Other()) }
	claimed := func(o *Observation) { releasedToUs(o); claiming(o, Activating, Assisted) }
	cases{
		"log shipping is removed":               {releasedToUs, want{"TakeReleased", Isolate, Standby, ""}},
		"what was received is applied":          {func(o *Observation) { received(o); o.Database.Applied = false }, want{"TakeReleased", Nothing, Standby, "is to be applied"}},
		"then the next epoch is claimed":        {received, want{"TakeReleased", ClaimEpoch, Standby, ""}},
		"the standby promotes what it received": {claimed, want{"GoOnTaking", Promote, Standby, ""}},
		"not one that strayed":                  {func(o *Observation) { claimed(o); o.Database.Strayed = true }, want{"GoOnTaking", WithdrawClaim, Fenced, ""}},
		"nor one that was lost": {func(o *Observation) { claimed(o); o.Database = Database{Known: true, Data: DataEmpty} },
			want{"GoOnTaking", WithdrawClaim, Fenced, ""}},
		"nor one that the source refuses": {func(o *Observation) {
			claimed(o)
			o.Database.Mode, o.Database.Unfollowable = Following, true
		}, want{"GoOnTaking", WithdrawClaim, Standby, ""}},
		"and records the epoch":                 {func(o *Observation) { claimed(o); promoted(o) }, want{"RecordPromoted", RecordEpoch, "", ""}},
		"servers are activated with its answer": {func(o *Observation) { claimed(o); recorded(o); o.Peer.Confirming = true }, want{"Prove", Activate, Probation, ""}},
		"not without":                           {func(o *Observation) { claimed(o); recorded(o) }, want{"Prove", Nothing, Probation, "to beat once more"}},
		"a release of another epoch is none":    {func(o *Observation) { releasedToUs(o); o.Peer.Status.Released-- }, want{"Follow", Nothing, Standby, ""}},
		"one that is not read live is none":     {func(o *Observation) { releasedToUs(o); o.Peer.Live = false }, want{"Follow", Nothing, Standby, ""}},
		"a site that does not follow does not take over, unless the word names what is abandoned": {func(o *Observation) { releasedToUs(o); o.Database.Unfollowable = true },
			want{"Return", Nothing, Standby, "name what is abandoned"}},
		"and then it does": {func(o *Observation) {
			received(o)
			o.Database.Strayed, o.Peer.Status.Data = true, DataPresent
			o.Prompts.Activate = Attestation{Epoch: o.next(), Abandon: o.Status.Epoch}
		}, want{"TakeReleased", ClaimEpoch, Fenced, ""}},
		"a site without data has nothing to take over with": {func(o *Observation) {
			releasedToUs(o)
			o.Database = Database{Known: true, Data: DataEmpty}
		}, want{"Join", Nothing, Fenced, "is to serve"}},
		"two claims do not go together": {func(o *Observation) { received(o); o.Peer.Status.Claim.Epoch = o.Status.Epoch }, want{"TakeReleased", Nothing, Standby, "claims epoch"}},
		"no answer of the own database is waited for": {func(o *Observation) { releasedToUs(o); o.databaseDead(time.Second) },
			want{"TakeReleased", Nothing, Standby, "does not answer"}},
	}.check(t, atStandby)
}

func TestPromotionThatTakesLongLeavesAWayOut(t *testing.T) {
	for sentence, c := range map[string]struct {
		kind Kind
		step Step
		took time.Duration
		want CommandKind
	}{
		"what was granted does not all arrive": {Planned, Promoting, time.Minute + time.Second, ActivateCommand},
		"not yet":                              {Planned, Promoting, time.Minute, NoCommand},
		"another step took long":               {Planned, Claiming, time.Hour, NoCommand},
		"another move waits for nothing":       {Assisted, Promoting, time.Hour, NoCommand},
	} {
		for _, s := range []Side{Home, Backup} {
			o := atStandby(s)
			if granted(&o); c.kind == Assisted {
				o = atStandby(s)
				releasedToUs(&o)
			}
			claiming(&o, Activating, c.kind)
			o.Status.Transition.Step, o.StepFor = c.step, c.took
			if d := Decide(o); d.Action.Kind != Promote || d.Next.Kind != c.want {
				t.Errorf("%s, %s: %s, %s", sentence, s, d.Action.Kind, d.Next)
			}
		}
	}
}

func TestTransitionIsWhatTheSiteIsInTheMiddleOf(t *testing.T) {
	for sentence, c := range map[string]struct {
		base   func(Side) Observation
		change func(*Observation)
		want   func(known int64) Transition
	}{
		"nothing, on an ordinary day": {atActive, func(*Observation) {}, func(int64) Transition { return Transition{} }},
		"nothing, at the standby":     {atStandby, func(*Observation) {}, func(int64) Transition { return Transition{} }},
		"a step keeps what the move began with": {atActive, func(o *Observation) {
			o.moving(QuiescingChat)
			o.Status.Transition.StartedAt = time.Unix(1, 0)
			o.Servers.Quiesced = true
		}, func(k int64) Transition { return Transition{Planned, DrainingCompliance, k, time.Unix(1, 0)} }},
		"a move of another kind begins anew": {atStandby, func(o *Observation) {
			confirmed(o)
			claiming(o, Activating, Planned)
			o.Status.Transition.StartedAt, o.Status.Transition.From = time.Unix(1, 0), 0
		}, func(k int64) Transition { return Transition{Kind: Forced, Step: Claiming, From: k} }},
		"an undone move stays for a while": {atActive, func(o *Observation) { o.moving(RollingBack) },
			func(k int64) Transition { return Transition{Kind: Planned, Step: RollingBack, From: k} }},
		"but not when the specs have come back": {atActive, func(o *Observation) { o.moving(RollingBack); o.flipBoth() },
			func(int64) Transition { return Transition{} }},
		"a planned move ends when the old site follows": {atActive, func(o *Observation) {
			o.Status.Transition = Transition{Kind: Planned, Step: OldFollows, From: o.Status.Epoch - 1}
		}, func(int64) Transition { return Transition{} }},
		"not before": {atActive, func(o *Observation) {
			o.Status.Transition = Transition{Kind: Planned, Step: SwitchingAddress, From: o.Status.Epoch - 1}
			o.Database.Followed = false
		}, func(k int64) Transition { return Transition{Kind: Planned, Step: OldFollows, From: k - 1} }},
		"nor for ever: an old site that died meanwhile is not waited for": {atActive, func(o *Observation) {
			o.Status.Transition = Transition{Kind: Planned, Step: OldFollows, From: o.Status.Epoch - 1}
			o.Database.Followed = false
			o.peerGone(30 * time.Second)
		}, func(int64) Transition { return Transition{} }},
		"a forced one has no old site": {atActive, func(o *Observation) {
			o.Status.Transition = Transition{Kind: Forced, Step: SwitchingAddress, From: o.Status.Epoch - 1}
			o.Database.Followed = false
		}, func(int64) Transition { return Transition{} }},
	} {
		for _, s := range []Side{Home, Backup} {
			o := c.base(s)
			c.change(&o)
			if got, want := Decide(o).Status.Transition, c.want(o.Status.Epoch); got != want {
				t.Errorf("%s, %s: %+v, want %+v", sentence, s, got, want)
			}
		}
	}
}
