package failover

import (
	"testing"
	"time"
)

// atReturn is a site that was the active one: the other site has served in the next epoch since.
func atReturn(self Side) Observation {
	active := self.Other()
	o := atStandby(self)
	before := epochOf(self)
	after := active.Mint(before)
	own := openDatabase(self)
	own.Followed, own.Mode = false, Isolated
	fork := Epoch{Number: after, ForkTimeline: own.Timeline, ForkLSN: own.LSN - 10, ForkBeat: own.Beat - 3}
	o.Database = own
	o.Status = Status{Role: Fenced, Epoch: after, Data: DataPresent, Held: before, Shut: true}
	o.Peer.Status.Epoch, o.Peer.Status.Held = after, after
	o.Peer.Database = openDatabase(active)
	o.Peer.Database.Epochs = append(append([]Epoch{}, own.Epochs...), fork)
	o.Peer.Database.Timeline, o.Peer.Database.Beat = own.Timeline+1, own.Beat+100
	return o
}

// fork is the epoch that overtook the site.
func (o *Observation) fork() *Epoch { return &o.Peer.Database.Epochs[len(o.Peer.Database.Epochs)-1] }

func TestReturnOfAnOvertakenSite(t *testing.T) {
	salvaged := func(o *Observation) { o.Peer.Database.Salvaged = []Tail{o.Database.tail()} }
	equal := func(o *Observation) { o.Database.LSN, o.Database.Beat = o.fork().ForkLSN, o.fork().ForkBeat }
	cases{
		"its database is demoted, it follows nobody":         {func(o *Observation) { o.Database.Mode = Open }, want{"Return", Isolate, Fenced, ""}},
		"the address does not stay":                          {func(o *Observation) { o.Address = true }, want{"Return", WithdrawAddress, Fenced, ""}},
		"a database that does not answer is left alone":      {func(o *Observation) { o.databaseDead(time.Hour) }, want{"Return", Nothing, Fenced, "does not answer"}},
		"nothing is discarded before salvage is verified":    {func(*Observation) {}, want{"Return", Nothing, Fenced, "is to salvage epoch"}},
		"of exactly these contents":                          {func(o *Observation) { salvaged(o); o.Database.LSN++ }, want{"Return", Nothing, Fenced, "is to salvage epoch"}},
		"on a timeline equal to the fork's it is rewound":    {salvaged, want{"Return", RewindTo, Fenced, ""}},
		"a rewind that failed leaves a copy":                 {func(o *Observation) { salvaged(o); o.Database.Rewind = RewindFailed }, want{"Return", Clone, Fenced, ""}},
		"everything else is a fresh clone: another timeline": {func(o *Observation) { salvaged(o); o.fork().ForkTimeline-- }, want{"Return", Clone, Fenced, ""}},
		"an older copy, by its heartbeats":                   {func(o *Observation) { o.Database.Beat = o.fork().ForkBeat - 1; salvaged(o) }, want{"Return", Clone, Fenced, ""}},
		"an older copy, by its end":                          {func(o *Observation) { o.Database.LSN = o.fork().ForkLSN - 1; salvaged(o) }, want{"Return", Clone, Fenced, ""}},
		"another database altogether":                        {func(o *Observation) { o.Database.System++; salvaged(o) }, want{"Return", Clone, Fenced, ""}},
		"an epoch of which the active site never heard":      {func(o *Observation) { o.Peer.Database.Epochs = []Epoch{*o.fork()}; salvaged(o) }, want{"Return", Clone, Fenced, ""}},
		"one that was open out of turn":                      {func(o *Observation) { equal(o); o.Database.Strayed = true; salvaged(o) }, want{"Return", Clone, Fenced, ""}},
		"even where it is told by the status only":           {func(o *Observation) { equal(o); o.Status.Strayed = true; salvaged(o) }, want{"Return", Clone, Fenced, ""}},
		"one without any epoch has nothing to salvage":       {func(o *Observation) { o.Database.Epochs = nil }, want{"Return", Clone, Fenced, ""}},
		"a person may abandon the tail":                      {func(o *Observation) { o.Prompts.AbandonTail = o.Database.Newest() }, want{"Return", RewindTo, Fenced, ""}},
		"the tail of another epoch is not meant":             {func(o *Observation) { o.Prompts.AbandonTail = o.Database.Newest() + 1 }, want{"Return", Nothing, Fenced, "is to salvage"}},
		"at the fork point it follows at once":               {equal, want{"Return", Follow, Fenced, ""}},
		"not while the other site does not serve":            {func(o *Observation) { equal(o); o.Peer.Status.Role = Fenced }, want{"Return", Nothing, Fenced, "is to serve"}},
		"if that one lost the epoch, a person may go on here": {func(o *Observation) {
			o.Peer.Status.Role = Fenced
			o.Peer.Status.Held = o.Status.Held
		}, want{"Return", Nothing, Fenced, "--abandon"}},
		"while it streams it is left alone": {func(o *Observation) { equal(o); o.Database.Mode, o.Database.Streaming = Following, true }, want{"Follow", Nothing, Standby, ""}},
		"a receiver about to stream, too":   {func(o *Observation) { equal(o); o.Database.Mode = Following }, want{"Follow", Nothing, Fenced, "is to go on"}},
		"while its source is not seen, too": {func(o *Observation) { o.Database.Mode, o.Peer.Database = Following, Database{} },
			want{"Follow", Nothing, Fenced, "is to go on"}},
		"one that cannot stream because it is no prefix is isolated": {func(o *Observation) { o.Database.Mode = Following }, want{"Return", Isolate, Fenced, ""}},
	}.check(t, atReturn)
}

func TestFollowerThatCannotFollow(t *testing.T) {
	refused := func(o *Observation) { o.Database.Streaming, o.Database.Unfollowable = false, true }
	cases{
		"WAL beyond walKeep is gone: it is cloned by itself": {refused, want{"Return", Clone, Standby, ""}},
		"contents that differ are kept for the salvage":      {func(o *Observation) { refused(o); o.Database.LSN = o.Peer.Database.LSN + 1 }, want{"Return", Isolate, Standby, ""}},
		"on a later timeline than its source's":              {func(o *Observation) { refused(o); o.Database.Timeline++ }, want{"Return", Isolate, Standby, ""}},
		"a receiver about to stream is left alone, its source has been read before": {func(o *Observation) {
			o.Database.Streaming = false
			o.Database.LSN = o.Peer.Database.LSN + 1
		}, want{"Follow", Nothing, Standby, "is to go on"}},
		"a source that lacks the whole epoch is not the one that is followed": {func(o *Observation) {
			o.Peer.Database.Epochs = nil
			o.Peer.Database.Beat--
		}, want{"Follow", Nothing, Standby, ""}},
		"another database": {func(o *Observation) { o.Database.Streaming = false; o.Database.System++ }, want{"Return", Isolate, Standby, ""}},
		"a source that holds less than its follower is an older copy": {func(o *Observation) { o.Peer.Database.Beat-- }, want{"Return", Isolate, Fenced, ""}},
		"a mark in the database stays":                                {func(o *Observation) { refused(o); o.Database.Strayed = true }, want{"Return", Isolate, Fenced, ""}},
		"one that was stopped in the present epoch follows again":     {func(o *Observation) { o.Database = isolated(o.Self.Other()) }, want{"Return", Follow, Standby, ""}},
		"unless it holds more than its source":                        {func(o *Observation) { o.Database = isolated(o.Self.Other()); o.Database.Beat++ }, want{"Return", Nothing, Standby, "is to salvage"}},
		"or ends beyond it":                                           {func(o *Observation) { o.Database = isolated(o.Self.Other()); o.Database.LSN++ }, want{"Return", Nothing, Standby, "is to salvage"}},
		"a source that is not seen contradicts nothing":               {func(o *Observation) { o.Database.Streaming = false; o.Peer.Database = Database{} }, want{"Follow", Nothing, Standby, "is to go on"}},
	}.check(t, atStandby)
}

func TestActiveSiteSalvages(t *testing.T) {
	cut := func(o *Observation) {
		o.Peer.Status.Role, o.Peer.Status.Held = Fenced, 1
		o.Database.Followed = false
		old := openDatabase(o.Self.Other())
		old.Mode, old.LSN = Isolated, 120
		old.Epochs = o.Database.Epochs
		o.Peer.Database = old
		o.Status.Epoch += 1
		o.Status.Epoch = o.Self.Mint(o.Status.Epoch)
		o.Servers.Epoch = o.Status.Epoch
		o.Database.Epochs = append(append([]Epoch{}, o.Database.Epochs...), Epoch{o.Status.Epoch - 1, 9, 1, 1}, Epoch{o.Status.Epoch, 9, 1, 1})
	}
	cases{
		"what the isolated database has and its own lacks": {cut, want{"Serve", Salvage, Active, ""}},
		"until all of it is here":                          {func(o *Observation) { cut(o); o.Database.Salvaged = []Tail{o.Peer.Database.tail()} }, want{"Serve", Nothing, Active, ""}},
		"not from one that stands up for an epoch":         {func(o *Observation) { cut(o); o.Peer.Status.Claim.Epoch = 1 }, want{"Serve", Nothing, Active, ""}},
		"not from one that does not stand still":           {func(o *Observation) { cut(o); o.Peer.Database.Mode = Open }, want{"Serve", Nothing, Active, ""}},
		"not from one whose operator was not read":         {func(o *Observation) { cut(o); o.Peer.Live = false }, want{"Serve", Nothing, Active, ""}},
		"not from one without any epoch":                   {func(o *Observation) { cut(o); o.Peer.Database.Epochs = nil }, want{"Serve", Nothing, Active, ""}},
		"a follower in good order has nothing to salvage":  {func(o *Observation) { o.Peer.Database = isolated(o.Self) }, want{"Serve", Nothing, Active, ""}},
		"one that was open out of turn has":                {func(o *Observation) { o.Peer.Database = isolated(o.Self); o.Peer.Status.Strayed = true }, want{"Serve", Salvage, Active, ""}},
	}.check(t, atActive)
}

func TestMoveIsOverBeforeTheSalvageIs(t *testing.T) {
	for _, s := range []Side{Home, Backup} {
		o := atActive(s)
		o.Peer.Database, o.Peer.Status.Strayed = isolated(s), true
		o.Status.Transition = Transition{Kind: Forced, Step: SwitchingAddress, From: o.Status.Epoch - 1}
		if d := Decide(o); d.Action.Kind != Salvage || d.Status.Transition.Kind != NoMove {
			t.Errorf("%s: %s, %+v", s, d.Action.Kind, d.Status.Transition)
		}
	}
}

func TestKeptStillInTheStatus(t *testing.T) {
	for _, s := range []Side{Home, Backup} {
		o := atStandby(s)
		o.Database.Streaming, o.Database.Unfollowable, o.Database.Strayed = false, true, true
		if d := Decide(o); !d.Status.Strayed {
			t.Errorf("%s: a mark in the database is not in the status", s)
		}
		o = atActive(s)
		o.Status.Epoch, o.Database.Mode, o.Servers = o.given(), Open, Servers{Known: true}
		if d := Decide(o); d.Action.Kind != Isolate && d.Action.Kind != WithdrawAddress || d.Action.Stray {
			t.Errorf("%s: a database that was open in its own epoch did not stray: %+v", s, d.Action)
		}
		o = atStandby(s)
		o.Database.Mode = Open
		if d := Decide(o); d.Action != (Action{Kind: Isolate, Stray: true}) {
			t.Errorf("%s: a database that was open in the other site's epoch strayed: %+v", s, d.Action)
		}
	}
}
