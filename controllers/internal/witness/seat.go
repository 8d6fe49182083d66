// Package witness uses a Lease in a third cluster as the third vote of a pool with two sites. At most one site holds it at
// a time, and every write is guarded by the version that was read, so that whoever writes knows that nobody came before.
//
// Rules:
//
//   - Granted is told only after the Lease was renewed in this very look. What a process before this one held is nothing
//     until then; nor is a renewal of which no answer came.
//   - The Lease is free when nobody holds it, or when it was seen not to change for the time of a vote and a margin, by this
//     process's own monotonic clock: times in the Lease are for people. Whoever has not watched for that long is denied.
//   - A site that has no need of the Lease does not renew it.
//   - The epoch that is noted in it (naming.AnnotationEpoch) never falls.
//   - No answer is WitnessUnknown. A Lease that is not there is not made: a new one would forget who holds it.
package witness

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patience is how long an answer may take.
const Patience = time.Second

// Leases reads and writes Leases in the third cluster, past every cache.
type Leases interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
	Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error
}

// Seat is one site's seat before one pool's Lease: what this process has seen of it. One round at a time uses it. The zero
// Seat has seen nothing.
type Seat struct {
	lease     *coordinationv1.Lease // as last read or written; nil: not in this round
	version   string                // of the last one that was read
	changedAt time.Time             // when it was seen to change, or when we began to watch
	readAt    time.Time             // when it was last read
	epoch     int64                 // the highest that was seen noted
}

// Question is what a site wants to know.
type Question struct {
	Leases Leases
	Key    client.ObjectKey
	Site   string // who asks; the holder's name in the Lease
	Limits failover.Limits
	// Needs tells whether the site needs the Lease, given the epoch that is noted in it: only then what it holds is renewed.
	Needs func(epoch int64) bool
}

// Look reads the Lease, and renews it when the site holds and needs it. The error says why the answer is WitnessUnknown.
func (s *Seat) Look(ctx context.Context, q Question) (failover.Witness, error) {
	asked := time.Now()
	s.lease = nil
	lease, err := q.read(ctx)
	if err != nil {
		return failover.Witness{Epoch: s.epoch}, err
	}
	noted, err := epochOf(lease)
	if err != nil {
		return failover.Witness{Epoch: s.epoch}, err
	}
	s.epoch = max(s.epoch, noted)
	// Whoever did not look for so long has not seen that nothing changed.
	gap := asked.Sub(s.readAt) > q.Limits.VoteTTL+q.Limits.Margin
	s.readAt = time.Now()
	if gap || lease.ResourceVersion != s.version {
		s.changedAt = s.readAt
	}
	s.lease, s.version = lease, lease.ResourceVersion
	out := failover.Witness{State: failover.WitnessDenied, Epoch: s.epoch}
	switch holder := holderOf(lease); {
	case holder == "":
		out.State = failover.WitnessFree
	case holder == q.Site && q.Needs(s.epoch):
		if err := s.write(ctx, q, q.Site, s.epoch); err != nil {
			return failover.Witness{Epoch: s.epoch}, err
		}
		out.State = failover.WitnessGranted
	case asked.Sub(s.changedAt) > q.Limits.VoteTTL+q.Limits.Margin:
		out.State = failover.WitnessFree
	}
	return out, nil
}

// Acquire takes the Lease for an epoch, if it is still as it was when Look found it free or granted.
func (s *Seat) Acquire(ctx context.Context, q Question, epoch int64) error {
	if epoch < s.epoch {
		return fmt.Errorf("take the witness for epoch %d: epoch %d is noted there", epoch, s.epoch)
	}
	return s.write(ctx, q, q.Site, epoch)
}

// Yield gives the Lease up, if the site holds it. The epoch stays noted.
func (s *Seat) Yield(ctx context.Context, q Question) error {
	if s.lease != nil && holderOf(s.lease) != q.Site {
		return nil
	}
	return s.write(ctx, q, "", s.epoch)
}

// write makes the Lease somebody's, guarded by the version that was read or written last.
func (s *Seat) write(ctx context.Context, q Question, holder string, epoch int64) error {
	if s.lease == nil {
		return fmt.Errorf("the witness's Lease %s was not read in this round", q.Key)
	}
	next := s.lease.DeepCopy()
	now := metav1.NewMicroTime(time.Now())
	seconds := int32(max(1, q.Limits.VoteTTL/time.Second))
	if before := holderOf(next); before != holder {
		transitions := int32(1)
		if next.Spec.LeaseTransitions != nil {
			transitions += *next.Spec.LeaseTransitions
		}
		next.Spec.LeaseTransitions, next.Spec.AcquireTime = &transitions, &now
	}
	next.Spec.HolderIdentity, next.Spec.RenewTime, next.Spec.LeaseDurationSeconds = &holder, &now, &seconds
	if holder == "" {
		next.Spec.HolderIdentity = nil
	}
	metav1.SetMetaDataAnnotation(&next.ObjectMeta, naming.AnnotationEpoch, strconv.FormatInt(epoch, 10))
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	s.lease = nil // until an answer comes, nothing is known of it
	if err := q.Leases.Update(ctx, next, client.FieldOwner(naming.FieldOwner)); err != nil {
		return fmt.Errorf("write the witness's Lease %s: %w", q.Key, err)
	}
	s.lease, s.version, s.changedAt, s.epoch = next, next.ResourceVersion, time.Now(), epoch
	return nil
}

func (q Question) read(ctx context.Context) (*coordinationv1.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	lease := &coordinationv1.Lease{}
	err := q.Leases.Get(ctx, q.Key, lease)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("the witness's cluster has no Lease %s", q.Key)
	case err != nil:
		return nil, fmt.Errorf("read the witness's Lease %s: %w", q.Key, err)
	}
	return lease, nil
}

func holderOf(l *coordinationv1.Lease) string {
	if l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

// epochOf is the epoch that is noted; 0: none yet.
func epochOf(l *coordinationv1.Lease) (int64, error) {
	text := l.Annotations[naming.AnnotationEpoch]
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > chat.MaxEpoch {
		return 0, fmt.Errorf("annotation %s of the witness's Lease is %q: want an epoch", naming.AnnotationEpoch, text)
	}
	return n, nil
}
