package category

import (
	"context"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/poolapi"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Setup has the manager run the reconciler: for categories that change, for those that rooms came to or went from (they
// count them), and for all of a pool that becomes reachable.
func (r *Reconciler) Setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("category").
		For(&v1alpha1.Category{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Room{}, handler.EnqueueRequestsFromMapFunc(ofRoom), builder.WithPredicates(cameOrWent)).
		Watches(&v1alpha1.ChatPool{}, handler.EnqueueRequestsFromMapFunc(r.ofPool), builder.WithPredicates(poolapi.BecameReachable)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(reconcile.AsReconciler(mgr.GetClient(), r))
}

func (r *Reconciler) ofPool(ctx context.Context, pool client.Object) []reconcile.Request {
	var list v1alpha1.CategoryList
	if err := r.Client.List(ctx, &list, client.InNamespace(pool.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list categories", "pool", pool.GetName())
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		if string(list.Items[i].Spec.PoolName) == pool.GetName() {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return out
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
