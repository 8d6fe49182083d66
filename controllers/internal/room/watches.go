package room

import (
	"context"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"
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

// Setup has the manager run the reconciler: for rooms that change, for those of a category that changes, and for all
// of a pool that becomes reachable.
func (r *Reconciler) Setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("room").
		For(&v1alpha1.Room{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Category{}, r.which(func(room *v1alpha1.Room, category string) bool {
			return string(room.Spec.CategoryName) == category
		}), builder.WithPredicates(categoryMatters)).
		Watches(&v1alpha1.ChatPool{}, r.which(func(room *v1alpha1.Room, pool string) bool {
			return string(room.Spec.PoolName) == pool
		}), builder.WithPredicates(poolapi.BecameReachable)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(reconcile.AsReconciler(mgr.GetClient(), r))
}

// categoryMatters passes a category's changes that may change its rooms: once the pool has them.
var categoryMatters = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Category)
		after, ok2 := e.ObjectNew.(*v1alpha1.Category)
		return ok && ok2 && (before.Status.ObservedGeneration != after.Status.ObservedGeneration ||
			before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
			condition.IsTrue(before, v1alpha1.ConditionApplied) != condition.IsTrue(after, v1alpha1.ConditionApplied))
	},
}

// which leads from an object to the rooms that it matters to.
func (r *Reconciler) which(matters func(room *v1alpha1.Room, name string) bool) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		var list v1alpha1.RoomList
		if err := r.Client.List(ctx, &list, client.InNamespace(o.GetNamespace())); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "list rooms", "of", o.GetName())
			return nil
		}
		var out []reconcile.Request
		for i := range list.Items {
			if matters(&list.Items[i], o.GetName()) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
			}
		}
		return out
	})
}
