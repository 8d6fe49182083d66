// Package chatpool makes of a ChatPool what it says. Each round observes everything once, runs the phases in order,
// and patches the status once. A phase owns one condition; it decides from what was observed and from what earlier
// phases left in the round, and names the objects to apply. An object that cannot be applied turns the phase's
// condition Unknown and stops no other phase.
//
// Secrets are read by name when they are needed, never listed or watched, so the operator's role need not list them;
// a round at least every minute sees their changes.
package chatpool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/apply"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// Config is what the operator itself is told.
type Config struct {
	// Site is the name of this cluster among spec.sites.
	Site string
	// Image is the chat server's, which is also the operator's own.
	Image string
	// PostgresImage is what CloudNativePG runs; empty leaves the choice to it.
	PostgresImage string
	// Namespace is the operator's own, the only one from which the admin API is reached.
	Namespace string
	// Limits are the durations of moves; without any, failover.DefaultLimits.
	Limits failover.Limits
	// Killed, for tests, is called before and after each action of a move.
	Killed func(point string)
	// Failpoints: see moves.Controller.
	Failpoints bool
}

// Recorder tells people what happened.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Reconciler makes of a ChatPool what it says.
type Reconciler struct {
	Client client.Client
	Config Config
	Events Recorder
	Now    func() time.Time
	// Peers reads the other site of a pool that has two.
	Peers Peers
	// Woken has the pools of which package moves has changed something.
	Woken <-chan event.GenericEvent
	// Database is called when CloudNativePG is found installed, so that its Clusters can be watched.
	Database func() error
}

// How long until the next look when nothing happens meanwhile.
const (
	calmly  = time.Minute
	eagerly = 10 * time.Second
	soon    = 200 * time.Millisecond // after somebody else's write
)

// +kubebuilder:rbac:groups=chatpool.dev,resources=chatpools,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chatpool.dev,resources=chatpools/status,verbs=patch
// +kubebuilder:rbac:groups=chatpool.dev,resources=chatpools/finalizers,verbs=update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile runs one round.
func (r *Reconciler) Reconcile(ctx context.Context, pool *v1alpha1.ChatPool) (ctrl.Result, error) {
	if !pool.DeletionTimestamp.IsZero() {
		return r.delete(ctx, pool)
	}
	before := pool.DeepCopy()
	if controllerutil.AddFinalizer(pool, naming.Finalizer) {
		if err := r.Client.Patch(ctx, pool, client.MergeFrom(before)); err != nil {
			return ctrl.Result{}, fmt.Errorf("add finalizer: %w", err)
		}
		before = pool.DeepCopy()
	}
	err := r.round(ctx, pool)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return ctrl.Result{RequeueAfter: jitter(eagerly)}, nil // the pool is going to be deleted, too
	}
	conflict := apierrors.IsConflict(err)
	if conflict {
		err = nil
	}
	r.report(before, pool)
	if !equality.Semantic.DeepEqual(before.Status, pool.Status) {
		patch := client.MergeFrom(before)
		if pool.HasTwoSites() {
			// Package moves writes the same status: whoever comes second looks again.
			patch = client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		}
		if e := r.Client.Status().Patch(ctx, pool, patch); apierrors.IsConflict(e) {
			return ctrl.Result{RequeueAfter: soon}, err
		} else if e != nil {
			err = errors.Join(err, fmt.Errorf("patch status: %w", e))
		}
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if conflict {
		return ctrl.Result{RequeueAfter: jitter(soon)}, nil
	}
	if condition.IsTrue(pool, v1alpha1.ConditionReady) {
		return ctrl.Result{RequeueAfter: jitter(calmly)}, nil
	}
	return ctrl.Result{RequeueAfter: jitter(eagerly)}, nil
}

// round observes, runs the phases and fills the status in memory.
func (r *Reconciler) round(ctx context.Context, pool *v1alpha1.ChatPool) error {
	rd := &round{pool: pool, config: r.Config, now: r.Now(), states: map[string]condition.State{}}
	pool.Status.Site, pool.Status.Address = r.Config.Site, convert.Address(pool)
	if s, lives := livesHere(pool, r.Config.Site); !lives && !pool.HasTwoSites() {
		pool.Status.ObservedGeneration = pool.Generation
		rd.elsewhere(s)
		return nil
	}
	seen, err := r.observe(ctx, pool)
	if err != nil {
		return err
	}
	rd.seen = seen
	pool.Status.ObservedGeneration = pool.Generation // not before something is known of it
	phases := phases
	if !pool.HasTwoSites() && seen.cluster != nil && seen.cluster.Follows() {
		// Without its second site the Cluster would be written here, beside the one that it follows.
		rd.hold(condition.Stuck(v1alpha1.ReasonSitesNotActive,
			"the database here follows site %s, and spec.sites does not name two sites any more: name both again; or, to give up this site, delete the ChatPool and its Cluster here",
			seen.cluster.Spec.Replica.Primary))
		return nil
	}
	if pool.HasTwoSites() {
		if goOn, err := r.locate(ctx, rd); err != nil || !goOn {
			return err
		}
		if rd.copies() {
			phases = standbyPhases
			for _, gone := range []string{v1alpha1.ConditionMirrorInSync, v1alpha1.ConditionSchemaReady} {
				meta.RemoveStatusCondition(&pool.Status.Conditions, gone)
			}
		}
	}
	var conflict error
	var errs []error
	for _, ph := range phases {
		objects, state := ph.decide(rd)
		for _, o := range objects {
			switch err := apply.Object(ctx, r.Client, o); {
			case err == nil:
			case pool.HasTwoSites() && apierrors.IsConflict(err):
				conflict = err // it changed meanwhile: nothing was done, look again
			case errors.Is(err, apply.ErrNotOurs):
				state = condition.Stuck(v1alpha1.ReasonNotOurs, "%v", err)
			case apierrors.IsInvalid(err):
				state = condition.Stuck(v1alpha1.ReasonRefused, "%v; correct the field of spec that it comes from", err)
			default:
				state = condition.Failed(err)
				errs = append(errs, err)
			}
		}
		rd.states[ph.condition] = state
		condition.Set(pool, ph.condition, state)
	}
	rd.summarize()
	for _, o := range rd.remove {
		if err := r.Client.Delete(ctx, o, client.PropagationPolicy("Background")); client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("delete %s: %w", o.GetName(), err))
		}
	}
	if len(errs) == 0 {
		return conflict
	}
	return errors.Join(errs...)
}

// report makes an event of each condition that changed since the last round.
func (r *Reconciler) report(before, after *v1alpha1.ChatPool) {
	for _, c := range after.Status.Conditions {
		if c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled {
			continue
		}
		status, reason := condition.Get(before, c.Type)
		if status == c.Status && reason == c.Reason {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.Status != "True" && status == "True" || c.Reason == v1alpha1.ReasonError || c.Reason == v1alpha1.ReasonMigrationFailed {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(after, nil, kind, c.Reason, c.Type, "%s", condition.Note(c.Type+": "+c.Message))
	}
	observeMetrics(after)
}

// jitter spreads rounds by a fifth, so that many pools are not looked at all at once.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/5))
}
