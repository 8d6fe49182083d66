package chatpool

import (
	"context"
	"fmt"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gvk "k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=delete
// +kubebuilder:rbac:groups="",resources=services;configmaps,verbs=delete
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=delete
// +kubebuilder:rbac:groups=postgresql.cnpg.io,resources=clusters;databases,verbs=get;delete

// delete does what deletionPolicy says, then lets the pool go. What carries an owner reference goes with it. What was
// kept is found again by name and label when a pool of the same name is made.
func (r *Reconciler) delete(ctx context.Context, pool *v1alpha1.ChatPool) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(pool, naming.Finalizer) {
		return ctrl.Result{}, nil
	}
	if pool.Spec.DeletionPolicy == v1alpha1.Delete {
		gone, err := r.deleteKept(ctx, pool)
		if err != nil {
			return ctrl.Result{}, err
		}
		if !gone {
			return ctrl.Result{RequeueAfter: 2 * time.Second}, r.say(ctx, pool, "the database is being deleted")
		}
		r.Events.Eventf(pool, nil, corev1.EventTypeNormal, "DataDeleted", "Delete", "database, volumes, CA and passwords are deleted (deletionPolicy: Delete)")
	} else {
		r.Events.Eventf(pool, nil, corev1.EventTypeNormal, "DataRetained", "Delete",
			"database, CA and passwords stay (deletionPolicy: Retain): a ChatPool %s made anew takes them over; to delete them for good: kubectl -n %s delete cluster.postgresql.cnpg.io,database.postgresql.cnpg.io,secret,networkpolicy -l %s=%s",
			pool.Name, pool.Namespace, naming.LabelPool, pool.Name)
	}
	before := pool.DeepCopy()
	controllerutil.RemoveFinalizer(pool, naming.Finalizer)
	if err := r.Client.Patch(ctx, pool, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("remove finalizer: %w", err)
	}
	forgetMetrics(pool)
	return ctrl.Result{}, nil
}

// deleteKept deletes what carries no owner reference, and tells whether the database is gone.
func (r *Reconciler) deleteKept(ctx context.Context, pool *v1alpha1.ChatPool) (bool, error) {
	secret := func(name string) client.Object {
		s := &corev1.Secret{}
		s.Name = name
		return s
	}
	policy := &networkingv1.NetworkPolicy{}
	policy.Name = naming.Cluster(pool)
	cluster := foreign(cnpg.ClusterKind, naming.Cluster(pool))
	objects := []client.Object{
		foreign(cnpg.DatabaseKind, naming.ComplianceDatabase(pool)), cluster, policy,
		secret(naming.CASecret(pool)), secret(naming.MadeUsersSecret(pool)),
		secret(naming.RoleSecret(pool, naming.ChatRole)), secret(naming.RoleSecret(pool, naming.ComplianceRole)),
	}
	if pool.HasTwoSites() {
		objects = append(objects, keptSites(pool)...)
		objects = append(objects, secret(naming.SharedCASecret(pool)))
	}
	for _, o := range objects {
		if err := r.deleteOurs(ctx, pool, o); err != nil {
			return false, err
		}
	}
	exists, err := r.get(ctx, pool, cluster.GetName(), cluster)
	if meta.IsNoMatchError(err) {
		return true, nil
	}
	return !exists, err
}

// keptSites are what build.SiteObjects makes.
func keptSites(pool *v1alpha1.ChatPool) []client.Object {
	named := func(o client.Object, name string) client.Object { o.SetName(name); return o }
	var out []client.Object
	for _, s := range pool.Spec.Sites {
		name := naming.SiteService(pool, s.Name)
		out = append(out, named(&corev1.Service{}, name), foreign(discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"), name))
	}
	return out
}

// deleteOurs deletes an object if it carries the pool's label.
func (r *Reconciler) deleteOurs(ctx context.Context, pool *v1alpha1.ChatPool, o client.Object) error {
	found, err := r.get(ctx, pool, o.GetName(), o)
	if meta.IsNoMatchError(err) || err == nil && (!found || o.GetLabels()[naming.LabelPool] != pool.Name) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.Client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %T %q: %w", o, o.GetName(), err)
	}
	return nil
}

// say writes what a deletion waits for into the status.
func (r *Reconciler) say(ctx context.Context, pool *v1alpha1.ChatPool, what string) error {
	before := pool.DeepCopy()
	pool.Status.State = v1alpha1.StateDeleting
	setDeleting(pool, what)
	if err := r.Client.Status().Patch(ctx, pool, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	return nil
}

func foreign(kind gvk.GroupVersionKind, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	u.SetName(name)
	return u
}
