package declared

import (
	"context"
	"fmt"

	"chatpool.dev/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// workers is how many objects of a kind are worked on at the same time.
const workers = 4

// Setup has the manager run the reconciler for objects that change and for all of a pool that becomes reachable; more
// adds what else matters to the kind. empty and list are an object of the kind and a list of them, without content.
func (r *Reconciler[O]) Setup(mgr ctrl.Manager, empty O, list client.ObjectList, more func(*builder.Builder) *builder.Builder) error {
	ofPool := Which(r.Client, list, func(o O, pool string) bool { return o.GetPoolName() == pool })
	b := ctrl.NewControllerManagedBy(mgr).Named(r.Name).
		For(empty, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, wordGiven))).
		Watches(&v1alpha1.ChatPool{}, ofPool, builder.WithPredicates(becameReachable)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers})
	return more(b).Complete(reconcile.AsReconciler(mgr.GetClient(), r))
}

// Which leads from an object to those of a kind, in its namespace, to which its name matters.
func Which[O Object](c client.Reader, list client.ObjectList, matters func(o O, name string) bool) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, changed client.Object) []reconcile.Request {
		all, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			panic(fmt.Sprintf("a deep copy of %T is no list", list))
		}
		var out []reconcile.Request
		err := c.List(ctx, all, client.InNamespace(changed.GetNamespace()))
		if err == nil {
			err = meta.EachListItem(all, func(item runtime.Object) error {
				if o, ok := item.(O); ok && matters(o, changed.GetName()) {
					out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
				}
				return nil
			})
		}
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "list whom a change matters to", "changed", changed.GetName(), "list", fmt.Sprintf("%T", list))
		}
		return out
	})
}

// wordGiven passes the events after which an object has another AnnotationApply.
var wordGiven = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetAnnotations()[v1alpha1.AnnotationApply] != e.ObjectNew.GetAnnotations()[v1alpha1.AnnotationApply]
	},
}

// becameReachable passes a ChatPool's events after which its categories and rooms should be tried: it appeared,
// it goes, or its first server got ready.
var becameReachable = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		return isReachable(e.ObjectOld) != isReachable(e.ObjectNew) ||
			e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
}

func isReachable(o client.Object) bool {
	p, ok := o.(*v1alpha1.ChatPool)
	if !ok {
		return false
	}
	_, yes := reachable(p, p.Name)
	return yes
}
