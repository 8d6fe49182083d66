// Package declared puts objects that declare something in a pool, Categories and Rooms, into it, over the pool's admin
// API. What differs between the kinds is a Kind; the rest is here, once:
//
//   - An object is put whenever its manifest changes, when its pool becomes reachable and every minute, so whatever
//     changed in the pool is put right; a put that changes nothing costs the pool nothing.
//   - An object that is deleted stays until its pool has let go of it. A pool that is gone, or goes, takes no object
//     hostage; one that cannot be asked for a while does, if it ever had the object.
//   - A pool that cannot be asked now does not unsay what it said of the same manifest before.
//   - Of a pool's two sites only the active one puts and deletes. An object that the pool has with another content, or
//     has let go of, by the other site's word is reported and not put before somebody changes it or says so: a Git branch
//     that lags re-adds nobody.
package declared

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Object is a manifest that declares something in a pool.
type Object interface {
	client.Object
	condition.Object
	// GetPoolName names the ChatPool in the object's namespace.
	GetPoolName() string
	// GetID is the pool's id of what is declared; empty as long as the pool is not known to have it.
	GetID() string
	// GetDeclaration gives what this site did with the content, for changing it in place.
	GetDeclaration() *v1alpha1.DeclarationStatus
	// SetObservedGeneration notes which generation the status is about.
	SetObservedGeneration(int64)
}

// Kind is what differs between the kinds of objects. An error that is a Verdict is the state to report.
type Kind[O Object] interface {
	// Place finds out whether there is a place for the object, before its pool is asked.
	Place(ctx context.Context, o O) error
	// Fields is what it declares.
	Fields(o O) (Fields, error)
	// Find asks what the pool has under its key, and notes in its status where that is; NotFound if there never was any.
	Find(ctx context.Context, api *adminapi.Client, o O) (Found, error)
	// Put makes it in the pool what it declares, of which hash is, and notes in its status what the pool said.
	Put(ctx context.Context, api *adminapi.Client, o O, hash string) error
	// Delete takes it out of the pool as its deletionPolicy says.
	Delete(ctx context.Context, api *adminapi.Client, o O) error
	// States are the states of the conditions that its ReadyWhen lists, given that of Applied.
	States(o O, applied condition.State) map[string]condition.State
}

// Recorder tells people what happened.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Connector gives the admin API of a pool; Forget makes it connect anew.
type Connector interface {
	Connect(ctx context.Context, pool *v1alpha1.ChatPool) (*adminapi.Client, error)
	Forget(pool *v1alpha1.ChatPool)
}

// Reconciler puts objects of a kind into their pools.
type Reconciler[O Object] struct {
	Client client.Client
	Pools  Connector
	Events Recorder
	Kind   Kind[O]
	// Name of the kind for people and for kubectl, such as room.
	Name string
}

// How long until the next put: when all is well, when somebody must change something first (which most often brings an
// event), and when it goes on by itself.
const (
	calmly    = time.Minute
	patiently = 10 * time.Second
	eagerly   = 2 * time.Second
)

// patience is how long a pool may take to answer; a pool that does not must not hold up the others for long.
const patience = 5 * time.Second

// Reconcile puts the object, or takes it out when it is being deleted.
func (r *Reconciler[O]) Reconcile(ctx context.Context, o O) (ctrl.Result, error) {
	pool, err := r.pool(ctx, o)
	if err != nil {
		return ctrl.Result{}, err
	}
	before := copyOf(o)
	if !o.GetDeletionTimestamp().IsZero() {
		return r.delete(ctx, before, o, pool)
	}
	if controllerutil.AddFinalizer(o, naming.Finalizer) {
		if err := r.Client.Patch(ctx, o, client.MergeFrom(before)); err != nil {
			return ctrl.Result{}, fmt.Errorf("add finalizer: %w", err)
		}
		before = copyOf(o)
	}
	s, err := r.put(ctx, o, pool)
	if err != nil {
		return ctrl.Result{}, err
	}
	return r.finish(ctx, before, o, lasting(o, s))
}

// put puts the object and says how that went; an error is one of reading the cluster.
func (r *Reconciler[O]) put(ctx context.Context, o O, pool *v1alpha1.ChatPool) (condition.State, error) {
	if err := r.Kind.Place(ctx, o); err != nil {
		var v *Verdict
		if errors.As(err, &v) {
			return v.State, nil
		}
		return condition.State{}, err
	}
	if pool == nil || !pool.HasTwoSites() || elsewhere(pool) {
		meta.RemoveStatusCondition(o.GetConditions(), v1alpha1.ConditionDeclarationDiffers)
	}
	if s, ok := reachable(pool, o.GetPoolName()); !ok {
		return s, nil
	}
	if err := r.ask(ctx, pool, func(ctx context.Context, api *adminapi.Client) error { return r.apply(ctx, api, o, pool) }); err != nil {
		return stateOf(err), nil
	}
	return condition.True(v1alpha1.ReasonApplied, "the pool has it as declared"), nil
}

// ask calls a pool's admin API.
func (r *Reconciler[O]) ask(ctx context.Context, pool *v1alpha1.ChatPool, call func(context.Context, *adminapi.Client) error) error {
	api, err := r.Pools.Connect(ctx, pool)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = call(ctx, api)
	var v *Verdict
	if !errors.As(err, &v) && chat.Is(err, chat.Unavailable) {
		r.Pools.Forget(pool)
	}
	return err
}

// delete takes the object out of its pool; a pool that is gone or going takes it along or keeps it by itself. A pool
// that can be asked is asked also when the status knows of no put: its answer to the last one may have been lost. With
// two sites a site lets go, without a word to the pool, of what it has not looked after since it became active.
func (r *Reconciler[O]) delete(ctx context.Context, before, o O, pool *v1alpha1.ChatPool) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(o, naming.Finalizer) {
		return ctrl.Result{}, nil
	}
	switch {
	case pool == nil || !pool.DeletionTimestamp.IsZero():
	case elsewhere(pool) || pool.Status.Role == v1alpha1.RoleActive && pool.HasTwoSites() && !looksAfter(*o.GetDeclaration(), pool.Status.Epoch):
		r.Events.Eventf(o, nil, corev1.EventTypeNormal, v1alpha1.ReasonDeleting, "Delete",
			"the pool keeps it: it was deleted here while ChatPool %s lived in its other site", pool.Name)
	default:
		s, ok := reachable(pool, pool.Name)
		switch {
		case ok:
			err := r.ask(ctx, pool, func(ctx context.Context, api *adminapi.Client) error { return r.Kind.Delete(ctx, api, o) })
			if err != nil && !chat.Is(err, chat.NotFound) {
				return r.finish(ctx, before, o, stateOf(err))
			}
		case o.GetID() != "":
			return r.finish(ctx, before, o, s)
		}
	}
	controllerutil.RemoveFinalizer(o, naming.Finalizer)
	if err := r.Client.Patch(ctx, o, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("remove finalizer: %w", err)
	}
	return ctrl.Result{}, nil
}

// finish writes the status, makes an event of a change, and says when to come again.
func (r *Reconciler[O]) finish(ctx context.Context, before, o O, applied condition.State) (ctrl.Result, error) {
	o.SetObservedGeneration(o.GetGeneration())
	states := r.Kind.States(o, applied)
	for _, name := range o.ReadyWhen() {
		condition.Set(o, name, states[name])
	}
	if condition.Summarize(o, states, applied.Message) {
		ready := meta.FindStatusCondition(*o.GetConditions(), v1alpha1.ConditionReady)
		kind := corev1.EventTypeNormal
		if condition.IsTrue(o, v1alpha1.ConditionStalled) {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(o, nil, kind, ready.Reason, v1alpha1.ConditionApplied, "%s", condition.Note(ready.Message))
	}
	if !equality.Semantic.DeepEqual(before, o) {
		if err := r.Client.Status().Patch(ctx, o, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, fmt.Errorf("patch status: %w", err)
		}
	}
	next := eagerly
	switch {
	case applied.Status == "True":
		next = calmly
	case applied.Stalled:
		next = patiently
	}
	return ctrl.Result{RequeueAfter: next + time.Duration(rand.Int64N(int64(next)/5))}, nil
}

// pool reads the object's pool; nil if there is none.
func (r *Reconciler[O]) pool(ctx context.Context, o O) (*v1alpha1.ChatPool, error) {
	p := &v1alpha1.ChatPool{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: o.GetPoolName()}, p)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ChatPool %q: %w", o.GetPoolName(), err)
	}
	return p, nil
}

// copyOf copies an object; a kind's deep copy is of the kind.
func copyOf[O Object](o O) O {
	c, ok := o.DeepCopyObject().(O)
	if !ok {
		panic(fmt.Sprintf("a deep copy of %T is of another type", o))
	}
	return c
}
