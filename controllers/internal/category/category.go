// Package category is what is particular about Categories among the objects that are declared in a pool: one with rooms
// is not removed, and the status counts the rooms.
package category

import (
	"context"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/declared"
	"chatpool.dev/controllers/internal/naming"
)

// +kubebuilder:rbac:groups=chatpool.dev,resources=categories,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=chatpool.dev,resources=categories/status,verbs=patch

// kind is declared.Kind of Categories.
type kind struct{}

// Place: a category needs nothing but its pool.
func (kind) Place(context.Context, *v1alpha1.Category) error { return nil }

func (kind) Fields(c *v1alpha1.Category) (declared.Fields, error) {
	want, err := convert.Category(c)
	return fields(want), err
}

// fields names them as the manifest does.
func fields(c adminapi.Category) declared.Fields {
	return declared.Fields{
		"name": c.Name, "description": c.Description,
		"allowedMembers": declared.List(c.AllowedMembers), "deniedMembers": declared.List(c.DeniedMembers), "creators": declared.List(c.Creators),
		"chatHistory": declared.Bool(c.ChatHistory == nil || *c.ChatHistory, true),
		"fileUpload":  declared.Bool(c.FileUpload, false), "invitations": declared.Bool(c.Invitations, false),
	}
}

func (kind) Find(ctx context.Context, api *adminapi.Client, c *v1alpha1.Category) (declared.Found, error) {
	state, err := api.Category(ctx, naming.ObjectKey(c.Namespace, c.Name))
	if err != nil || state.Withdrawn != nil {
		return declared.Found{Withdrawn: state.Withdrawn}, err
	}
	note(c, state.CategoryStatus)
	return declared.Found{Hash: state.Declared, Fields: fields(state.Category)}, nil
}

func (kind) Put(ctx context.Context, api *adminapi.Client, c *v1alpha1.Category, hash string) error {
	want, err := convert.Category(c)
	if err != nil {
		return err
	}
	want.Declared = hash
	status, err := api.PutCategory(ctx, naming.ObjectKey(c.Namespace, c.Name), want)
	if err != nil {
		return err
	}
	note(c, status)
	return nil
}

// note keeps what the pool says of a category.
func note(c *v1alpha1.Category, s adminapi.CategoryStatus) {
	c.Status.ID, c.Status.URI, c.Status.Rooms = string(s.ID), s.URI, int32(s.Rooms)
}

func (kind) Delete(ctx context.Context, api *adminapi.Client, c *v1alpha1.Category) error {
	err := api.DeleteCategory(ctx, naming.ObjectKey(c.Namespace, c.Name), c.Spec.DeletionPolicy != v1alpha1.Delete)
	if chat.Is(err, chat.Conflict) {
		return &declared.Verdict{State: condition.Stuck(v1alpha1.ReasonHasRooms,
			"it cannot be deleted while it has rooms: delete or move them (kubectl -n %s get rooms shows the declared ones), or set deletionPolicy to Retain; the pool says: %v",
			c.Namespace, err)}
	}
	return err
}

func (kind) States(_ *v1alpha1.Category, applied condition.State) map[string]condition.State {
	return map[string]condition.State{v1alpha1.ConditionApplied: applied}
}
