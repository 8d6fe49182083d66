// Package category puts Category objects into their pools, over the pool's admin API. It puts again every minute, so
// whatever changed there is put right; a put that changes nothing costs the pool nothing.
package category

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/poolapi"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Recorder tells people what happened.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Connector gives the admin API of a pool; Forget makes it connect anew.
type Connector interface {
	Connect(ctx context.Context, pool *v1alpha1.ChatPool) (*adminapi.Client, error)
	Forget(pool *v1alpha1.ChatPool)
}

// Reconciler puts a Category into its pool.
type Reconciler struct {
	Client client.Client
	Pools  Connector
	Events Recorder
}

// How long until the next put.
const (
	calmly  = time.Minute
	eagerly = 2 * time.Second
)

// patience is how long a pool may take to answer; a pool that does not must not hold up the others for long.
const patience = 5 * time.Second

// workers is how many objects are worked on at the same time.
const workers = 4

// +kubebuilder:rbac:groups=chatpool.dev,resources=categories,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chatpool.dev,resources=categories/status,verbs=patch

// Reconcile puts the category, or takes it out when it is being deleted.
func (r *Reconciler) Reconcile(ctx context.Context, c *v1alpha1.Category) (ctrl.Result, error) {
	pool, err := r.pool(ctx, c)
	if err != nil {
		return ctrl.Result{}, err
	}
	before := c.DeepCopy()
	if !c.DeletionTimestamp.IsZero() {
		return r.delete(ctx, before, c, pool)
	}
	if controllerutil.AddFinalizer(c, naming.Finalizer) {
		if err := r.Client.Patch(ctx, c, client.MergeFrom(before)); err != nil {
			return ctrl.Result{}, fmt.Errorf("add finalizer: %w", err)
		}
		before = c.DeepCopy()
	}
	c.Status.ObservedGeneration = c.Generation
	return r.finish(ctx, before, c, poolapi.Lasting(c, r.put(ctx, c, pool)))
}

// put puts the category and says how that went.
func (r *Reconciler) put(ctx context.Context, c *v1alpha1.Category, pool *v1alpha1.ChatPool) condition.State {
	if s, ok := poolapi.Reachable(pool, string(c.Spec.PoolName)); !ok {
		return s
	}
	declared, err := convert.Category(c)
	if err != nil {
		return poolapi.StateOf(err)
	}
	api, err := r.Pools.Connect(ctx, pool)
	if err != nil {
		return poolapi.StateOf(err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := api.PutCategory(ctx, naming.ObjectKey(c.Namespace, c.Name), declared)
	if err != nil {
		if chat.Is(err, chat.Unavailable) {
			r.Pools.Forget(pool)
		}
		return poolapi.StateOf(err)
	}
	c.Status.ID, c.Status.URI, c.Status.Rooms = string(status.ID), status.URI, int32(status.Rooms)
	return condition.True(v1alpha1.ReasonApplied, "the pool has it as declared")
}

// delete takes the category out of its pool; a pool that is gone or going takes it along or keeps it by itself.
func (r *Reconciler) delete(ctx context.Context, before, c *v1alpha1.Category, pool *v1alpha1.ChatPool) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(c, naming.Finalizer) {
		return ctrl.Result{}, nil
	}
	if pool != nil && pool.DeletionTimestamp.IsZero() && !poolapi.Elsewhere(pool) && c.Status.ID != "" {
		if s, ok := poolapi.Reachable(pool, pool.Name); !ok {
			return r.finish(ctx, before, c, s)
		}
		api, err := r.Pools.Connect(ctx, pool)
		if err == nil {
			err = api.DeleteCategory(ctx, naming.ObjectKey(c.Namespace, c.Name), c.Spec.DeletionPolicy != v1alpha1.Delete)
		}
		switch {
		case chat.Is(err, chat.Conflict):
			return r.finish(ctx, before, c, condition.Stuck(v1alpha1.ReasonHasRooms,
				"it cannot be deleted while it has rooms: delete or move them (kubectl -n %s get rooms shows the declared ones), or set deletionPolicy to Retain; the pool says: %v",
				c.Namespace, err))
		case err != nil && !chat.Is(err, chat.NotFound):
			return r.finish(ctx, before, c, poolapi.StateOf(err))
		}
	}
	controllerutil.RemoveFinalizer(c, naming.Finalizer)
	if err := r.Client.Patch(ctx, c, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("remove finalizer: %w", err)
	}
	return ctrl.Result{}, nil
}

// finish writes the status, makes an event of a change, and says when to come again.
func (r *Reconciler) finish(ctx context.Context, before, c *v1alpha1.Category, s condition.State) (ctrl.Result, error) {
	condition.Set(c, v1alpha1.ConditionApplied, s)
	if condition.Summarize(c, map[string]condition.State{v1alpha1.ConditionApplied: s}, s.Message) {
		kind := corev1.EventTypeNormal
		if s.Stalled {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(c, nil, kind, s.Reason, v1alpha1.ConditionApplied, "%s", condition.Note(s.Message))
	}
	if !equality.Semantic.DeepEqual(before.Status, c.Status) {
		if err := r.Client.Status().Patch(ctx, c, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, fmt.Errorf("patch status: %w", err)
		}
	}
	next := calmly
	if s.Status != "True" {
		next = eagerly
	}
	return ctrl.Result{RequeueAfter: next + time.Duration(rand.Int64N(int64(next)/5))}, nil
}

// pool reads the category's pool; nil if there is none.
func (r *Reconciler) pool(ctx context.Context, c *v1alpha1.Category) (*v1alpha1.ChatPool, error) {
	p := &v1alpha1.ChatPool{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: string(c.Spec.PoolName)}, p)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ChatPool %q: %w", c.Spec.PoolName, err)
	}
	return p, nil
}
