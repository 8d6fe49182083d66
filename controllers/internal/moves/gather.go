package moves

import (
	"context"
	"fmt"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/sites"
)

// seen is what a round saw, beside the observation that is made of it.
type seen struct {
	own     own
	peer    *v1alpha1.ChatPool // nil: it did not answer
	peerErr error

	witnessErr error // why the witness did not answer
}

// gather reads everything in the order in which failover.Observation wants it: the own object was read before.
func (r *round) gather(ctx context.Context) error {
	p, m := r.pool, r.memory
	status := statusOf(p)
	o := &r.observed
	*o = failover.Observation{
		Pool: p.Name, Self: sideOf(r.pair.Self), Names: map[failover.Side]string{},
		Limits: r.Limits, Spec: specOf(p, r.pair), Prompts: promptsOf(p), Status: status,
	}
	o.Names[o.Self], o.Names[o.Self.Other()] = r.pair.Self.Name, r.pair.Peer.Name
	o.ClaimFor, o.StepFor = m.stood(status, time.Now())
	if err := r.gatherOwn(ctx); err != nil {
		return err
	}
	r.recall(ctx)
	r.gatherPeer(ctx)
	r.gatherWitness(ctx)
	m.credit(o.Database, &o.Peer.Database, time.Now())
	o.Database.Followed = r.seen.own.followedBy(r.pair.Peer.Name)
	r.judgeLog()
	o.Lag = m.lag(o.Database, o.Peer.Database, time.Now())
	return nil
}

// gatherPeer reads the other site: its beat first, so that its status is never older than the beat.
func (r *round) gatherPeer(ctx context.Context) {
	m, to := r.memory, &r.observed.Peer
	ctx, cancel := m.patience(ctx, time.Now())
	defer cancel()
	annotations, err := r.Peers.Beat(ctx, r.pool, r.pair)
	var peer *v1alpha1.ChatPool
	if err == nil {
		peer, err = r.Peers.Pool(ctx, r.pool, r.pair)
	}
	now := time.Now()
	if err == nil {
		err = mistaken(peer, r.pool, r.pair)
	}
	if err == nil {
		var counter int64
		if counter, m.peerFacts, err = readBeat(annotations); err == nil {
			m.beaten(counter, now, r.Limits.Margin)
			m.peer, r.seen.peer, to.Live = peer, peer, true
		}
	}
	r.seen.peerErr, m.mutePeer = err, err != nil
	to.SilentFor, to.Confirming = now.Sub(m.counterAt), m.confirming
	if m.peer == nil {
		return
	}
	to.Known, to.Spec, to.Status = true, specOf(m.peer, sites.Pair{Self: r.pair.Peer, Peer: r.pair.Self}), statusOf(m.peer)
	// What the other site says of its database is as old as its beat.
	if age := now.Sub(m.freshAt); to.Live && !m.freshAt.IsZero() && age <= r.Limits.Margin {
		to.Database = m.peerFacts.Database
		to.Database.SilentFor += age
	}
}

// mistaken says why what was read is not the other site's half of the pool.
func mistaken(peer, own *v1alpha1.ChatPool, pair sites.Pair) error {
	switch {
	case peer.UID == own.UID:
		return fmt.Errorf("the kubeconfig for site %s leads to this very cluster: make it anew by kubectl chatpool peer", pair.Peer.Name)
	case !peer.DeletionTimestamp.IsZero():
		return fmt.Errorf("the ChatPool is being deleted in site %s", pair.Peer.Name)
	case peer.Status.Site != "" && peer.Status.Site != pair.Peer.Name:
		return fmt.Errorf("the operator in site %s calls itself site %s: correct its --site, or spec.sites", pair.Peer.Name, peer.Status.Site)
	case !peer.HasTwoSites():
		return fmt.Errorf("the ChatPool in site %s does not have two sites: apply the same manifest in both", pair.Peer.Name)
	}
	return nil
}

func sideOf(s v1alpha1.Site) failover.Side {
	if s.Role == v1alpha1.SitePrimary {
		return failover.Home
	}
	return failover.Backup
}

// specOf reads a site's manifest, as that site reads it.
func specOf(p *v1alpha1.ChatPool, pair sites.Pair) failover.Spec {
	s := failover.Spec{PoolState: failover.PoolState(p.Spec.PoolState), Witness: p.Spec.Witness != nil}
	if s.PoolState == "" {
		s.PoolState = failover.Normal
	}
	names := 0
	for _, site := range p.Spec.Sites {
		switch site.Name {
		case pair.Self.Name:
			s.Self = sideOf(site)
			names++
		case pair.Peer.Name:
			names++
		}
	}
	if names != 2 {
		s.Self = "neither" // the manifests are about different sites: nothing moves
	}
	if f := p.Spec.Failover; f != nil {
		s.Confirm = failover.Attestation{Epoch: f.ConfirmEpoch, Abandon: f.AbandonEpoch}
	}
	// Maintenance is not told: the servers themselves refuse posts then, nothing is to be quiesced.
	s.NeedsMirror = p.Spec.Database.Durability == v1alpha1.Mirror && p.Spec.Database.Instances > 1
	return s
}

// promptsOf reads the words of a person to this site, which were said of this very object.
func promptsOf(p *v1alpha1.ChatPool) failover.Prompts {
	word := func(annotation string) naming.Word {
		w, err := naming.WordOf(p, annotation)
		if err != nil {
			return naming.Word{} // one that cannot be read is none; kubectl chatpool writes them
		}
		return w
	}
	activate := word(naming.AnnotationActivate)
	out := failover.Prompts{
		Activate: failover.Attestation{Epoch: activate.Epoch, Abandon: activate.Abandon, NewPool: activate.NewPool},
		Release:  word(naming.AnnotationRelease).Epoch, AbandonTail: word(naming.AnnotationAbandonTail).Epoch,
	}
	return out
}
