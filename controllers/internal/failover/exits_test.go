package failover

import (
	"testing"
	"time"
)

// What was given away leaves a way out when the taker cannot take it.
func TestTakerThatCannotTake(t *testing.T) {
	gave := func(o *Observation) {
		o.Status.Grant.Epoch, o.Status.Role, o.Address = o.given(), Fenced, false
		o.Servers, o.Database = Servers{Known: true}, isolated(o.Self)
	}
	idle := func(o *Observation, d Data) {
		gave(o)
		o.Peer.Status.Data, o.Peer.Status.Held = d, 0
		o.Peer.Database = Database{Known: true, Data: d}
	}
	nothing := func(o *Observation) { o.Database = Database{Known: true, Data: DataEmpty} }
	word := func(o *Observation) {
		o.peerGone(time.Minute)
		o.Prompts.Activate.Epoch = o.Self.Mint(o.Status.Grant.Epoch)
	}
	for sentence, c := range map[string]struct {
		change func(*Observation)
		action ActionKind
		next   CommandKind
		anew   bool
	}{
		"it lives and has everything: it is awaited":       {gave, Nothing, NoCommand, false},
		"it is silent: a person may go on here":            {func(o *Observation) { gave(o); o.peerGone(time.Minute) }, Nothing, ActivateCommand, false},
		"its volumes are gone: likewise":                   {func(o *Observation) { idle(o, DataEmpty) }, Nothing, ActivateCommand, false},
		"its copy is not finished: likewise":               {func(o *Observation) { idle(o, DataPartial) }, Nothing, ActivateCommand, false},
		"it does not see its database: it is awaited":      {func(o *Observation) { idle(o, DataUnknown) }, Nothing, NoCommand, false},
		"but a claim of its is not overtaken":              {func(o *Observation) { idle(o, DataEmpty); o.Peer.Status.Claim.Epoch = o.given() }, Nothing, NoCommand, false},
		"nothing there and nothing here: from nothing":     {func(o *Observation) { idle(o, DataEmpty); nothing(o) }, Nothing, ActivateCommand, true},
		"an unfinished copy there, nothing here: the same": {func(o *Observation) { idle(o, DataPartial); nothing(o) }, Nothing, ActivateCommand, true},
		"it is silent, and nothing is here":                {func(o *Observation) { gave(o); nothing(o); o.peerGone(time.Minute) }, Nothing, NoCommand, false},
		"a witness that is free is no obstacle": {func(o *Observation) {
			gave(o)
			o.peerGone(time.Minute)
			o.Spec.Witness, o.Witness.State = true, WitnessFree
		}, Nothing, ActivateCommand, false},
		"one that denies is, and comes first": {func(o *Observation) {
			gave(o)
			o.peerGone(time.Minute)
			o.Spec.Witness, o.Witness.State = true, WitnessDenied
		}, Nothing, NoWitnessCommand, false},
		"one that does not answer, too": {func(o *Observation) {
			gave(o)
			o.peerGone(time.Minute)
			o.Spec.Witness = true
		}, Nothing, NoWitnessCommand, false},
		"it had nothing when it was last read":   {func(o *Observation) { idle(o, DataEmpty); nothing(o); o.peerGone(time.Minute) }, Nothing, NoCommand, false},
		"a database without an epoch is nothing": {func(o *Observation) { idle(o, DataEmpty); o.Database.Epochs = nil }, Nothing, ActivateCommand, true},
		"a person's force ends the grant":        {func(o *Observation) { gave(o); word(o) }, ClaimEpoch, NoCommand, false},
		"a person's force ends a release": {func(o *Observation) {
			gave(o)
			o.Status.Grant, o.Status.Released = Grant{}, o.Status.Epoch
			o.peerGone(time.Minute)
			o.Prompts.Activate.Epoch = o.Self.Mint(o.Status.Epoch)
		}, ClaimEpoch, NoCommand, false},
	} {
		for _, s := range []Side{Home, Backup} {
			t.Run(sentence+"/"+string(s), func(t *testing.T) {
				o := atActive(s)
				c.change(&o)
				d := Decide(o)
				if d.Action.Kind != c.action || d.Next.Kind != c.next || d.Next.NewPool != c.anew {
					t.Errorf("%s -> %s, %s", d.Rule, d.Action.Kind, d.Next)
				}
				if d.Action.Kind == ClaimEpoch && d.Status.Grant != (Grant{}) {
					t.Errorf("the grant stands beside the claim: %+v", d.Status)
				}
			})
		}
	}
}

// An epoch that was minted in a move needs the witness; one that is only taken up again can do with the peer's word.
func TestNewEpochNeedsTheWitness(t *testing.T) {
	for k, want := range map[Kind]ActionKind{NoMove: Activate, Return: Activate, Creation: Nothing, Planned: Nothing, Assisted: Nothing, Forced: Nothing} {
		for _, s := range []Side{Home, Backup} {
			o := atColdStart(s)
			o.Spec.Witness, o.Witness = true, Witness{WitnessDenied, o.Status.Epoch - 1}
			o.Status.Transition = Transition{Kind: k, From: o.Status.Epoch}
			if k == Planned {
				o.Status.Transition.From--
			}
			if d := Decide(o); d.Action.Kind != want {
				t.Errorf("%s in a %q move: %s -> %q (%s); want %q", s, k, d.Rule, d.Action.Kind, d.WaitingFor, want)
			}
		}
	}
}

// A status may come from a snapshot: what a higher epoch made void falls out of it, what is still awaited stays.
func TestWhatAStatusForgets(t *testing.T) {
	for sentence, c := range map[string]struct {
		was  func(known int64) Status
		held func(known int64) int64
		want func(known int64) Status
	}{
		"a grant of which the database holds what came": {
			func(k int64) Status { return Status{Grant: Grant{Epoch: k}} }, same, func(int64) Status { return Status{} }},
		"a grant stays until then": {
			func(k int64) Status { return Status{Grant: Grant{Epoch: k}} }, before, func(k int64) Status { return Status{Grant: Grant{Epoch: k}} }},
		"a grant that was overtaken": {
			func(k int64) Status { return Status{Grant: Grant{Epoch: k - 2}} }, before, func(int64) Status { return Status{} }},
		"a grant that was overtaken, with the database": {
			func(k int64) Status { return Status{Grant: Grant{Epoch: k - 2}} }, same, func(int64) Status { return Status{} }},
		"a release of which the database holds what came": {
			func(k int64) Status { return Status{Released: k - 1} }, same, func(int64) Status { return Status{} }},
		"a release stays until then": {
			func(k int64) Status { return Status{Released: k - 1} }, before, func(k int64) Status { return Status{Released: k - 1} }},
		"a claim that was overtaken": {
			func(k int64) Status { return Status{Claim: Claim{Epoch: k - 1}} }, same, func(int64) Status { return Status{} }},
		"a claim to an epoch of the other side's": {
			func(k int64) Status { return Status{Claim: Claim{Epoch: k + 2}} }, same, func(int64) Status { return Status{} }},
	} {
		for _, s := range []Side{Home, Backup} {
			t.Run(sentence+"/"+string(s), func(t *testing.T) {
				o := atStandby(s)
				k := s.Other().Mint(4) // an epoch of the other site's
				o.Peer.Status.Epoch, o.Peer.Status.Held = k, k
				o.Database.Epochs = []Epoch{{Number: c.held(k)}}
				o.Status = c.was(k)
				want := c.want(k)
				if d := Decide(o).Status; d.Grant != want.Grant || d.Released != want.Released || d.Claim != want.Claim {
					t.Errorf("%+v, want %+v", d, want)
				}
			})
		}
	}
}

func same(known int64) int64   { return known }
func before(known int64) int64 { return known - 1 }

func TestWitnessThatIsNotInTheSpecIsNotAsked(t *testing.T) {
	for _, w := range []WitnessState{WitnessGranted, WitnessFree} {
		for _, s := range []Side{Home, Backup} {
			o := atColdStart(s)
			o.Witness.State, o.Peer.Confirming = w, false
			want{"Prove", Nothing, Probation, "to beat once more"}.compare(t, Decide(o))
			o.Peer.Confirming = true
			want{"Prove", Activate, Probation, ""}.compare(t, Decide(o))
		}
	}
}

func TestWordThatIsBeingFollowedIsNotVoid(t *testing.T) {
	for _, s := range []Side{Home, Backup} {
		o := atStandby(s)
		o.flipOwn()
		o.Spec.Confirm.Epoch = o.next()
		claiming(&o, Forcing, Forced)
		promoted(&o)
		d := Decide(o)
		want{"RecordPromoted", RecordEpoch, Fenced, ""}.compare(t, d)
		if d.Status.Voided != 0 {
			t.Errorf("%s: epoch %d is void while it is recorded", s, d.Status.Voided)
		}
	}
}

// Where no proof is to be had, a person is told what to say; where it is still to be expected, nobody is.
func TestAdviceWithoutProof(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*Observation)
		want   CommandKind
	}{
		"the peer is silent":                 {func(o *Observation) { o.peerGone(30 * time.Second) }, ActivateCommand},
		"the peer answers and is not active": {func(o *Observation) { o.Peer.Confirming = false }, ActivateCommand},
		"the peer is active":                 {func(o *Observation) { o.Peer.Status.Role = Active }, NoCommand},
		"the peer did not answer just now":   {func(o *Observation) { o.peerGone(29 * time.Second) }, NoCommand},
		"the witness does not grant":         {func(o *Observation) { o.peerGone(time.Minute); o.Spec.Witness = true }, NoWitnessCommand},
	} {
		for _, s := range []Side{Home, Backup} {
			o := atColdStart(s)
			c.change(&o)
			if d := Decide(o); d.Next.Kind != c.want || d.Action.Kind != Nothing || d.Refused != "" {
				t.Errorf("%s, %s: %s, and %q, refused %q", sentence, s, d.Next, d.Action.Kind, d.Refused)
			}
		}
	}
}

// An epoch says from which timeline it forks; one that begins in a database that strayed has none in common.
func TestEpochIsRecordedWithItsFork(t *testing.T) {
	for _, s := range []Side{Home, Backup} {
		o := atStandby(s)
		confirmed(&o)
		o.Spec.Confirm.Abandon = o.Status.Epoch
		claiming(&o, Forcing, Forced)
		promoted(&o)
		c := o.Status.Claim
		if a := Decide(o).Action; a != (Action{Kind: RecordEpoch, Epoch: c.Epoch, Timeline: c.Timeline}) {
			t.Errorf("%s: %+v", s, a)
		}
		o.Database.Strayed = true
		if a := Decide(o).Action; a != (Action{Kind: RecordEpoch, Epoch: c.Epoch}) {
			t.Errorf("%s, strayed: %+v", s, a)
		}
	}
}

// A site that would have to abandon something is told so only if the other one cannot serve, and it has something itself.
func TestAdviceToTheOvertaken(t *testing.T) {
	idle := func(o *Observation, held int64) {
		o.Peer.Status.Role, o.Peer.Status.Held = Fenced, held
	}
	for sentence, c := range map[string]struct {
		base   func(Side) Observation
		change func(*Observation)
		want   CommandKind
	}{
		"the other site lost the epoch":                 {atReturn, func(o *Observation) { idle(o, 0) }, ActivateCommand},
		"it still holds it":                             {atReturn, func(o *Observation) { idle(o, o.Status.Epoch) }, NoCommand},
		"it does not see its database":                  {atReturn, func(o *Observation) { idle(o, 0); o.Peer.Status.Data = DataUnknown }, NoCommand},
		"there is nothing here":                         {atReturn, func(o *Observation) { idle(o, 0); o.Database.Epochs = nil }, NoCommand},
		"everything is here, nothing is to be given up": {atStandby, func(o *Observation) { idle(o, 0); o.Database = isolated(o.Self.Other()) }, NoCommand},
	} {
		for _, s := range []Side{Home, Backup} {
			o := c.base(s)
			c.change(&o)
			if d := Decide(o); d.Next.Kind != c.want || d.Action.Kind != Nothing {
				t.Errorf("%s, %s: %s, and %q", sentence, s, d.Next, d.Action.Kind)
			}
		}
	}
}
