package failover

import (
	"testing"
	"time"
)

// atNothing is a site of a pool that was never created.
func atNothing(self Side) Observation {
	o := observe(self, Home)
	empty := Database{Known: true, Data: DataEmpty}
	o.Database, o.Peer.Database = empty, empty
	o.Servers = Servers{Known: true}
	o.Status = Status{Role: Probation, Data: DataEmpty, Shut: true}
	o.Peer.Status = o.Status
	return o
}

// on runs the cases of one side only.
func (cs cases) on(t *testing.T, s Side, base func(Side) Observation) {
	t.Helper()
	for sentence, c := range cs {
		t.Run(sentence, func(t *testing.T) {
			o := base(s)
			c.change(&o)
			c.want.compare(t, Decide(o))
		})
	}
}

func TestFirstCreationAtHome(t *testing.T) {
	claimed := func(o *Observation) { o.Status.Claim = Claim{Kind: Activating, Epoch: 1}; o.Peer.Confirming = true }
	begun := func(o *Observation) {
		claimed(o)
		o.Database = Database{Known: true, Data: DataPresent, Mode: Open, System: 7, Timeline: 1}
	}
	newPool := func(o *Observation) {
		o.peerGone(30 * time.Second)
		o.Prompts.Activate = Attestation{Epoch: 101, NewPool: true}
	}
	cases{
		"the peer answers no epoch and no data: home claims the first epoch": {func(*Observation) {}, want{"Found", ClaimEpoch, Probation, ""}},
		"the answer counts once it was given after the claim":                {func(o *Observation) { claimed(o); o.Peer.Confirming = false }, want{"GoOnTaking", Nothing, Probation, "to beat once more"}},
		"then the database is initialised":                                   {claimed, want{"GoOnTaking", Initialise, Probation, ""}},
		"and the epoch recorded":                                             {begun, want{"GoOnTaking", RecordEpoch, Probation, ""}},
		"and the servers activated":                                          {func(o *Observation) { begun(o); o.Database.Epochs = tableOf(Home) }, want{"Prove", Activate, Probation, ""}},
		"a database without any epoch has no posts: it may be begun again":   {func(o *Observation) { o.Peer.Status.Data = DataPresent }, want{"Found", ClaimEpoch, Probation, ""}},
		"a peer that has data is no such answer":                             {func(o *Observation) { o.Peer.Status.Data, o.Peer.Status.Held = DataPresent, 1; o.Peer.Status.Epoch = 0 }, want{"Found", Nothing, Probation, "has data"}},
		"nor one that heard of an epoch":                                     {func(o *Observation) { claimed(o); o.Peer.Status.Epoch = 2 }, want{"Join", Nothing, "", "is to serve epoch 2"}},
		"nor one that does not know":                                         {func(o *Observation) { o.Peer.Status.Data = DataUnknown }, want{"Found", Nothing, Probation, "does not know"}},
		"nor one that claims an epoch":                                       {func(o *Observation) { o.Peer.Status.Claim.Epoch = 2 }, want{"Found", Nothing, Probation, "claims an epoch"}},
		"nor silence":                                                        {func(o *Observation) { o.peerGone(time.Hour) }, want{"Found", Nothing, Probation, "--new-pool"}},
		"nor a link that is cut":                                             {func(o *Observation) { o.Peer.Live = false }, want{"Found", Nothing, Probation, "does not say"}},
		"a claim whose ground is gone is withdrawn":                          {func(o *Observation) { claimed(o); o.Peer.Status.Data = DataUnknown }, want{"GoOnTaking", WithdrawClaim, Probation, "does not know"}},
		"two claims are both withdrawn":                                      {func(o *Observation) { claimed(o); o.Peer.Status.Claim.Epoch = 2 }, want{"StepBack", WithdrawClaim, Probation, "claims epoch 2"}},
		"an own database that does not answer is not empty":                  {func(o *Observation) { o.databaseDead(time.Hour) }, want{"Found", Nothing, Probation, "not known"}},
		"a person may say that there is no other: activate --new-pool":       {newPool, want{"Found", ClaimEpoch, Probation, ""}},
		"whatever was read of it before it fell silent": {func(o *Observation) { newPool(o); o.Peer.Status.Data, o.Peer.Status.Held = DataPresent, 1 },
			want{"Found", ClaimEpoch, Probation, ""}},
		"and though its API server answers": {func(o *Observation) {
			newPool(o)
			o.Peer.Live, o.Peer.Status.Data, o.Peer.Status.Held = true, DataPresent, 1
		},
			want{"Found", ClaimEpoch, Probation, ""}},
		"but not if its database tells of an epoch": {func(o *Observation) { newPool(o); o.Peer.Database = openDatabase(Home) },
			want{"LostItsEpoch", Nothing, Fenced, "backup has data"}},
		"a database without any epoch is none": {func(o *Observation) {
			newPool(o)
			o.Peer.Live, o.Peer.SilentFor, o.Peer.Status.Data = true, 0, DataPresent
		}, want{"Found", ClaimEpoch, Probation, ""}},
		"and then it is initialised": {func(o *Observation) { newPool(o); o.Status.Claim = Claim{Kind: Forcing, Epoch: 101} },
			want{"GoOnTaking", Initialise, Probation, ""}},
		"that is no word against a peer with data": {func(o *Observation) {
			newPool(o)
			o.Peer.Live, o.Peer.SilentFor, o.Peer.Status.Role, o.Peer.Status.Data, o.Peer.Status.Held = true, 0, Fenced, DataPresent, 1
		}, want{"Found", Nothing, Probation, "has data"}},
		"nor against one that does not see whether it has": {func(o *Observation) {
			newPool(o)
			o.Peer.Live, o.Peer.SilentFor, o.Peer.Status.Data = true, 0, DataUnknown
		}, want{"Found", Nothing, Probation, "has data, or does not see"}},
		"nor against a witness that does not grant":                     {func(o *Observation) { newPool(o); o.Spec.Witness, o.Witness.State = true, WitnessDenied }, want{"Found", Nothing, Probation, "the witness does not grant it"}},
		"two manifests that name the same site do nothing":              {func(o *Observation) { o.Peer.Spec.Self = Home }, want{"SitesDisagree", Nothing, Probation, "spec.sites differs"}},
		"nor does one that names this site otherwise than its operator": {func(o *Observation) { o.Spec.Self = Backup }, want{"SitesDisagree", Nothing, Probation, "spec.sites differs"}},
	}.on(t, Home, atNothing)
}

func TestFirstCreationAtBackup(t *testing.T) {
	cases{
		"home is to create the pool":  {func(*Observation) {}, want{"Found", Nothing, Probation, "home is to create the pool"}},
		"a bare flip creates nothing": {func(o *Observation) { o.flipBoth() }, want{"Found", Nothing, Probation, "home is to create the pool"}},
		"nor does home's silence":     {func(o *Observation) { o.flipOwn(); o.peerGone(time.Hour) }, want{"Found", Nothing, Probation, "home is to create the pool"}},
		"a person may begin the pool here": {func(o *Observation) {
			o.peerGone(time.Minute)
			o.Prompts.Activate = Attestation{Epoch: 102, NewPool: true}
		}, want{"Found", ClaimEpoch, Probation, ""}},
	}.on(t, Backup, atNothing)
}

func TestSiteWithoutDataJoins(t *testing.T) {
	empty := func(o *Observation) {
		o.Database = Database{Known: true, Data: DataEmpty}
		o.Status = Status{Role: Probation}
	}
	cases{
		"as follower of the higher epoch":              {empty, want{"Join", Join, "", ""}},
		"an unfinished copy is begun again":            {func(o *Observation) { empty(o); o.Database.Data = DataPartial }, want{"Join", Join, "", ""}},
		"whatever its spec wants":                      {func(o *Observation) { empty(o); o.flipOwn() }, want{"Join", Join, "", ""}},
		"not of one that does not serve":               {func(o *Observation) { empty(o); o.Peer.Status.Role = Probation }, want{"Join", Nothing, "", "is to serve"}},
		"nor of one that serves an older epoch":        {func(o *Observation) { empty(o); o.Status.Epoch = o.Peer.Status.Epoch + 2 }, want{"Join", Nothing, "", "is to serve"}},
		"nor of one whose database is not seen":        {func(o *Observation) { empty(o); o.Peer.Database = Database{} }, want{"Join", Nothing, "", "is to serve"}},
		"nor of one whose database is not open":        {func(o *Observation) { empty(o); o.Peer.Database.Mode = Isolated }, want{"Join", Nothing, "", "is to serve"}},
		"nor of one whose database lacks its epoch":    {func(o *Observation) { empty(o); o.Peer.Database.Epochs = nil }, want{"Join", Nothing, "", "is to serve"}},
		"nor of one that is silent":                    {func(o *Observation) { empty(o); o.Peer.SilentFor = time.Minute }, want{"Join", Nothing, "", "is to serve"}},
		"a database that does not answer has no copy":  {func(o *Observation) { empty(o); o.databaseDead(time.Hour) }, want{"Return", Nothing, "", "does not answer"}},
		"the address does not point to it":             {func(o *Observation) { empty(o); o.Address = true }, want{"Join", WithdrawAddress, "", ""}},
		"a site that serves nothing yet is no standby": {empty, want{"Join", Join, Fenced, ""}},
	}.check(t, atStandby)
}

func TestSiteThatLostItsEpochOpensNothing(t *testing.T) {
	lost := func(o *Observation) {
		o.Database, o.Servers = Database{Known: true, Data: DataEmpty}, Servers{Known: true}
		o.Peer.Database.Streaming, o.Address = false, false
	}
	older := func(o *Observation) { lost(o); o.Database = isolated(o.Self); o.Database.Epochs = []Epoch{{Number: 0}} }
	nowhere := func(o *Observation) {
		o.Peer.Status.Data, o.Peer.Database = DataEmpty, Database{Known: true, Data: DataEmpty}
	}
	cases{
		"the pool goes on where the epoch still is":       {lost, want{"LostItsEpoch", Nothing, Fenced, "kubectl chatpool fail"}},
		"once both specs want it, that is assisted":       {func(o *Observation) { lost(o); o.flipBoth() }, want{"Assisted", ReleaseEpoch, Fenced, ""}},
		"a database that was restored from before closes": {func(o *Observation) { older(o); o.Database.Mode = Open }, want{"LostItsEpoch", Isolate, Fenced, ""}},
		"nowhere, and nothing here: from nothing, on a person's word": {func(o *Observation) { lost(o); nowhere(o) },
			want{"LostItsEpoch", Nothing, Fenced, "--new-pool"}},
		"nowhere, and something older here: on a person's word": {func(o *Observation) {
			lost(o)
			nowhere(o)
			o.Status.Epoch += 2
			o.Database = isolated(o.Self)
		}, want{"LostItsEpoch", Nothing, Fenced, "--abandon"}},
		"something older there: it is released":    {func(o *Observation) { lost(o); o.Peer.Status.Held-- }, want{"LostItsEpoch", Nothing, Fenced, "chatpool release"}},
		"nothing is advised before the peer looks": {func(o *Observation) { lost(o); o.Peer.Status.Data = DataUnknown }, want{"LostItsEpoch", Nothing, Fenced, ""}},
		"the address does not stay":                {func(o *Observation) { lost(o); o.Address = true }, want{"LostItsEpoch", WithdrawAddress, Fenced, ""}},
		"no answer is not a loss":                  {func(o *Observation) { o.databaseDead(time.Hour); o.Servers.Epoch = 0 }, want{"Prove", Nothing, Probation, "does not answer"}},
	}.check(t, atActive)
}
