package failover

import (
	"testing"
	"time"
)

func TestHigherEpochAlwaysWins(t *testing.T) {
	heard := map[string]func(*Observation){
		"from the peer's status":      func(o *Observation) { o.Peer.Status.Epoch = o.given() },
		"from a status that is stale": func(o *Observation) { o.Peer.Status.Epoch = o.given(); o.Peer.Live = false },
		"from the own database":       func(o *Observation) { o.Database.Epochs = append(o.Database.Epochs, Epoch{Number: o.given()}) },
		"from the peer's database": func(o *Observation) {
			o.Peer.Database.Epochs = append(o.Peer.Database.Epochs, Epoch{Number: o.given()})
		},
		"from the witness":      func(o *Observation) { o.Witness.Epoch = o.given() },
		"from before a restart": func(o *Observation) { o.Status.Epoch = o.given() },
	}
	for sentence, change := range heard {
		for _, s := range []Side{Home, Backup} {
			t.Run(sentence+"/"+string(s), func(t *testing.T) {
				o := atActive(s)
				epoch := o.given()
				change(&o)
				d := Decide(o)
				if d.Rule != "ShutOvertaken" || d.Action.Kind != Shut || d.Role != Fenced || d.Status.Epoch != epoch || d.Status.Shut {
					t.Errorf("%s -> %s as %s, epoch %d", d.Rule, d.Action.Kind, d.Role, d.Status.Epoch)
				}
			})
		}
	}
}

func TestWhatClosesComesBeforeWhatOpens(t *testing.T) {
	cases{
		"who sees a claim to a higher epoch shuts, and is Active until that is seen": {func(o *Observation) { o.Peer.Status.Claim.Epoch = o.given() },
			want{"ShutBeforeClaim", Shut, Active, "claims epoch"}},
		"a claim to the own epoch or a lower one shuts nothing": {func(o *Observation) { o.Peer.Status.Claim.Epoch = o.Status.Epoch }, want{"Serve", Nothing, Active, ""}},
		"nor one that is not read live":                         {func(o *Observation) { o.Peer.Live, o.Peer.Status.Claim.Epoch = false, o.given() }, want{"Serve", Nothing, Active, ""}},
		"sites that disagree move nothing":                      {func(o *Observation) { o.flipBoth(); o.Peer.Spec.Self = o.Self }, want{"SitesDisagree", Nothing, Active, "spec.sites"}},
		"a peer whose spec was never read does not disagree":    {func(o *Observation) { o.Peer.Spec.Self = "" }, want{"Serve", Nothing, Active, ""}},
		"a grant that was overtaken is forgotten":               {func(o *Observation) { o.Status.Grant.Epoch = o.Status.Epoch - 1 }, want{"Serve", Nothing, Active, ""}},
	}.check(t, atActive)
}

func TestServing(t *testing.T) {
	votes := func(w WitnessState) func(*Observation) {
		return func(o *Observation) { o.Spec.Witness, o.Witness = true, Witness{w, o.Status.Epoch} }
	}
	cases{
		"the claim is taken down once servers are activated":    {func(o *Observation) { o.Status.Claim = Claim{Activating, o.Status.Epoch, 2} }, want{"Serve", Nothing, Active, ""}},
		"a database that closed while servers stay activated":   {func(o *Observation) { o.Database.Mode = Isolated }, want{"Serve", Promote, Active, ""}},
		"one that is empty is not put in place of the lost one": {func(o *Observation) { o.Database = Database{Known: true, Data: DataEmpty} }, want{"LostItsEpoch", WithdrawAddress, Fenced, ""}},
		"servers that do not answer change nothing":             {func(o *Observation) { o.Servers = Servers{} }, want{"Serve", Nothing, Active, "do not answer"}},
		"a free lease is taken":                                 {votes(WitnessFree), want{"Serve", AcquireWitness, Active, ""}},
		"no vote at all is said":                                {func(o *Observation) { votes(WitnessDenied)(o); o.peerGone(time.Minute) }, want{"Serve", Nothing, Active, "votes for this site"}},
		"no server in spec.servers.active is maintenance":       {func(o *Observation) { o.Spec.Maintenance = true }, want{"Serve", Quiesce, Active, ""}},
		"that goes on":            {func(o *Observation) { o.Spec.Maintenance, o.Servers.Quiesced = true, true }, want{"Serve", Nothing, Active, ""}},
		"until it ends":           {func(o *Observation) { o.Servers.Quiesced = true }, want{"Serve", Resume, Active, ""}},
		"but not without a vote":  {func(o *Observation) { votes(WitnessDenied)(o); o.peerGone(time.Minute); o.Servers.Quiesced = true }, want{"Serve", Nothing, Active, "votes for this site"}},
		"the address points here": {func(o *Observation) { o.Address = false }, want{"Serve", PublishAddress, Active, ""}},
	}.check(t, atActive)
}

func TestRightLapsesWithoutVotes(t *testing.T) {
	gone := func(o *Observation) { o.peerGone(time.Minute) }
	for sentence, c := range map[string]struct {
		witness bool
		state   WitnessState
		change  func(*Observation)
		want    time.Duration
	}{
		"no witness: nothing lapses":                    {false, WitnessUnknown, gone, Forever},
		"the witness and itself are two of three":       {true, WitnessGranted, gone, 15 * time.Second},
		"the peer and itself are two of three":          {true, WitnessUnknown, func(*Observation) {}, 15 * time.Second},
		"itself is one of three":                        {true, WitnessDenied, gone, 0},
		"a peer that claims does not vote":              {true, WitnessDenied, func(o *Observation) { o.Peer.Status.Claim.Epoch = o.given() }, 0},
		"a peer whose operator is silent does not vote": {true, WitnessDenied, func(o *Observation) { o.Peer.SilentFor = 30 * time.Second }, 0},
		"a peer that is not read does not vote":         {true, WitnessDenied, func(o *Observation) { o.Peer.Live = false }, 0},
	} {
		for _, s := range []Side{Home, Backup} {
			o := atActive(s)
			o.Spec.Witness, o.Witness.State = c.witness, c.state
			c.change(&o)
			if got := Decide(o).KeepFor; got != c.want {
				t.Errorf("%s, %s: %s, want %s", sentence, s, got, c.want)
			}
		}
	}
}

func TestRoleStaysWhileTheDatabaseDoesNotAnswer(t *testing.T) {
	for sentence, c := range map[string]struct {
		was  Role
		held int64 // 1: the highest epoch, 0: none
		want Role
	}{
		"a standby stays one":                            {Standby, 1, Standby},
		"even with an epoch of before":                   {Standby, 0, Standby},
		"who was fenced stays so":                        {Fenced, 1, Fenced},
		"who was active, and overtaken, does not":        {Active, 0, Fenced},
		"who had no proof, and was overtaken, is fenced": {Probation, 0, Fenced},
	} {
		o := atStandby(Home)
		o.Status.Role, o.Status.Held = c.was, c.held*o.Status.Epoch
		o.databaseDead(time.Hour)
		if got := Decide(o).Role; got != c.want {
			t.Errorf("%s: %s, want %s", sentence, got, c.want)
		}
	}
}
