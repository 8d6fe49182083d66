package chatpool

import (
	"context"
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// observed is what exists of a pool at the beginning of a round; absent things are nil.
type observed struct {
	secrets    map[string]*corev1.Secret
	cluster    *cnpg.Cluster
	noCNPG     bool
	servers    *appsv1.StatefulSet
	migrations []batchv1.Job
}

func (r *Reconciler) observe(ctx context.Context, pool *v1alpha1.ChatPool) (observed, error) {
	seen := observed{secrets: map[string]*corev1.Secret{}}
	if err := r.observeSecrets(ctx, pool, &seen); err != nil {
		return seen, err
	}
	if err := r.observeDatabase(ctx, pool, &seen); err != nil {
		return seen, err
	}
	servers := &appsv1.StatefulSet{}
	if found, err := r.get(ctx, pool, naming.Servers(pool), servers); err != nil {
		return seen, err
	} else if found {
		seen.servers = servers
	}
	var jobs batchv1.JobList
	if err := r.Client.List(ctx, &jobs, client.InNamespace(pool.Namespace), client.MatchingLabels(naming.Labels(pool, naming.Migrate))); err != nil {
		return seen, fmt.Errorf("list migrations: %w", err)
	}
	seen.migrations = jobs.Items
	return seen, nil
}

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get

// observeSecrets reads each Secret that the pool needs by its name.
func (r *Reconciler) observeSecrets(ctx context.Context, pool *v1alpha1.ChatPool, seen *observed) error {
	names := []string{
		naming.CASecret(pool), naming.ServerTLSSecret(pool), naming.InternalTLSSecret(pool), naming.OperatorTLSSecret(pool),
		naming.UsersSecret(pool), naming.DatabaseSecret(pool),
	}
	if pool.Spec.Database.Provider == v1alpha1.CloudNativePG {
		names = append(names, naming.RoleSecret(pool, naming.ComplianceRole))
	}
	if pool.HasTwoSites() {
		names = append(names, naming.SharedCASecret(pool), naming.OwnDatabaseCASecret(pool))
	}
	for _, name := range names {
		s := &corev1.Secret{}
		if found, err := r.get(ctx, pool, name, s); err != nil {
			return err
		} else if found {
			seen.secrets[name] = s
		}
	}
	return nil
}

// +kubebuilder:rbac:groups=postgresql.cnpg.io,resources=clusters,verbs=get;list;watch

// observeDatabase reads the Cluster, and notices when CloudNativePG is not there.
func (r *Reconciler) observeDatabase(ctx context.Context, pool *v1alpha1.ChatPool, seen *observed) error {
	if pool.Spec.Database.Provider != v1alpha1.CloudNativePG {
		return nil
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	found, err := r.get(ctx, pool, naming.Cluster(pool), u)
	if meta.IsNoMatchError(err) {
		seen.noCNPG = true
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.Database(); err != nil {
		return fmt.Errorf("watch CloudNativePG: %w", err)
	}
	if found {
		seen.cluster, err = cnpg.Read(u)
	}
	return err
}

// get reads a child and tells whether it exists.
func (r *Reconciler) get(ctx context.Context, pool *v1alpha1.ChatPool, name string, into client.Object) (bool, error) {
	err := r.Client.Get(ctx, naming.Key(pool, name), into)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %T %q: %w", into, name, err)
	}
	return true, nil
}
