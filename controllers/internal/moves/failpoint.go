package moves

import (
	"context"
	"encoding/json"
	"os"

	"chatpool.dev/controllers/internal/naming"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// point is a place at which the operator may die: tests do it on purpose, power cuts any time.
func (r *round) point(ctx context.Context, name string) {
	if r.Killed != nil {
		r.Killed(name)
	}
	if r.Failpoints && r.pool.Annotations[naming.AnnotationFailpoint] == name {
		r.die(ctx, name)
	}
}

// die ends the program like a kill, once: the annotation goes before.
func (r *round) die(ctx context.Context, name string) {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{naming.AnnotationFailpoint: nil}}})
	if err != nil {
		return
	}
	if err := r.Client.Patch(ctx, r.pool.DeepCopy(), client.RawPatch(types.MergePatchType, body), client.FieldOwner(fieldOwner)); err != nil {
		return // not yet, then: it would die at each start
	}
	r.Log.Warn("the operator ends itself at a failpoint", "point", name)
	os.Exit(exitKilled)
}

// exitKilled is the exit code of a program that was killed by SIGKILL.
const exitKilled = 137
