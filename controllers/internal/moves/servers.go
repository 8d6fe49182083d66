package moves

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// each asks something of every server at once.
func (r *round) each(ctx context.Context, what func(context.Context, string, *adminapi.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askTime)
	defer cancel()
	var (
		all  sync.WaitGroup
		errs = make([]error, len(r.seen.own.pods))
	)
	for i, name := range slices.Sorted(maps.Keys(r.seen.own.pods)) {
		all.Go(func() {
			if err := what(ctx, name, r.seen.own.pods[name]); err != nil {
				errs[i] = fmt.Errorf("server %s: %w", name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// one asks something of any server that answers.
func (r *round) one(ctx context.Context, what func(context.Context, *adminapi.Client) error) error {
	err := errors.New("no server answers")
	for _, name := range slices.Sorted(maps.Keys(r.seen.own.said)) {
		asking, cancel := context.WithTimeout(ctx, 2*askTime)
		err = what(asking, r.seen.own.pods[name])
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// activate opens every server that is not open in the epoch. The tickets are older than the proof: they were given
// before the other site was read.
func (r *round) activate(ctx context.Context, a failover.Action) error {
	return r.each(ctx, func(ctx context.Context, name string, c *adminapi.Client) error {
		said, answered := r.seen.own.said[name]
		if !answered || said.Activation.Epoch == a.Epoch {
			return nil
		}
		o, voted := r.opening(a.Epoch, said.Activation, r.decision.KeepFor)
		if !voted {
			return errors.New("nobody votes for this site")
		}
		_, err := c.Activate(ctx, o)
		return err
	})
}

func (r *round) quiesce(ctx context.Context, a failover.Action) error {
	return r.one(ctx, func(ctx context.Context, c *adminapi.Client) error {
		_, err := c.Quiesce(ctx, a.Epoch)
		return err
	})
}

// shut takes the right of every server, and has the database bar the epoch for those that do not answer.
func (r *round) shut(ctx context.Context, _ failover.Action) error {
	err := r.each(ctx, func(ctx context.Context, _ string, c *adminapi.Client) error {
		_, err := c.Deactivate(ctx)
		return err
	})
	if f := r.seen.own.facts; f != nil && len(f.Epochs) > 0 && len(r.seen.own.said) < len(r.seen.own.pods) {
		err = errors.Join(err, r.quiesce(ctx, failover.Action{Epoch: f.Epochs[0].Epoch}))
	}
	return err
}

func (r *round) recordEpoch(ctx context.Context, a failover.Action) error {
	return r.one(ctx, func(ctx context.Context, c *adminapi.Client) error {
		return c.RecordEpoch(ctx, adminapi.Recording{Epoch: a.Epoch, Site: r.pair.Self.Name, Timeline: a.Timeline})
	})
}

// switchAddress has the pool's public name lead to this site, or not: external-dns makes records of the Service's
// annotation.
func (r *round) switchAddress(ctx context.Context, a failover.Action) error {
	s := r.seen.own.address
	if s == nil {
		return nil // the Service comes, and is looked at again
	}
	here := map[string]any{naming.AnnotationActiveSite: nil, naming.AnnotationExternalDNS: nil}
	if a.Kind == failover.PublishAddress {
		here = map[string]any{naming.AnnotationActiveSite: r.pair.Self.Name, naming.AnnotationExternalDNS: string(r.pool.Spec.Domain)}
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": here}})
	if err != nil {
		return err
	}
	return r.Client.Patch(ctx, s, client.RawPatch(types.MergePatchType, body), client.FieldOwner(fieldOwner))
}
