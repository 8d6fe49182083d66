// Package apply writes objects by server-side apply under one field owner, and nothing else: what the operator does
// not name in an object stays as others made it, what it named before and names no more goes away, and what others
// changed of its fields is put right, in objects that carry the pool's label. An object of the same name that does not
// carry it is somebody else's: it is not touched, and applying to it is refused with ErrNotOurs. Whoever wants the
// operator to take it over labels it.
package apply

import (
	"context"
	"errors"
	"fmt"

	"chatpool.dev/controllers/internal/naming"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ErrNotOurs says that an object of the wanted name belongs to somebody else.
var ErrNotOurs = errors.New("it exists and is not this pool's: rename or delete it, or hand it over by the label " + naming.LabelPool)

// Client is the part of a client that apply needs.
type Client interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error
	Scheme() *runtime.Scheme
}

// Object applies an object with its TypeMeta set: a pointer to one of Kubernetes' structs, or to one of ours.
func Object(ctx context.Context, c Client, obj any) error {
	u, err := Unstructured(obj)
	if err != nil {
		return err
	}
	kind, name := u.GetKind(), u.GetName()
	if err = mayApply(ctx, c, u); err == nil {
		err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(naming.FieldOwner), client.ForceOwnership)
	}
	if err != nil {
		return fmt.Errorf("apply %s %q: %w", kind, name, err)
	}
	return nil
}

// mayApply refuses an object that exists and carries no label of ours. The cache has none but labelled ones, so what it
// has costs no request; what it has not is asked of the API server itself, as unstructured objects are.
func mayApply(ctx context.Context, c Client, want *unstructured.Unstructured) error {
	direct := &unstructured.Unstructured{}
	direct.SetGroupVersionKind(want.GroupVersionKind())
	places := []client.Object{direct}
	if o, err := c.Scheme().New(want.GroupVersionKind()); err == nil {
		if cached, ok := o.(client.Object); ok {
			places = []client.Object{cached, direct}
		}
	}
	for _, live := range places {
		err := c.Get(ctx, client.ObjectKeyFromObject(want), live)
		switch {
		case err == nil && live.GetLabels()[naming.LabelPool] == want.GetLabels()[naming.LabelPool]:
			return nil
		case err == nil:
			return ErrNotOurs
		case !apierrors.IsNotFound(err):
			return err
		}
	}
	return nil
}

// Unstructured is what Object sends: the object without status and without fields that are empty.
func Unstructured(obj any) (*unstructured.Unstructured, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	delete(m, "status")
	prune(m)
	return &unstructured.Unstructured{Object: m}, nil
}

// prune removes nulls and empty maps, which Go structs leave behind (creationTimestamp, resources) and which would
// claim fields that we do not mean to own.
func prune(m map[string]any) {
	for k, v := range m {
		switch v := v.(type) {
		case nil:
			delete(m, k)
		case map[string]any:
			prune(v)
			if len(v) == 0 && !meansAll[k] {
				delete(m, k)
			}
		case []any:
			for _, e := range v {
				if e, ok := e.(map[string]any); ok {
					prune(e)
				}
			}
		}
	}
}

// meansAll are fields whose empty value says "everything".
var meansAll = map[string]bool{"namespaceSelector": true, "podSelector": true}
