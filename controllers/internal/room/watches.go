package room

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/declared"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// New makes the reconciler of Rooms.
func New(c client.Client, pools declared.Connector, events declared.Recorder) *declared.Reconciler[*v1alpha1.Room] {
	return &declared.Reconciler[*v1alpha1.Room]{Client: c, Pools: pools, Events: events, Kind: kind{c}, Name: "room"}
}

// Setup has the manager put Rooms, also those of a category that changes.
func Setup(mgr ctrl.Manager, pools declared.Connector, events declared.Recorder) error {
	c, list := mgr.GetClient(), &v1alpha1.RoomList{}
	ofCategory := declared.Which(c, list, func(room *v1alpha1.Room, category string) bool {
		return string(room.Spec.CategoryName) == category
	})
	return New(c, pools, events).Setup(mgr, &v1alpha1.Room{}, list, func(b *builder.Builder) *builder.Builder {
		return b.Watches(&v1alpha1.Category{}, ofCategory, builder.WithPredicates(categoryMatters))
	})
}

// categoryMatters passes a category's changes that may change its rooms: once the pool has them.
var categoryMatters = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.Category)
		after, ok2 := e.ObjectNew.(*v1alpha1.Category)
		return ok && ok2 && (before.Status.ObservedGeneration != after.Status.ObservedGeneration ||
			before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
			takesRooms(before) != takesRooms(after))
	},
}
