package exchange

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/replication"
	"chatpool.dev/controllers/internal/sites"
)

var (
	day0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	pair = sites.Pair{Self: v1alpha1.Site{Name: "backup"}, Peer: v1alpha1.Site{Name: "home"}}
)

// play runs beats every 2 s at the site self and gives what is written after each.
type play struct {
	t    *testing.T
	self v1alpha1.ChatPool
	pair sites.Pair
	link link
	now  time.Time
}

func start(t *testing.T, role string) *play {
	p := &play{t: t, pair: pair, now: day0}
	p.self.UID, p.self.Status.Role = "1", role
	if role == v1alpha1.RoleActive {
		p.pair.Self, p.pair.Peer = p.pair.Peer, p.pair.Self
	}
	return p
}

// beat looks and gives the written status as the other side would read it.
func (p *play) beat(seen look) v1alpha1.ChatPoolStatus {
	p.t.Helper()
	p.now = p.now.Add(Beat)
	body, err := json.Marshal(p.link.take(&p.self, p.pair, seen, p.now.Add(-100*time.Millisecond), p.now))
	if err != nil {
		p.t.Fatal(err)
	}
	var st v1alpha1.ChatPoolStatus
	if err := json.Unmarshal(body, &st); err != nil {
		p.t.Fatal(err)
	}
	return st
}

// homeSays is what home's object says with the counter at n.
func homeSays(n int64, r v1alpha1.ReplicationStatus) *v1alpha1.ChatPool {
	p := &v1alpha1.ChatPool{}
	p.UID = "2"
	p.Spec.Sites = []v1alpha1.Site{{Name: "home"}, {Name: "backup"}}
	p.Status = v1alpha1.ChatPoolStatus{Site: "home", Role: v1alpha1.RoleActive, Peer: &v1alpha1.PeerStatus{Heartbeat: n}, Replication: &r}
	p.Status.Database.Data = v1alpha1.DataPresent
	return p
}

func following(position int64) replication.Facts {
	return replication.Facts{Recovery: true, Receiving: true, Position: position}
}

func TestTheActiveSiteCountsItsFollowers(t *testing.T) {
	p := start(t, v1alpha1.RoleActive)
	streaming := replication.Facts{Position: 9000, Oldest: 1000, Followers: map[string]replication.Follower{
		"backup": {Streaming: true, State: "streaming", LagBytes: 300, LagTime: 1200 * time.Millisecond},
	}}
	got := p.beat(look{peerErr: errors.New("no answer"), facts: streaming})
	if r := got.Replication; r.State != v1alpha1.ReplicationStreaming || *r.LagSeconds != 2 || *r.LagBytes != 300 || r.Lag != "1.2s" || r.Position != 9000 || r.OldestPosition != 1000 {
		t.Errorf("while it follows: %+v", r)
	}
	if got.Peer.State != v1alpha1.PeerUnknown || got.Peer.Message != "no answer" || got.Peer.Heartbeat != 1 {
		t.Errorf("the other site: %+v", got.Peer)
	}
	idle := streaming
	idle.Followers = map[string]replication.Follower{"backup": {Streaming: true, LagTime: time.Second}}
	if r := p.beat(look{peerErr: errors.New("no answer"), facts: idle}).Replication; r.Lag != "0s" || *r.LagBytes != 0 {
		t.Errorf("it has everything: %+v", r)
	}
	diverged := streaming
	diverged.Followers = map[string]replication.Follower{"backup": {State: "startup", LagBytes: -1}}
	if r := p.beat(look{peerErr: errors.New("no answer"), facts: diverged}).Replication; r.State != v1alpha1.ReplicationNotFollowing || *r.LagSeconds != 2 || r.LagBytes != nil {
		t.Errorf("it diverged: %+v", r)
	}
	if r := p.beat(look{peerErr: errors.New("no answer"), factsErr: errors.New("no answer")}).Replication; r.State != v1alpha1.ReplicationUnknown || r.LagSeconds != nil || r.LastSeen == nil {
		t.Errorf("nobody answers: %+v", r)
	}
}

func TestTheStandbyGoesByTheActiveSiteWhileItLives(t *testing.T) {
	p := start(t, v1alpha1.RoleStandby)
	lag := int64(1)
	said := v1alpha1.ReplicationStatus{State: v1alpha1.ReplicationStreaming, Lag: "0.3s", LagSeconds: &lag, Position: 5000}
	if r := p.beat(look{peer: homeSays(1, said), facts: following(5000)}).Replication; r.State != v1alpha1.ReplicationUnknown {
		t.Errorf("one look says that it lives: %+v", r)
	}
	if r := p.beat(look{peer: homeSays(2, said), facts: following(5000)}).Replication; r.State != v1alpha1.ReplicationStreaming || r.Lag != "0.3s" {
		t.Errorf("it lives: %+v", r)
	}
	said.State = v1alpha1.ReplicationNotFollowing
	if r := p.beat(look{peer: homeSays(3, said), facts: following(5000)}).Replication; r.State != v1alpha1.ReplicationNotFollowing {
		t.Errorf("our receiver streams, but the source does not count us: %+v", r)
	}
	// Home falls silent, everything until the look before the last one is here: the bound grows from then on.
	before := p.beat(look{peer: homeSays(4, said), facts: following(5000)}).Replication
	for range 10 {
		p.beat(look{peerErr: errors.New("no answer"), facts: following(5000)})
	}
	after := p.beat(look{peerErr: errors.New("no answer"), facts: following(5000)})
	if after.Replication.State != v1alpha1.ReplicationUnknown || *after.Replication.LagSeconds-*before.LagSeconds != 22 || after.Peer.State != v1alpha1.PeerUnknown {
		t.Errorf("bound %d s, 22 s later %d s; %+v", *before.LagSeconds, *after.Replication.LagSeconds, after.Peer)
	}
}

func TestBehindMustLast(t *testing.T) {
	p := start(t, v1alpha1.RoleStandby)
	kept := v1alpha1.ReplicationStatus{State: v1alpha1.ReplicationNotFollowing, Position: 9000, OldestPosition: 5001}
	lost := replication.Facts{Recovery: true, Position: 5000}
	for n := range int64(7) {
		p.beat(look{peer: homeSays(n, kept), facts: lost})
	}
	if p.link.next.Behind != 10*time.Second {
		t.Errorf("behind for %v", p.link.next.Behind)
	}
	p.beat(look{peerErr: errors.New("no answer"), facts: lost})
	if p.link.next.Behind != 0 {
		t.Errorf("what is unknown counts as behind: %v", p.link.next.Behind)
	}
}

// The counter goes on after a restart of the operator, and the object of this very cluster is nobody's answer.
func TestCounterAndMirror(t *testing.T) {
	p := start(t, v1alpha1.RoleStandby)
	p.self.Status.Peer = &v1alpha1.PeerStatus{Heartbeat: 41}
	self := homeSays(1, v1alpha1.ReplicationStatus{})
	self.UID = "1"
	got := p.beat(look{peer: self, facts: following(1)}).Peer
	if got.Heartbeat != 42 || got.State != v1alpha1.PeerUnknown || got.Message == "" {
		t.Errorf("%+v", got)
	}
}
