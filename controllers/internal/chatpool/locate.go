package chatpool

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/apply"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/sites"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
)

// Peers reads Secrets of the other site of a pool.
type Peers interface {
	Secrets(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) ([]*corev1.Secret, error)
}

// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;create;patch

// locate finds out what this site's database is, in a pool with two sites, and tells whether the round goes on; else the
// status says why not. What the site is, is decided by package moves: here it is read, from the Cluster, and from the
// transition when there is none yet.
func (r *Reconciler) locate(ctx context.Context, rd *round) (bool, error) {
	p := rd.pool
	pair, err := sites.Of(p, r.Config.Site)
	if err != nil {
		p.Status.State = v1alpha1.StateStandby
		rd.hold(condition.Stuck(v1alpha1.ReasonSitesNotActive, "%v", err))
		return false, nil
	}
	for _, s := range []v1alpha1.Site{pair.Self, pair.Peer} {
		if _, err := sites.EndpointOf(s); err != nil {
			rd.wait(condition.Stuck(v1alpha1.ReasonNoEndpoint, "%v", err))
			return false, nil
		}
	}
	c := rd.seen.cluster
	if c != nil && c.DeletionTimestamp != nil {
		rd.wait(condition.Waiting(v1alpha1.ReasonProgressing, "Cluster %s is being deleted", c.Name))
		return false, nil
	}
	if rd.place = placeOf(p, pair, c); rd.place == nil {
		waits := "the operator has not looked at the other site yet"
		if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionServing); c != nil {
			waits = c.Message
		}
		rd.wait(condition.Waiting(v1alpha1.ReasonProgressing, "there is no database here: %s", waits))
		return false, nil
	}
	if rd.copies() {
		return true, r.copySecrets(ctx, rd, pair)
	}
	return true, nil
}

// placeOf is what the Cluster says; or what it will be, when it is about to be made; else nil.
func placeOf(p *v1alpha1.ChatPool, pair sites.Pair, c *cnpg.Cluster) *build.Place {
	here := cnpg.Replica{Self: pair.Self.Name, Primary: pair.Self.Name, Source: pair.Peer.Name}
	there := cnpg.Replica{Self: pair.Self.Name, Primary: pair.Peer.Name, Source: pair.Peer.Name}
	t := p.Status.Transition
	switch {
	case c != nil && c.Spec.Replica != nil:
		return &build.Place{Pair: pair, Replica: *c.Spec.Replica, Copied: c.Spec.Bootstrap.PGBaseBackup != nil}
	case c != nil: // the pool had one site
		return &build.Place{Pair: pair, Replica: here}
	case t != nil && t.Step == string(failover.Initialising):
		return &build.Place{Pair: pair, Replica: here}
	case t != nil && t.Step == string(failover.Rejoining):
		return &build.Place{Pair: pair, Replica: there, Copied: true}
	}
	return nil
}

// wait is the status of a site that has no database and makes none now.
func (r *round) wait(state condition.State) {
	p := r.pool
	p.Status.State = v1alpha1.StateCreating
	if state.Stalled {
		p.Status.State = v1alpha1.StateStalled
	}
	r.hold(state)
	condition.Set(p, v1alpha1.ConditionDatabaseReady, condition.State{Status: "False", Reason: state.Reason, Message: state.Message})
}

// copySecrets makes the Secrets that must be equal as they are in the active site. A site that does not answer leaves
// them as they are.
func (r *Reconciler) copySecrets(ctx context.Context, rd *round, pair sites.Pair) error {
	if peer := rd.pool.Status.Peer; peer == nil || peer.Role != v1alpha1.RoleActive {
		return nil // it is not the one to copy from
	}
	theirs, err := r.Peers.Secrets(ctx, rd.pool, pair)
	if err != nil {
		return nil //nolint:nilerr // the condition PeerReachable says it; what is missing, its phase says
	}
	var errs []error
	for _, s := range theirs {
		if own := rd.seen.secrets[s.Name]; own != nil && maps.EqualFunc(own.Data, s.Data, func(a, b []byte) bool { return string(a) == string(b) }) {
			continue
		}
		copied := build.CopiedSecret(rd.pool, s)
		if err := apply.Object(ctx, r.Client, copied); err != nil {
			errs = append(errs, fmt.Errorf("copy Secret %s: %w", s.Name, err))
			continue
		}
		rd.seen.secrets[s.Name] = copied
	}
	return errors.Join(errs...)
}
