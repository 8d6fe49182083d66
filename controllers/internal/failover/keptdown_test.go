package failover

import (
	"testing"
	"time"
)

// orderedDown: the database is fenced, and nothing is known of it.
func orderedDown(o *Observation) { o.databaseDead(time.Minute); o.Database.Fenced = true }

func TestDatabaseThatIsOrderedDownComesBack(t *testing.T) {
	cases{
		"servers that are still activated prove that nothing else has opened": {orderedDown, want{"Serve", Unfence, Active, ""}},
		"without the order, no answer is waited for":                          {func(o *Observation) { o.databaseDead(time.Minute) }, want{"Serve", Nothing, Active, ""}},
		"before proof its servers stay shut":                                  {func(o *Observation) { orderedDown(o); o.Servers.Epoch = 0 }, want{"Prove", Unfence, Probation, ""}},
		"one that is an older copy is not opened":                             {func(o *Observation) { orderedDown(o); o.Status.Held = 0 }, want{"LostItsEpoch", Isolate, Fenced, ""}},
		"once the epoch is released it is readable again": {func(o *Observation) {
			orderedDown(o)
			o.Servers.Epoch, o.Status.Released = 0, o.Status.Epoch
		}, want{"ReleasedItself", Isolate, Fenced, ""}},
	}.check(t, atActive)
	cases{
		"that of a site that was overtaken":   {orderedDown, want{"Return", Isolate, Fenced, ""}},
		"without the order, no answer is one": {func(o *Observation) { o.databaseDead(time.Minute) }, want{"Return", Nothing, Fenced, "does not answer"}},
	}.check(t, atReturn)
	cases{
		"that of a site that takes over": {func(o *Observation) { granted(o); claiming(o, Activating, Planned); orderedDown(o) }, want{"GoOnTaking", Isolate, Standby, ""}},
	}.check(t, atStandby)
}

func TestServerThatDoesNotAnswerIsBarred(t *testing.T) {
	unseen := func(o *Observation) {
		o.Servers = Servers{Known: true, Unseen: true}
		o.Status.Epoch = o.given()
	}
	cases{
		"when its site was overtaken, and the database is open": {unseen, want{"ShutOvertaken", Shut, Fenced, ""}},
		"or its epoch released": {func(o *Observation) {
			unseen(o)
			o.Status.Epoch = o.Database.Newest()
			o.Status.Released = o.Status.Epoch
		},
			want{"ShutOvertaken", Shut, Fenced, ""}},
		"not in the highest epoch, which is the site's own": {func(o *Observation) { unseen(o); o.Status.Epoch = o.Database.Newest() }, want{"Prove", ClaimEpoch, Probation, ""}},
		"not where the database takes nothing":              {func(o *Observation) { unseen(o); o.Database.Mode, o.Address = Isolated, true }, want{"Return", WithdrawAddress, Fenced, ""}},
		"not where there is no epoch to bar":                {func(o *Observation) { unseen(o); o.Database.Epochs = nil }, want{"Return", WithdrawAddress, Fenced, ""}},
		"not where all answer, and are shut":                {func(o *Observation) { unseen(o); o.Servers.Unseen = false }, want{"Return", WithdrawAddress, Fenced, ""}},
	}.check(t, atActive)
}

// A schema begins with epoch 1: what a claim to a new pool has made is not taken for data that was there before.
func TestNewPoolThatHasBegunGoesOn(t *testing.T) {
	begun := func(o *Observation) {
		o.peerGone(time.Minute)
		o.Prompts.Activate = Attestation{Epoch: o.Self.Mint(100), NewPool: true}
		o.Status.Claim = Claim{Kind: Forcing, Epoch: o.Self.Mint(100)}
		o.Database = Database{Known: true, Data: DataPresent, Mode: Open, System: 7, Timeline: 1, Epochs: []Epoch{{Number: 1}}}
	}
	cases{
		"its own epoch is recorded":                 {begun, want{"GoOnTaking", RecordEpoch, "", ""}},
		"not over what was promoted before":         {func(o *Observation) { begun(o); o.Database.Timeline = 2 }, want{"GoOnTaking", WithdrawClaim, "", "there is data here"}},
		"nor over what was claimed with data":       {func(o *Observation) { begun(o); o.Status.Claim.Timeline = 1 }, want{"GoOnTaking", WithdrawClaim, "", "there is data here"}},
		"nor over a later epoch that came to light": {func(o *Observation) { begun(o); o.Database.Epochs[0].Number = 2 }, want{"GoOnTaking", WithdrawClaim, "", "there is data here"}},
	}.check(t, atNothing)
}
