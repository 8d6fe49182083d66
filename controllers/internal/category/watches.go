package category

import (
	"context"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/declared"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// New makes the reconciler of Categories.
func New(c client.Client, pools declared.Connector, events declared.Recorder) *declared.Reconciler[*v1alpha1.Category] {
	return &declared.Reconciler[*v1alpha1.Category]{Client: c, Pools: pools, Events: events, Kind: kind{}, Name: "category"}
}

// Setup has the manager put Categories, also those that rooms came to or went from: they count them.
func Setup(mgr ctrl.Manager, pools declared.Connector, events declared.Recorder) error {
	return New(mgr.GetClient(), pools, events).Setup(mgr, &v1alpha1.Category{}, &v1alpha1.CategoryList{}, func(b *builder.Builder) *builder.Builder {
		return b.Watches(&v1alpha1.Room{}, handler.EnqueueRequestsFromMapFunc(ofRoom), builder.WithPredicates(cameOrWent))
	})
}

// ofRoom leads from a room to its category.
func ofRoom(_ context.Context, o client.Object) []reconcile.Request {
	r, ok := o.(*v1alpha1.Room)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: r.Namespace, Name: string(r.Spec.CategoryName)}}}
}

// cameOrWent passes a room's events after which its category has another number of rooms.
var cameOrWent = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Room)
		after, ok2 := e.ObjectNew.(*v1alpha1.Room)
		return ok && ok2 && before.Status.ID != after.Status.ID
	},
}
