// Package room is what is particular about Rooms among the objects that are declared in a pool: a room is in a Category,
// is put again when that changes, and has a condition that names the members, managers and presenters whom the category
// does not allow and whom the pool leaves out.
package room

import (
	"context"
	"fmt"
	"strings"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/declared"
	"chatpool.dev/controllers/internal/naming"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// +kubebuilder:rbac:groups=chatpool.dev,resources=rooms,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chatpool.dev,resources=rooms/status,verbs=patch

// kind is declared.Kind of Rooms.
type kind struct{ reader client.Reader }

// Place: there must be a category in the room's pool, and it must not be going.
func (k kind) Place(ctx context.Context, room *v1alpha1.Room) error {
	name := room.Spec.CategoryName
	c, err := k.category(ctx, room)
	switch {
	case err != nil:
		return err
	case c == nil:
		return stuck(v1alpha1.ReasonCategoryNotFound,
			"spec.categoryName: there is no Category %s in namespace %s; make it, or name another one (kubectl -n %s get categories)",
			name, room.Namespace, room.Namespace)
	case c.Spec.PoolName != room.Spec.PoolName:
		return stuck(v1alpha1.ReasonOtherPool,
			"spec.categoryName: Category %s is in pool %s, the room in %s; name a category of the room's pool", name, c.Spec.PoolName, room.Spec.PoolName)
	case !c.DeletionTimestamp.IsZero():
		return stuck(v1alpha1.ReasonCategoryNotReady,
			"spec.categoryName: Category %s is being deleted; name another one, or delete the room", name)
	}
	return nil
}

func (kind) Fields(room *v1alpha1.Room) (declared.Fields, error) {
	want, err := convert.Room(room)
	return fields(want), err
}

// fields names them as the manifest does.
func fields(r adminapi.Room) declared.Fields {
	return declared.Fields{
		"categoryName": r.Category, "name": r.Name, "description": r.Description,
		"privacy": string(r.Privacy), "type": string(r.Type), "invitations": string(r.Invitations), "disabled": declared.Bool(r.Disabled, false),
		"members": declared.List(r.Members), "managers": declared.List(r.Managers), "presenters": declared.List(r.Presenters),
	}
}

func (kind) Find(ctx context.Context, api *adminapi.Client, room *v1alpha1.Room) (declared.Found, error) {
	state, err := api.Room(ctx, naming.ObjectKey(room.Namespace, room.Name))
	if err != nil || state.Withdrawn != nil {
		return declared.Found{Withdrawn: state.Withdrawn}, err
	}
	room.Status.ID, room.Status.URI = string(state.ID), state.URI
	return declared.Found{Hash: state.Declared, Fields: fields(state.Room)}, nil
}

func (k kind) Put(ctx context.Context, api *adminapi.Client, room *v1alpha1.Room, hash string) error {
	if err := k.categoryApplied(ctx, room); err != nil {
		return err
	}
	want, err := convert.Room(room)
	if err != nil {
		return err
	}
	want.Declared = hash
	status, err := api.PutRoom(ctx, naming.ObjectKey(room.Namespace, room.Name), want)
	if chat.Is(err, chat.NotFound) {
		return waits("Category %s is not in the pool yet: %v", room.Spec.CategoryName, err)
	}
	if err != nil {
		return err
	}
	room.Status.ID, room.Status.URI, room.Status.OutOfScope = string(status.ID), status.URI, nil
	for _, p := range status.OutOfScope {
		room.Status.OutOfScope = append(room.Status.OutOfScope, string(p))
	}
	return nil
}

// takesRooms tells whether the pool has the category, be it with another content.
func takesRooms(c *v1alpha1.Category) bool {
	return condition.IsTrue(c, v1alpha1.ConditionApplied) || condition.IsTrue(c, v1alpha1.ConditionDeclarationDiffers)
}

// categoryApplied spares the pool rooms that it could not take yet.
func (k kind) categoryApplied(ctx context.Context, room *v1alpha1.Room) error {
	c, err := k.category(ctx, room)
	if err != nil {
		return err
	}
	if c == nil || !takesRooms(c) {
		return waits("Category %s is not in the pool yet; look: kubectl -n %s describe category %s",
			room.Spec.CategoryName, room.Namespace, room.Spec.CategoryName)
	}
	return nil
}

func (kind) Delete(ctx context.Context, api *adminapi.Client, room *v1alpha1.Room) error {
	return api.DeleteRoom(ctx, naming.ObjectKey(room.Namespace, room.Name), room.Spec.DeletionPolicy != v1alpha1.Delete)
}

func (kind) States(room *v1alpha1.Room, applied condition.State) map[string]condition.State {
	return map[string]condition.State{v1alpha1.ConditionApplied: applied, v1alpha1.ConditionScopeSatisfied: scope(room, applied)}
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

// category reads the room's category; nil if there is none.
func (k kind) category(ctx context.Context, room *v1alpha1.Room) (*v1alpha1.Category, error) {
	c := &v1alpha1.Category{}
	err := k.reader.Get(ctx, client.ObjectKey{Namespace: room.Namespace, Name: string(room.Spec.CategoryName)}, c)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Category %q: %w", room.Spec.CategoryName, err)
	}
	return c, nil
}

func stuck(reason, format string, args ...any) error {
	return &declared.Verdict{State: condition.Stuck(reason, format, args...)}
}

func waits(format string, args ...any) error {
	return &declared.Verdict{State: condition.Waiting(v1alpha1.ReasonCategoryNotReady, format, args...)}
}
