package chatpool

import (
	"context"
	"sync"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/naming"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Watched are the kinds of children that the operator lists and watches, all by its label: the cache keeps no other.
func Watched() []client.Object {
	return []client.Object{
		&appsv1.StatefulSet{}, &batchv1.Job{}, &corev1.Service{}, &corev1.ConfigMap{}, &corev1.ServiceAccount{},
		&networkingv1.NetworkPolicy{}, &policyv1.PodDisruptionBudget{},
	}
}

// Setup has the manager run the reconciler.
func (r *Reconciler) Setup(mgr ctrl.Manager) error {
	b := ctrl.NewControllerManagedBy(mgr).Named("chatpool").WithOptions(controller.Options{MaxConcurrentReconciles: 2}).
		For(&v1alpha1.ChatPool{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{},
			predicate.Funcs{UpdateFunc: moved})))
	for _, kind := range Watched() {
		b = b.Watches(kind, handler.EnqueueRequestsFromMapFunc(poolOf))
	}
	c, err := b.Build(reconcile.AsReconciler(mgr.GetClient(), r))
	if err != nil {
		return err
	}
	if r.Woken != nil {
		if err := c.Watch(source.Channel(r.Woken, &handler.EnqueueRequestForObject{})); err != nil {
			return err
		}
	}
	// CloudNativePG may be installed after us: its Clusters are watched from the first round that finds the kind.
	var lock sync.Mutex
	watched := false
	r.Database = func() error {
		lock.Lock()
		defer lock.Unlock()
		if watched {
			return nil
		}
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(cnpg.ClusterKind)
		err := c.Watch(source.Kind[client.Object](mgr.GetCache(), u, handler.EnqueueRequestsFromMapFunc(poolOf)))
		watched = err == nil
		return err
	}
	return nil
}

// moved tells whether package moves has changed something in the status on which Ready and the phases rest.
func moved(e event.UpdateEvent) bool {
	was, ok := e.ObjectOld.(*v1alpha1.ChatPool)
	is, too := e.ObjectNew.(*v1alpha1.ChatPool)
	if !ok || !too || !is.HasTwoSites() {
		return false
	}
	step := func(p *v1alpha1.ChatPool) string {
		serving, _ := condition.Get(p, v1alpha1.ConditionServing)
		out := p.Status.Role + " " + string(serving)
		if t := p.Status.Transition; t != nil {
			out += " " + t.Kind + " " + t.Step
		}
		if peer := p.Status.Peer; peer != nil {
			out += " " + peer.Role
		}
		return out
	}
	return step(was) != step(is)
}

// poolOf leads from a child to its pool by the label.
func poolOf(_ context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[naming.LabelPool]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
}
