package poolapi

import (
	"chatpool.dev/api/v1alpha1"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// BecameReachable passes a ChatPool's events after which its categories and rooms should be tried: it appeared,
// it goes, or its first server got ready.
var BecameReachable = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		return reachable(e.ObjectOld) != reachable(e.ObjectNew) ||
			e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
}

func reachable(o client.Object) bool {
	p, ok := o.(*v1alpha1.ChatPool)
	if !ok {
		return false
	}
	_, yes := Reachable(p, p.Name)
	return yes
}
