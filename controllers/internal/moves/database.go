package moves

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatpool.dev/controllers/internal/apply"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner is who changes a database's part between the sites; all else of the Cluster is the reconciler's.
const fieldOwner = "chatpool-moves"

// +kubebuilder:rbac:groups=postgresql.cnpg.io,resources=clusters,verbs=get;create;patch;delete

// initialise makes an empty database. What it needs is made by the reconciler, which is told by the status to.
func (r *round) initialise(ctx context.Context, _ failover.Action) error {
	return r.create(ctx, build.Place{Pair: r.pair, Replica: cnpg.Replica{Self: r.pair.Self.Name, Primary: r.pair.Self.Name, Source: r.pair.Peer.Name}})
}

// join makes a copy of the other site's database, which then follows it.
func (r *round) join(ctx context.Context, _ failover.Action) error {
	if c := r.seen.own.cluster; c != nil && c.Spec.Bootstrap.PGBaseBackup == nil && r.seen.own.volumes == 0 {
		return r.discard(ctx) // of a database whose volumes are gone
	}
	return r.create(ctx, build.Place{Pair: r.pair, Copied: true, Replica: cnpg.Replica{Self: r.pair.Self.Name, Primary: r.pair.Peer.Name, Source: r.pair.Peer.Name}})
}

// create makes the Cluster if there is none. It waits for the Secrets that the database is made with.
func (r *round) create(ctx context.Context, place build.Place) error {
	if c := r.seen.own.cluster; c != nil {
		if c.Status.CurrentPrimary != "" && r.seen.own.volumes == 0 {
			return r.discard(ctx) // its volumes are gone
		}
		return nil
	}
	for _, name := range []string{naming.SharedCASecret(r.pool), naming.RoleSecret(r.pool, naming.ChatRole), naming.RoleSecret(r.pool, naming.ComplianceRole)} {
		if err := r.Live.Get(ctx, naming.Key(r.pool, name), &corev1.Secret{}); err != nil {
			r.wake(r.pool)
			return fmt.Errorf("wait for Secret %s: %w", name, err)
		}
	}
	c := build.Cluster(r.pool, r.Image, &place)
	if err := apply.Object(ctx, r.Client, c); err != nil {
		return err
	}
	r.wake(r.pool)
	return nil
}

// follow has the database stream from the other site.
func (r *round) follow(ctx context.Context, _ failover.Action) error {
	return r.turn(ctx, cnpg.Replica{Primary: r.pair.Peer.Name, Source: r.pair.Peer.Name})
}

// isolate makes the database a readable standby that follows nobody. When it was open, CloudNativePG gives a token that
// stands for all that was written.
func (r *round) isolate(ctx context.Context, a failover.Action) error {
	if a.Stray {
		if err := r.annotate(ctx, map[string]any{naming.AnnotationStrayed: "true"}); err != nil {
			return err
		}
	}
	if err := r.turn(ctx, cnpg.Replica{Primary: r.pair.Peer.Name, Source: naming.Nobody}); err != nil {
		return err
	}
	if r.seen.own.cluster.Annotations[naming.AnnotationFenced] != "" {
		return r.fence(ctx, failover.Action{Kind: failover.Unfence}) // it was ordered down, and runs again as what it is to be now
	}
	return nil
}

// promote opens the database; with a token, when everything that it stands for is there.
func (r *round) promote(ctx context.Context, a failover.Action) error {
	return r.turn(ctx, cnpg.Replica{Primary: r.pair.Self.Name, Source: r.pair.Peer.Name, PromotionToken: a.Token})
}

// turn changes who is written and who is followed, and nothing if it is so already.
func (r *round) turn(ctx context.Context, want cnpg.Replica) error {
	c := r.seen.own.cluster
	if c == nil {
		return errors.New("there is no Cluster")
	}
	if c.Spec.Replica != nil {
		is := *c.Spec.Replica
		if is.Primary == want.Primary && is.Source == want.Source && is.PromotionToken == want.PromotionToken {
			return nil
		}
	}
	if r.turning(want) {
		return nil // it is asked again in the next round
	}
	fields := map[string]any{"self": r.pair.Self.Name, "primary": want.Primary, "source": want.Source, "promotionToken": nil}
	if want.PromotionToken != "" {
		fields["promotionToken"] = want.PromotionToken
	}
	return r.patch(ctx, map[string]any{"spec": map[string]any{"replica": fields}})
}

// turning tells whether CloudNativePG is still at work on the last order. A demotion that is called off before it has ended
// leaves the database fenced for ever, and the Cluster refuses every other order then.
func (r *round) turning(want cnpg.Replica) bool {
	c := r.seen.own.cluster
	return c.Status.SwitchReplicaClusterStatus.InProgress || r.observed.Database.Closing && want.Primary == r.pair.Self.Name
}

// fence keeps the database down, or lets it run again. CloudNativePG fences for its own purposes, too, while it turns a
// database around: what is not marked as ours is left alone.
func (r *round) fence(ctx context.Context, a failover.Action) error {
	if a.Kind == failover.Unfence {
		return r.annotate(ctx, map[string]any{cnpg.AnnotationFenced: nil, naming.AnnotationFenced: nil})
	}
	return r.annotate(ctx, map[string]any{cnpg.AnnotationFenced: `["*"]`, naming.AnnotationFenced: "true"})
}

func (r *round) annotate(ctx context.Context, values map[string]any) error {
	if r.seen.own.cluster == nil {
		return nil
	}
	return r.patch(ctx, map[string]any{"metadata": map[string]any{"annotations": values}})
}

// patch changes the Cluster that was seen, and no other of its name.
func (r *round) patch(ctx context.Context, change map[string]any) error {
	c := r.seen.own.cluster
	meta, _ := change["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		change["metadata"] = meta
	}
	meta["uid"] = string(c.UID)
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	err = r.Client.Patch(ctx, r.clusterRef(), client.RawPatch(types.MergePatchType, body), client.FieldOwner(fieldOwner))
	if err != nil {
		return fmt.Errorf("change Cluster %s: %w", c.Name, err)
	}
	return nil
}

func (r *round) clusterRef() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	u.SetName(naming.Cluster(r.pool))
	u.SetNamespace(r.pool.Namespace)
	return u
}

// clone discards what the own database holds, so that the site joins as one without data. It asks once more right
// before: it must hold exactly what may be discarded, and the source must be open.
func (r *round) clone(ctx context.Context, a failover.Action) error {
	db, source := r.observed.Database, r.observed.Peer.Database
	if has := (failover.Tail{Epoch: db.Newest(), Timeline: db.Timeline, LSN: db.LSN}); has != a.Tail {
		return fmt.Errorf("the database holds %+v and not %+v any more", has, a.Tail)
	}
	if !source.Known || source.Mode != failover.Open {
		return errors.New("the other site's database is not open")
	}
	r.Events.Eventf(r.pool, nil, corev1.EventTypeWarning, "CloningAnew", "Clone",
		"the database here is copied anew from site %s; everything in it is there", r.pair.Peer.Name)
	return r.discard(ctx)
}

// discard deletes the Cluster with its volumes.
func (r *round) discard(ctx context.Context) error {
	uid := r.seen.own.cluster.UID
	err := r.Client.Delete(ctx, r.clusterRef(), client.Preconditions{UID: &uid}, client.PropagationPolicy("Foreground"))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete the Cluster: %w", err)
	}
	return nil
}
