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
	"chatpool.dev/controllers/internal/exchange"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/sites"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Peers reads the other site of a pool.
type Peers interface {
	Pool(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) (*v1alpha1.ChatPool, error)
	Secrets(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) ([]*corev1.Secret, error)
}

// Views has what was found of the other site lately.
type Views interface {
	View(pool types.NamespacedName) exchange.View
}

// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=create;patch

// locate finds out what this site is for a pool with two, and tells whether the round goes on; else the status says
// why not. An empty database is only decided here.
func (r *Reconciler) locate(ctx context.Context, before *v1alpha1.ChatPool, rd *round) (bool, error) {
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
	rd.view = r.Views.View(client.ObjectKeyFromObject(p))
	c := rd.seen.cluster
	if c != nil && c.DeletionTimestamp != nil {
		rd.wait(condition.Waiting(v1alpha1.ReasonProgressing, "Cluster %s is being deleted", c.Name))
		return false, nil
	}
	rd.place = &build.Place{Pair: pair}
	if c != nil {
		rd.place.Standby, rd.place.Copied = c.Follows(), c.Spec.Bootstrap.PGBaseBackup != nil
		rd.place.WasActive = c.Annotations[naming.AnnotationWasActive] == "true" || !c.Follows()
		p.Status.Database.Data = v1alpha1.DataPresent
	} else if goOn, err := r.first(ctx, before, rd, pair); err != nil || !goOn {
		rd.place = nil
		return false, err
	}
	p.Status.Role = v1alpha1.RoleActive
	if !rd.place.Standby {
		return true, nil
	}
	p.Status.Role, p.Status.Database.Mirror = v1alpha1.RoleStandby, ""
	if c != nil && rd.view.Behind > sites.Silence && !rd.place.WasActive {
		return false, r.cloneAnew(ctx, rd, c)
	}
	return true, r.copySecrets(ctx, rd, pair)
}

// first decides about a database that does not exist. The claim is written, whatever an older copy of the status says,
// before the other site is asked what counts.
func (r *Reconciler) first(ctx context.Context, before *v1alpha1.ChatPool, rd *round, pair sites.Pair) (bool, error) {
	p := rd.pool
	s := sites.Situation{
		Lives: sites.LivesIn(p) == pair.Self.Name, Primary: pair.Self.Role == v1alpha1.SitePrimary,
		NewPool: p.Annotations[naming.AnnotationNewPool] == naming.NewPool(p, pair.Self.Name),
	}
	none := v1alpha1.DataNone
	if d := p.Status.Database.Data; d == v1alpha1.DataPresent || d == v1alpha1.DataLost {
		s.Own, none = sites.OwnLost, v1alpha1.DataLost
	}
	var why string
	s.Peer, why = r.ask(ctx, p, pair)
	d := sites.Decide(s)
	if d.Step == sites.Claim {
		if err := r.publish(ctx, before, p, v1alpha1.DataClaimed); err != nil {
			return false, err
		}
		s.Own = sites.OwnClaimed
		s.Peer, why = r.ask(ctx, p, pair)
		d = sites.Decide(s)
	}
	p.Status.Database.Data = none
	if d.Claims(s.Own == sites.OwnClaimed) {
		p.Status.Database.Data = v1alpha1.DataClaimed
	}
	switch d.Step {
	case sites.Initialise:
		return true, nil
	case sites.Follow:
		// Before there is a copy, so that the other site, should it lose its own now, never reads that there is none.
		rd.place.Standby, rd.place.Copied = true, true
		p.Status.Database.Data = v1alpha1.DataPresent
		return true, r.publish(ctx, before, p, v1alpha1.DataPresent)
	}
	state := condition.State{Status: "False", Reason: d.Reason, Message: d.Message, Stalled: d.Stalled}
	if d.Reason == v1alpha1.ReasonPeerUnknown {
		state.Message = fmt.Sprintf("%s: %s; if no site has data of this pool: kubectl chatpool activate -n %s %s --new-pool", d.Message, why, p.Namespace, p.Name)
	}
	rd.wait(state)
	return false, nil
}

// ask reads the other site now.
func (r *Reconciler) ask(ctx context.Context, p *v1alpha1.ChatPool, pair sites.Pair) (sites.Other, string) {
	peer, err := r.Peers.Pool(ctx, p, pair)
	if err != nil {
		return sites.OtherUnknown, err.Error()
	}
	return sites.OtherOf(peer, p, pair)
}

// publish writes at once what this site has of the data, and nothing else, for the other site to read.
func (r *Reconciler) publish(ctx context.Context, before, p *v1alpha1.ChatPool, data string) error {
	body := fmt.Sprintf(`{"status":{"database":{"data":%q}}}`, data)
	if err := r.Client.Status().Patch(ctx, p.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(body))); err != nil {
		return fmt.Errorf("say that the data here is %s: %w", data, err)
	}
	before.Status.Database.Data = data
	return nil
}

// wait is the status of a site that has no database and makes none.
func (r *round) wait(state condition.State) {
	p := r.pool
	p.Status.Role, p.Status.State = "", v1alpha1.StateCreating
	if state.Stalled {
		p.Status.State = v1alpha1.StateStalled
	}
	r.hold(state)
	condition.Set(p, v1alpha1.ConditionDatabaseReady, condition.State{Status: "False", Reason: state.Reason, Message: state.Message})
	for _, ph := range []phase{{v1alpha1.ConditionPeerReady, peerAlive}} {
		_, s := ph.decide(r)
		condition.Set(p, ph.condition, s)
	}
}

// cloneAnew gives up a standby that can never follow again, and never had anything of its own. When it is gone, this
// site is one without data, which follows the other.
func (r *Reconciler) cloneAnew(ctx context.Context, rd *round, c *cnpg.Cluster) error {
	p := rd.pool
	const why = "this site's standby was away for so long that site %s does not keep the log any more that it needs (spec.database.walKeep): the whole database is copied anew"
	u := foreign(cnpg.ClusterKind, c.Name)
	u.SetNamespace(c.Namespace)
	uid := c.UID
	err := r.Client.Delete(ctx, u, client.Preconditions{UID: &uid}, client.PropagationPolicy("Foreground"))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete the standby that fell behind: %w", err)
	}
	r.Events.Eventf(p, nil, corev1.EventTypeWarning, v1alpha1.ReasonCloningAnew, "Clone", why, rd.place.Peer.Name)
	rd.wait(condition.Waiting(v1alpha1.ReasonCloningAnew, why, rd.place.Peer.Name))
	return nil
}

// copySecrets makes the Secrets that must be equal as they are in the active site. A site that does not answer leaves
// them as they are.
func (r *Reconciler) copySecrets(ctx context.Context, rd *round, pair sites.Pair) error {
	if rd.view.State != "" && rd.view.PeerRole != v1alpha1.RoleActive && rd.seen.cluster != nil {
		return nil // it is not the one to copy from
	}
	theirs, err := r.Peers.Secrets(ctx, rd.pool, pair)
	if err != nil {
		return nil //nolint:nilerr // the condition PeerReady says it; what is missing, its phase says
	}
	var errs []error
	for _, s := range theirs {
		if own := rd.seen.secrets[s.Name]; own != nil && maps.EqualFunc(own.Data, s.Data, func(a, b []byte) bool { return string(a) == string(b) }) {
			continue
		}
		copied := build.CopiedSecret(rd.pool, s)
		if err := apply.Object(ctx, r.Client, copied); err != nil {
			errs = append(errs, err)
			continue
		}
		rd.seen.secrets[s.Name] = copied
	}
	return errors.Join(errs...)
}
