// Package room puts Room objects into their pools, over the pool's admin API. It puts again every minute and whenever
// the room's category changes, so whatever changed there is put right. Members, managers and presenters whom the
// category does not allow are left out by the pool and named in a condition.
package room

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
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
	"k8s.io/apimachinery/pkg/api/meta"
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

// Reconciler puts a Room into its pool.
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

// +kubebuilder:rbac:groups=chatpool.dev,resources=rooms,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chatpool.dev,resources=rooms/status,verbs=patch

// Reconcile puts the room, or takes it out when it is being deleted.
func (r *Reconciler) Reconcile(ctx context.Context, room *v1alpha1.Room) (ctrl.Result, error) {
	seen, err := r.observe(ctx, room)
	if err != nil {
		return ctrl.Result{}, err
	}
	before := room.DeepCopy()
	if !room.DeletionTimestamp.IsZero() {
		return r.delete(ctx, before, room, seen.pool)
	}
	if controllerutil.AddFinalizer(room, naming.Finalizer) {
		if err := r.Client.Patch(ctx, room, client.MergeFrom(before)); err != nil {
			return ctrl.Result{}, fmt.Errorf("add finalizer: %w", err)
		}
		before = room.DeepCopy()
	}
	room.Status.ObservedGeneration = room.Generation
	s, ok := placed(room, seen)
	if ok {
		s = r.put(ctx, room, seen.pool)
	}
	return r.finish(ctx, before, room, poolapi.Lasting(room, s))
}

// put puts the room and says how that went.
func (r *Reconciler) put(ctx context.Context, room *v1alpha1.Room, pool *v1alpha1.ChatPool) condition.State {
	declared, err := convert.Room(room)
	if err != nil {
		return poolapi.StateOf(err)
	}
	api, err := r.Pools.Connect(ctx, pool)
	if err != nil {
		return poolapi.StateOf(err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := api.PutRoom(ctx, naming.ObjectKey(room.Namespace, room.Name), declared)
	if chat.Is(err, chat.NotFound) {
		return condition.Waiting(v1alpha1.ReasonCategoryNotReady, "Category %s is not in the pool yet: %v", room.Spec.CategoryName, err)
	}
	if err != nil {
		if chat.Is(err, chat.Unavailable) {
			r.Pools.Forget(pool)
		}
		return poolapi.StateOf(err)
	}
	room.Status.ID, room.Status.URI, room.Status.OutOfScope = string(status.ID), status.URI, nil
	for _, p := range status.OutOfScope {
		room.Status.OutOfScope = append(room.Status.OutOfScope, string(p))
	}
	return condition.True(v1alpha1.ReasonApplied, "the pool has it as declared")
}

// delete takes the room out of its pool; a pool that is gone or going takes it along or keeps it by itself.
func (r *Reconciler) delete(ctx context.Context, before, room *v1alpha1.Room, pool *v1alpha1.ChatPool) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(room, naming.Finalizer) {
		return ctrl.Result{}, nil
	}
	if pool != nil && pool.DeletionTimestamp.IsZero() && !poolapi.Elsewhere(pool) && room.Status.ID != "" {
		if s, ok := poolapi.Reachable(pool, pool.Name); !ok {
			return r.finish(ctx, before, room, s)
		}
		api, err := r.Pools.Connect(ctx, pool)
		if err == nil {
			err = api.DeleteRoom(ctx, naming.ObjectKey(room.Namespace, room.Name), room.Spec.DeletionPolicy != v1alpha1.Delete)
		}
		if err != nil && !chat.Is(err, chat.NotFound) {
			return r.finish(ctx, before, room, poolapi.StateOf(err))
		}
	}
	controllerutil.RemoveFinalizer(room, naming.Finalizer)
	if err := r.Client.Patch(ctx, room, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("remove finalizer: %w", err)
	}
	return ctrl.Result{}, nil
}

// finish writes the status, makes an event of a change, and says when to come again.
func (r *Reconciler) finish(ctx context.Context, before, room *v1alpha1.Room, applied condition.State) (ctrl.Result, error) {
	states := map[string]condition.State{v1alpha1.ConditionApplied: applied, v1alpha1.ConditionScopeSatisfied: scope(room, applied)}
	for _, name := range room.ReadyWhen() {
		condition.Set(room, name, states[name])
	}
	if condition.Summarize(room, states, applied.Message) {
		ready := meta.FindStatusCondition(room.Status.Conditions, v1alpha1.ConditionReady)
		kind := corev1.EventTypeNormal
		if condition.IsTrue(room, v1alpha1.ConditionStalled) {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(room, nil, kind, ready.Reason, v1alpha1.ConditionApplied, "%s", condition.Note(ready.Message))
	}
	if !equality.Semantic.DeepEqual(before.Status, room.Status) {
		if err := r.Client.Status().Patch(ctx, room, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, fmt.Errorf("patch status: %w", err)
		}
	}
	next := calmly
	if applied.Status != "True" {
		next = eagerly
	}
	return ctrl.Result{RequeueAfter: next + time.Duration(rand.Int64N(int64(next)/5))}, nil
}

// scope tells whom the category does not allow.
func scope(room *v1alpha1.Room, applied condition.State) condition.State {
	out := room.Status.OutOfScope
	switch {
	case applied.Status != "True":
		return condition.Unknown(applied.Reason, "not known before the room is applied")
	case len(out) == 0:
		return condition.True(v1alpha1.ReasonInScope, "everybody named is in the category's scope")
	}
	return condition.Stuck(v1alpha1.ReasonOutOfScope,
		"left out, because Category %s does not allow them: %s; add them to its allowedMembers (and see its deniedMembers), or remove them here",
		room.Spec.CategoryName, strings.Join(out, ", "))
}
