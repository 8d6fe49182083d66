package moves

import (
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/sites"

	"github.com/google/go-cmp/cmp"
)

// atHome is a round of home's operator, whose servers serve epoch 3 with a witness: a has a right that ends. It began a
// second before its servers had answered.
func atHome() *round {
	r := &round{
		Controller: &Controller{Limits: failover.DefaultLimits()}, begun: time.Now(),
		pair: sites.Pair{Self: v1alpha1.Site{Name: "home"}, Peer: v1alpha1.Site{Name: "backup"}},
	}
	r.observed = failover.Observation{
		Self: failover.Home, Limits: r.Limits, Spec: failover.Spec{Witness: true}, Servers: failover.Servers{Known: true, Epoch: 3},
		Status: failover.Status{Epoch: 3}, Witness: failover.Witness{State: failover.WitnessGranted, Epoch: 3},
	}
	r.decision = failover.Decision{Role: failover.Active, Status: failover.Status{Epoch: 3}, KeepFor: 15 * time.Second}
	r.seen.own = own{
		heardAt: r.begun.Add(time.Second), said: map[string]adminapi.DatabaseState{},
		facts: &adminapi.DatabaseFacts{Epochs: []adminapi.Epoch{{Epoch: 3}}},
	}
	r.say("a", adminapi.Activation{Epoch: 3, Ticket: "ta", EndsInSeconds: 9})
	return r
}

func (r *round) say(pod string, a adminapi.Activation) {
	r.seen.own.said[pod] = adminapi.DatabaseState{Activation: a}
}

func TestWhatServersAreToldInEachRound(t *testing.T) {
	renewed := adminapi.Opening{Epoch: 3, Site: "home", Ticket: "ta", KeepSeconds: 14}
	forEver := renewed
	forEver.KeepSeconds = 0
	joining := adminapi.Opening{Epoch: 3, Site: "home", Ticket: "tb", KeepSeconds: 14, Join: true}
	starts := func(r *round) { r.say("b", adminapi.Activation{Ticket: "tb"}) }
	for sentence, c := range map[string]struct {
		change func(r *round)
		want   map[string]adminapi.Opening
	}{
		"the right is renewed for as long as the votes last": {func(*round) {}, map[string]adminapi.Opening{"a": renewed}},
		"without votes it is left to run out":                {func(r *round) { r.decision.KeepFor = 0 }, nil},
		"a round that took too long renews nothing":          {func(r *round) { r.seen.own.heardAt = r.begun.Add(15 * time.Second) }, nil},
		"who is about to be shut gets nothing":               {func(r *round) { r.decision.Action.Kind = failover.Shut }, nil},
		"nor who is about to be quiesced":                    {func(r *round) { r.decision.Action.Kind = failover.Quiesce }, nil},
		"nor who serves another epoch":                       {func(r *round) { r.decision.Status.Epoch = 4 }, nil},
		"a server that starts joins":                         {starts, map[string]adminapi.Opening{"a": renewed, "b": joining}},
		"not without votes":                                  {func(r *round) { starts(r); r.decision.KeepFor = 0 }, nil},
		"not what was quiesced":                              {func(r *round) { r.say("b", adminapi.Activation{Quiesced: 3}) }, map[string]adminapi.Opening{"a": renewed}},
		"not a database that is closed":                      {func(r *round) { starts(r); r.seen.own.facts.ClosedEpoch = 3 }, map[string]adminapi.Opening{"a": renewed}},
		"not where nobody serves": {func(r *round) {
			delete(r.seen.own.said, "a")
			starts(r)
			r.observed.Servers.Epoch, r.decision.Role = 0, failover.Probation
		}, nil},
		"without a witness nothing is renewed": {func(r *round) {
			r.say("a", adminapi.Activation{Epoch: 3, Ticket: "ta"})
			starts(r)
			r.observed.Spec.Witness, r.decision.KeepFor = false, failover.Forever
		}, nil},
		"a witness that was taken out in both sites leaves no end": {func(r *round) {
			r.decision.KeepFor, r.observed.Peer = failover.Forever, failover.Peer{Live: true}
		}, map[string]adminapi.Opening{"a": forEver}},
		"taken out here alone, the end stays": {func(r *round) {
			r.decision.KeepFor, r.observed.Peer = failover.Forever, failover.Peer{Live: true, Spec: failover.Spec{Witness: true}}
		}, map[string]adminapi.Opening{"a": renewed}},
		"taken out while the other site does not answer, it runs out": {func(r *round) { r.decision.KeepFor, r.observed.Peer = failover.Forever, failover.Peer{} }, nil},
		"a right from before there was a witness gets an end": {func(r *round) {
			r.say("a", adminapi.Activation{Epoch: 3, Ticket: "ta"})
		}, map[string]adminapi.Opening{"a": renewed}},
		"also without votes": {func(r *round) {
			r.say("a", adminapi.Activation{Epoch: 3, Ticket: "ta"})
			r.decision.KeepFor = 0
		}, map[string]adminapi.Opening{"a": renewed}},
	} {
		t.Run(sentence, func(t *testing.T) {
			r := atHome()
			c.change(r)
			got := r.renewals()
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Backup has not heard of home for long, and finds the Lease free.
func TestAFreeLeaseSaysNothingAboutASiteThatIsNotBoundToIt(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(o *failover.Observation)
		want   bool
	}{
		"home's epoch is noted and its manifest names a witness": {func(*failover.Observation) {}, true},
		"home's epoch is not noted":                              {func(o *failover.Observation) { o.Witness.Epoch = 1 }, false},
		"its manifest named none":                                {func(o *failover.Observation) { o.Peer.Spec.Witness = false }, false},
		"its manifest was not read since the start":              {func(o *failover.Observation) { o.Peer = failover.Peer{SilentFor: time.Hour} }, true},
		"home is heard of: it is asked":                          {func(o *failover.Observation) { o.Witness.Epoch, o.Peer.SilentFor = 1, 0 }, true},
		"the epoch is backup's own":                              {func(o *failover.Observation) { o.Status.Epoch = 4 }, true},
		"a higher epoch of home's is in the own database": {func(o *failover.Observation) {
			o.Database = failover.Database{Known: true, Data: failover.DataPresent, Epochs: []failover.Epoch{{Number: 5}}}
		}, false},
	} {
		r := atHome()
		r.observed.Self, r.observed.Servers = failover.Backup, failover.Servers{Known: true}
		r.observed.Peer = failover.Peer{Known: true, SilentFor: time.Minute, Spec: failover.Spec{Witness: true}, Status: failover.Status{Epoch: 3}}
		c.change(&r.observed)
		if got := r.peerIsBound(); got != c.want {
			t.Errorf("%s: %t", sentence, got)
		}
	}
}

func TestWhoNeedsTheWitness(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(o *failover.Observation)
		noted  int64
		want   bool
	}{
		"who serves":                          {func(*failover.Observation) {}, 3, true},
		"not a site that was overtaken":       {func(o *failover.Observation) { o.Peer = failover.Peer{Known: true, Status: failover.Status{Epoch: 4}} }, 3, false},
		"as the witness alone may tell":       {func(*failover.Observation) {}, 4, false},
		"but one that claims an epoch":        {func(o *failover.Observation) { o.Status.Claim.Epoch = 5 }, 4, true},
		"nobody in a pool that is not there":  {func(o *failover.Observation) { o.Status.Epoch, o.Servers.Epoch = 0, 0 }, 0, false},
		"the site that creates it claims one": {func(o *failover.Observation) { o.Status.Epoch, o.Servers.Epoch, o.Status.Claim.Epoch = 0, 0, 1 }, 0, true},
	} {
		r := atHome()
		c.change(&r.observed)
		if got := r.needsWitness(c.noted); got != c.want {
			t.Errorf("%s: %t", sentence, got)
		}
	}
}

// A site binds itself to the witness when no server of it has a right without an end.
func TestWhoMayBindItself(t *testing.T) {
	two := map[string]*adminapi.Client{"a": nil, "b": nil}
	for sentence, c := range map[string]struct {
		change func(r *round)
		want   bool
	}{
		"every right has an end":              {func(*round) {}, true},
		"a right has none":                    {func(r *round) { r.say("b", adminapi.Activation{Epoch: 3}) }, false},
		"a server does not answer":            {func(r *round) { r.observed.Witness.Epoch, r.seen.own.pods = 1, two }, false},
		"one that was bound before":           {func(r *round) { r.seen.own.pods = two }, true},
		"one does not answer and none serves": {func(r *round) { r.observed.Witness.Epoch, r.observed.Servers.Epoch, r.seen.own.pods = 1, 0, two }, true},
	} {
		r := atHome()
		c.change(r)
		if got := r.mayBind(); got != c.want {
			t.Errorf("%s: %t", sentence, got)
		}
	}
}
