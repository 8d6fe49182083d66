package moves

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;create;update

// facts are what a site tells the other one of its database, with each beat.
type facts struct {
	Database failover.Database `json:"database"`
}

// beat renews the counter. It says that the operator has looked at everything, and that what followed stands in its
// status. It is guarded by the version that was read when the round began: in an etcd that was restored meanwhile the status is
// an older one, which a fresh beat would confirm.
func (r *round) beat(ctx context.Context) error {
	told, err := json.Marshal(facts{Database: r.observed.Database})
	if err != nil {
		return fmt.Errorf("encode facts: %w", err)
	}
	now := metav1.NewMicroTime(time.Now())
	lease := &coordinationv1.Lease{
		ObjectMeta: naming.Owned(r.pool, naming.SiteLease(r.pool), naming.Chat),
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &r.pair.Self.Name, RenewTime: &now},
	}
	lease.ResourceVersion = r.lease
	lease.Annotations = map[string]string{
		naming.AnnotationBeat: strconv.FormatInt(r.counter+1, 10), naming.AnnotationFacts: string(told),
	}
	if r.lease == "" {
		err = r.Client.Create(ctx, lease, client.FieldOwner(fieldOwner))
	} else {
		err = r.Client.Update(ctx, lease, client.FieldOwner(fieldOwner))
	}
	if err != nil {
		return fmt.Errorf("renew the counter: %w", err)
	}
	return nil
}

// ownBeat reads where the counter stands.
func (r *round) ownBeat(ctx context.Context, pool types.NamespacedName) error {
	lease := &coordinationv1.Lease{}
	key := types.NamespacedName{Namespace: pool.Namespace, Name: naming.SiteLease(&v1alpha1.ChatPool{ObjectMeta: metav1.ObjectMeta{Name: pool.Name}})}
	if err := r.Live.Get(ctx, key, lease); ignoreNotFound(err) != nil {
		return fmt.Errorf("read the counter: %w", err)
	}
	r.lease = lease.ResourceVersion
	r.counter, _, _ = readBeat(lease.Annotations) // one that cannot be read begins anew
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
