package moves

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/sites"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// How long until the next round: while nothing happens; while a pool is on its way, here or there; and after a step.
const (
	Beat   = 2 * time.Second
	Haste  = 250 * time.Millisecond
	Stride = 50 * time.Millisecond
)

// Peers reads the other site.
type Peers interface {
	Pool(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) (*v1alpha1.ChatPool, error)
	// Beat reads the annotations of the other site's Lease.
	Beat(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) (map[string]string, error)
}

// Servers connects with each chat server of this site.
type Servers interface {
	// Each gives a client for each pod that exists; the key is the pod's name.
	Each(ctx context.Context, pool *v1alpha1.ChatPool) (map[string]*adminapi.Client, error)
}

// Recorder tells people what happened.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Controller runs the rounds of all pools with two sites.
type Controller struct {
	Client client.Client
	// Live reads from the API server, past every cache.
	Live    client.Reader
	Site    string
	Image   string // of PostgreSQL; see chatpool.Config
	Peers   Peers
	Witness Linker
	Servers Servers
	Events  Recorder
	// Changed wakes the reconciler of ChatPools; it is buffered.
	Changed chan event.GenericEvent
	// Limits are failover.DefaultLimits() unless a test wants others.
	Limits failover.Limits
	Log    *slog.Logger
	// Killed is called before and after each action, and each write of the status, with its name; tests end the program
	// there.
	Killed func(point string)
	// Failpoints lets the annotation AnnotationFailpoint of a pool end the program at a point, once.
	Failpoints bool

	lock   sync.Mutex
	memory map[types.NamespacedName]*memory
}

// Setup has the manager run the controller.
func (c *Controller) Setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("moves").WithOptions(controller.Options{MaxConcurrentReconciles: 4}).
		For(&v1alpha1.ChatPool{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Complete(reconcile.Func(c.Reconcile))
}

// Reconcile runs one round.
func (c *Controller) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, failover.ValidFor)
	defer cancel()
	begun := time.Now()
	pool := &v1alpha1.ChatPool{}
	r := &round{Controller: c, pool: pool, begun: begun}
	if err := r.ownBeat(ctx, req.NamespacedName); err != nil {
		return reconcile.Result{}, err
	}
	if err := c.Live.Get(ctx, req.NamespacedName, pool); err != nil {
		if apierrors.IsNotFound(err) {
			c.forget(req.NamespacedName)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read the pool: %w", err)
	}
	if !pool.HasTwoSites() || !pool.DeletionTimestamp.IsZero() {
		c.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	pair, err := sites.Of(pool, c.Site)
	if err != nil {
		return reconcile.Result{}, nil // the reconciler of ChatPools says it
	}
	r.pair, r.memory = pair, c.remember(pool)
	next, err := r.run(ctx)
	if err != nil && ctx.Err() == nil {
		c.Log.Warn("a round of the sites did not end", "namespace", pool.Namespace, "pool", pool.Name, "err", err)
	}
	return reconcile.Result{RequeueAfter: next}, nil // an error is tried again as soon: the beat must not wait for it
}

// round is one look at a pool and what comes of it.
type round struct {
	*Controller
	pool   *v1alpha1.ChatPool
	pair   sites.Pair
	memory *memory
	begun  time.Time

	lease   string // the version of the own Lease, as read before the pool; "": there is none
	counter int64  // in it

	seen     seen
	observed failover.Observation
	decision failover.Decision
}

func (r *round) run(ctx context.Context) (time.Duration, error) {
	if err := r.gather(ctx); err != nil {
		return Beat, err
	}
	r.decision = failover.Decide(r.observed)
	if err := r.publish(ctx); err != nil {
		if apierrors.IsConflict(err) {
			return Stride, nil
		}
		return Haste, err
	}
	return r.pace(), r.act(ctx)
}

// pace is how long until the next round: a site is in haste while itself or the other one is on its way.
func (r *round) pace() time.Duration {
	d, peer := r.decision, r.seen.peer
	if d.Action.Kind == failover.Salvage && r.memory.salvageErr != "" {
		return Beat // what cannot be read now may be so for days
	}
	busy := r.deeds()[d.Action.Kind] != nil || d.Status.Claim.Epoch != 0 ||
		d.Status.Transition.Kind == failover.Planned || d.Status.Transition.Kind == failover.Assisted || d.Status.Transition.Kind == failover.Forced
	if peer != nil {
		f := peer.Status.Failover
		t := peer.Status.Transition
		busy = busy || f != nil && f.Claim != nil || t != nil && t.Kind != string(failover.Return) && t.Kind != string(failover.Creation)
	}
	begun := d.Action.Kind != failover.Nothing && d.Action.Kind != r.memory.action
	r.memory.action = d.Action.Kind
	switch {
	case begun && busy:
		return Stride
	case busy:
		return Haste
	}
	return Beat
}

// wake has the reconciler of ChatPools look at the pool; if it is busy, with the next change or within a minute.
func (c *Controller) wake(pool *v1alpha1.ChatPool) {
	select {
	case c.Changed <- event.GenericEvent{Object: &v1alpha1.ChatPool{ObjectMeta: pool.ObjectMeta}}:
	default:
	}
}
