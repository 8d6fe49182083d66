package failover

import (
	"fmt"
	"strings"
)

// view is an observation with what follows from it, and the decision in the making.
type view struct {
	Observation
	known int64  // the highest epoch heard of
	held  int64  // the newest epoch in the own database, as last seen
	s     Status // what the status will be; claims and grants in it are persisted, or else the decision is to write them
	d     Decision
}

// look derives the view. Whatever is spent falls out of the status here (section 2: a higher epoch always wins).
func look(o Observation) *view {
	v := &view{Observation: o, s: o.Status}
	v.known = v.highest()
	v.s.Epoch = v.known
	v.publishData()
	v.held = v.s.Held
	v.forgetSpent()
	v.voidWords()
	return v
}

// highest is the highest epoch that anything tells of: a status that was restored from a snapshot learns from the
// database, a database that was overtaken from the peer. An epoch that was heard of once is real, however stale.
func (v *view) highest() int64 {
	known := max(v.Status.Epoch, v.Database.Newest(), v.Servers.Epoch)
	if v.Peer.Known {
		known = max(known, v.Peer.Status.Epoch)
	}
	return max(known, v.Peer.Database.Newest(), v.Witness.Epoch)
}

// publishData says in the status what was seen of the own database.
func (v *view) publishData() {
	db := v.Database
	v.s.Shut = v.Servers.Known && v.Servers.Epoch == 0 && !v.Servers.Unseen
	if !db.Known {
		v.s.Data = DataUnknown
		return
	}
	v.s.Data, v.s.Held = db.Data, db.Newest()
	v.s.Strayed = db.Data == DataPresent && (db.Strayed || v.s.Strayed && db.Mode == Isolated)
}

// forgetSpent drops what the highest epoch has made void: it may come from a snapshot, or be done.
func (v *view) forgetSpent() {
	if c := v.s.Claim; c.Epoch < v.known || !v.Self.Mints(c.Epoch) {
		v.s.Claim = Claim{}
	}
	// What was given away is kept until the database holds what came of it: the peer reads in it that we know.
	if g := v.s.Grant.Epoch; g < v.known || v.held == v.known && g == v.known {
		v.s.Grant = Grant{}
	}
	if v.s.Released < v.known && v.held == v.known {
		v.s.Released = 0
	}
}

// voidWords: a confirmation that stands in a manifest while the active site answers would be a failover without a person
// at the next cut of a link. It names the next epoch; so that one is not minted any more.
func (v *view) voidWords() {
	p := v.Peer
	if !p.Live || p.SilentFor > v.Limits.Margin || p.Status.Role != Active || v.s.Claim.Epoch > v.known {
		return
	}
	if m := v.mint(); v.attested(m).Epoch == m {
		v.s.Voided = m
	}
}

// owns tells whether the highest epoch is this site's: nobody else may serve in it.
func (v *view) owns() bool { return v.Self.Mints(v.known) }

// hasData tells whether the own database has anything in it.
func (v *view) hasData() bool { return v.Database.Known && v.Database.Data == DataPresent }

// staysOpen tells whether the own database takes writes, and is to go on doing so.
func (v *view) staysOpen() bool { return v.Database.in(Open) && !v.Database.Closing }

// noData tells whether it is known to have nothing: no volumes, an unfinished copy, or no epoch yet.
func (v *view) noData() bool {
	return v.Database.Known && (v.Database.Data == DataEmpty || v.Database.Data == DataPartial)
}

// keptDown tells whether nothing is known of the own database because it is ordered to stay down.
func (v *view) keptDown() bool { return !v.Database.Known && v.Database.Fenced }

// silent tells whether the peer's operator has been silent for long enough to go without it. Its API server may answer.
func (v *view) silent() bool { return v.Peer.SilentFor >= v.Limits.PeerSilence }

// alive tells whether the peer was read just now and its operator beats.
func (v *view) alive() bool { return v.Peer.Live && !v.silent() }

// peerClaims is the epoch that the peer claims, as read just now.
func (v *view) peerClaims() int64 {
	if !v.Peer.Live {
		return 0
	}
	return v.Peer.Status.Claim.Epoch
}

// peerServes tells whether the peer is the active site and its database can be followed.
func (v *view) peerServes() bool {
	p := v.Peer
	return v.alive() && p.Status.Role == Active && p.Status.Epoch == v.known &&
		p.Database.in(Open) && p.Database.Newest() == v.known
}

// wantsPeer and wantsSelf tell what the own spec wants; peerWants what the peer's does, read just now.
func (v *view) wantsSelf() bool { return v.Spec.PoolState.Wants() == v.Self }
func (v *view) peerWants(s Side) bool {
	return v.Peer.Live && v.Peer.Spec.PoolState.Wants() == s
}

// bothWantPeer tells whether both specs want the pool in the other site, and its operator lives to hear of it.
func (v *view) bothWantPeer() bool {
	return !v.wantsSelf() && v.alive() && v.peerWants(v.Self.Other())
}

// gaveAway and released tell whether this site gave up the highest epoch, so that it must not open in it.
func (v *view) gaveAway() bool { return v.s.Grant.Epoch > v.known }
func (v *view) released() bool { return v.s.Released > 0 && v.s.Released >= v.known }

// mint is the epoch that this site would mint now. One that it gave to the peer, or that a void word named,
// counts as minted.
func (v *view) mint() int64 {
	if v.Prompts.Activate.NewPool {
		return v.mintNewPool()
	}
	return v.Self.Mint(v.top())
}

// mintNewPool is the epoch of a pool that a person begins anew, at the next hundred: a site that was rebuilt from
// nothing does not know which epochs there were, and must not mint one of them again.
func (v *view) mintNewPool() int64 {
	const leap = 100
	return v.Self.Mint((v.top()/leap + 1) * leap)
}

func (v *view) top() int64 { return max(v.known, v.s.Grant.Epoch, v.s.Voided) }

func (v *view) name(s Side) string {
	if n := v.Names[s]; n != "" {
		return n
	}
	return string(s)
}
func (v *view) peerName() string { return v.name(v.Self.Other()) }

// act, wait and step make the decision; act and wait end the chain.
func (v *view) act(k ActionKind) bool { return v.do(Action{Kind: k}) }

func (v *view) do(a Action) bool {
	v.d.Action = a
	return true
}

func (v *view) wait(format string, args ...any) bool {
	v.d.WaitingFor = fmt.Sprintf(format, args...)
	return true
}

func (v *view) next(c Command) {
	c.Pool = v.Pool
	v.d.Next = c
}

// refuse says why a person's word is not followed; the chain goes on.
func (v *view) refuse(format string, args ...any) bool {
	v.d.Refused = fmt.Sprintf(format, args...)
	return false
}

// step says what the site is in the middle of.
func (v *view) step(k Kind, s Step) {
	t := v.s.Transition
	if t.Kind != k {
		t = Transition{Kind: k, From: v.known}
	}
	t.Step = s
	v.s.Transition = t
}

// settled ends a transition.
func (v *view) settled() { v.s.Transition = Transition{} }

// moving tells whether a move of the kind was begun by this site in the present epoch. One from a snapshot is of
// another epoch.
func (v *view) moving(k Kind) bool {
	t := v.Status.Transition
	return t.Kind == k && t.From == v.known && v.owns()
}

// lossBound is an upper bound of what a forced move loses, for people.
func (v *view) lossBound() string {
	if !v.Lag.Known {
		return "what would be lost is not known"
	}
	parts := []string{fmt.Sprintf("%.1f s", v.Lag.Time.Seconds())}
	if v.Lag.Bytes >= 0 {
		parts = append(parts, bytes(v.Lag.Bytes))
	}
	return "at most " + strings.Join(parts, " / ") + " would be lost"
}

func bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
	return fmt.Sprintf("%d MB", (n+999_999)/1_000_000)
}
