package room

import (
	"context"
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/poolapi"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// observed is what a room depends on; absent things are nil.
type observed struct {
	pool     *v1alpha1.ChatPool
	category *v1alpha1.Category
}

func (r *Reconciler) observe(ctx context.Context, room *v1alpha1.Room) (observed, error) {
	var seen observed
	pool, category := &v1alpha1.ChatPool{}, &v1alpha1.Category{}
	if found, err := r.get(ctx, room.Namespace, string(room.Spec.PoolName), pool); err != nil {
		return seen, err
	} else if found {
		seen.pool = pool
	}
	if found, err := r.get(ctx, room.Namespace, string(room.Spec.CategoryName), category); err != nil {
		return seen, err
	} else if found {
		seen.category = category
	}
	return seen, nil
}

func (r *Reconciler) get(ctx context.Context, namespace, name string, into client.Object) (bool, error) {
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %T %q: %w", into, name, err)
	}
	return true, nil
}

// placed tells whether the room has a place to be put to, and else what is missing.
func placed(room *v1alpha1.Room, seen observed) (condition.State, bool) {
	name := room.Spec.CategoryName
	switch c := seen.category; {
	case c == nil:
		return condition.Stuck(v1alpha1.ReasonCategoryNotFound,
			"spec.categoryName: there is no Category %s in namespace %s; make it, or name another one (kubectl -n %s get categories)",
			name, room.Namespace, room.Namespace), false
	case c.Spec.PoolName != room.Spec.PoolName:
		return condition.Stuck(v1alpha1.ReasonOtherPool,
			"spec.categoryName: Category %s is in pool %s, the room in %s; name a category of the room's pool", name, c.Spec.PoolName, room.Spec.PoolName), false
	case !c.DeletionTimestamp.IsZero():
		return condition.Stuck(v1alpha1.ReasonCategoryNotReady,
			"spec.categoryName: Category %s is being deleted; name another one, or delete the room", name), false
	}
	if s, ok := poolapi.Reachable(seen.pool, string(room.Spec.PoolName)); !ok {
		return s, false
	}
	if !condition.IsTrue(seen.category, v1alpha1.ConditionApplied) {
		return condition.Waiting(v1alpha1.ReasonCategoryNotReady, "Category %s is not in the pool yet; look: kubectl -n %s describe category %s",
			name, room.Namespace, name), false
	}
	return condition.State{}, true
}
