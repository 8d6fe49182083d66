package moves

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatpool.dev/controllers/internal/apply"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;patch

// facts are what a site tells the other one of its database, with each beat.
type facts struct {
	Database failover.Database `json:"database"`
}

// beat renews the counter. It says that the operator has looked at everything, and that what followed stands in its
// status.
func (r *round) beat(ctx context.Context) error {
	told, err := json.Marshal(facts{Database: r.observed.Database})
	if err != nil {
		return fmt.Errorf("encode facts: %w", err)
	}
	r.memory.counter++
	now := metav1.NewMicroTime(time.Now())
	lease := &coordinationv1.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: coordinationv1.SchemeGroupVersion.String(), Kind: "Lease"},
		ObjectMeta: naming.Owned(r.pool, naming.SiteLease(r.pool), naming.Chat),
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &r.pair.Self.Name, RenewTime: &now},
	}
	lease.Annotations = map[string]string{
		naming.AnnotationBeat: strconv.FormatInt(r.memory.counter, 10), naming.AnnotationFacts: string(told),
	}
	if err := apply.Object(ctx, r.Client, lease); err != nil {
		return fmt.Errorf("renew the counter: %w", err)
	}
	return nil
}

// ownBeat reads where the counter stands, after a restart.
func (r *round) ownBeat(ctx context.Context) error {
	if r.memory.counter != 0 {
		return nil
	}
	lease := &coordinationv1.Lease{}
	err := r.Live.Get(ctx, naming.Key(r.pool, naming.SiteLease(r.pool)), lease)
	if ignoreNotFound(err) != nil {
		return fmt.Errorf("read the counter: %w", err)
	}
	r.memory.counter, _, _ = readBeat(lease.Annotations)
	return nil
}

// readBeat reads what beat wrote; an empty Lease is a counter of 0.
func readBeat(annotations map[string]string) (counter int64, f facts, err error) {
	text := annotations[naming.AnnotationBeat]
	if text == "" {
		return 0, f, nil
	}
	if counter, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, f, fmt.Errorf("annotation %s: %w", naming.AnnotationBeat, err)
	}
	if err = json.Unmarshal([]byte(annotations[naming.AnnotationFacts]), &f); err != nil {
		return 0, f, fmt.Errorf("annotation %s: %w", naming.AnnotationFacts, err)
	}
	return counter, f, nil
}
