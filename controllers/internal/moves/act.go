package moves

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// errOvertaken says that the object was written after the decision was made on it.
var errOvertaken = errors.New("the object has changed meanwhile")

// act carries out the decision's action, if the decision still stands.
func (r *round) act(ctx context.Context) error {
	a := r.decision.Action
	do, renewals := r.deeds()[a.Kind], r.renewals()
	if do == nil && len(renewals) == 0 {
		return nil // it was done with the status, or there is nothing to do
	}
	if err := r.stands(ctx); err != nil {
		return fmt.Errorf("%s: %w", a.Kind, err)
	}
	var late error
	if len(renewals) > 0 {
		late = r.renew(ctx, renewals)
	}
	if do == nil {
		return late
	}
	r.point(ctx, "before "+string(a.Kind))
	err := do(ctx, a)
	r.point(ctx, "after "+string(a.Kind))
	if err != nil {
		err = fmt.Errorf("%s: %w", a.Kind, err)
	}
	return errors.Join(late, err)
}

// stands tells whether the object is still as it was decided upon, and the decision young enough.
func (r *round) stands(ctx context.Context) error {
	now := &v1alpha1.ChatPool{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(r.pool), now); err != nil {
		return err
	}
	is, was := now.Status, r.pool.Status
	same := now.UID == r.pool.UID && now.Generation == r.pool.Generation && maps.Equal(now.Annotations, r.pool.Annotations) &&
		is.Role == was.Role && is.Epoch == was.Epoch && equality.Semantic.DeepEqual(is.Failover, was.Failover)
	if !same || !now.DeletionTimestamp.IsZero() {
		return errOvertaken
	}
	if age := time.Since(r.begun); age > failover.ValidFor {
		return fmt.Errorf("the decision is %s old", age.Round(time.Millisecond))
	}
	return nil
}

// deeds are what an action does beside the write of the status.
func (r *round) deeds() map[failover.ActionKind]func(context.Context, failover.Action) error {
	return map[failover.ActionKind]func(context.Context, failover.Action) error{
		failover.Initialise: r.initialise,
		failover.Join:       r.join,
		failover.Follow:     r.follow,
		failover.Clone:      r.clone,
		failover.Demote:     r.isolate,
		failover.Isolate:    r.isolate,
		failover.Promote:    r.promote,
		failover.Fence:      r.fence,
		failover.Unfence:    r.fence,

		failover.Salvage:     r.salvage,
		failover.RecordEpoch: r.recordEpoch,
		failover.Activate:    r.activate,
		failover.Resume:      r.activate,
		failover.Quiesce:     r.quiesce,
		failover.Shut:        r.shut,

		failover.AcquireWitness: r.acquireWitness,
		failover.YieldWitness:   r.yieldWitness,

		failover.PublishAddress:  r.switchAddress,
		failover.WithdrawAddress: r.switchAddress,
	}
}
