// Package naming is the only place that knows what a pool's children are called: names, labels, annotations, ports
// and paths. Names begin with the pool's, which has at most 32 characters; the longest, of the migration Job and of
// CloudNativePG's instances and their volumes, then stay below 63.
package naming

import (
	"chatpool.dev/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// FieldOwner is the operator's name in server-side apply, and of its lease.
const FieldOwner = "chatpool-operator"

// Labels.
const (
	LabelName      = "app.kubernetes.io/name"
	LabelInstance  = "app.kubernetes.io/instance"
	LabelComponent = "app.kubernetes.io/component"
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// LabelPool leads from a child to its pool.
	LabelPool = "chatpool.dev/pool"
	// LabelCNPGReload makes CloudNativePG read a Secret again when it changes.
	LabelCNPGReload = "cnpg.io/reload"
	// LabelCNPGCluster is on CloudNativePG's pods.
	LabelCNPGCluster = "cnpg.io/cluster"
	// LabelCNPGRole is on CloudNativePG's pods: primary is the one that the others of the Cluster follow.
	LabelCNPGRole = "cnpg.io/instanceRole"
)

// Annotations.
const (
	// AnnotationConfigHash on the pod template restarts servers when a part of the configuration changes that they
	// read at start only.
	AnnotationConfigHash = "chatpool.dev/config-hash"
	// AnnotationBeat on a site's Lease (SiteLease): a number that its operator raises while it lives.
	AnnotationBeat = "chatpool.dev/beat"
	// AnnotationFacts on a site's Lease: what its operator saw of its own database and servers, as JSON.
	AnnotationFacts = "chatpool.dev/facts"
	// AnnotationEpoch on the witness's Lease (WitnessLease): the highest epoch that a holder has noted.
	AnnotationEpoch = "chatpool.dev/epoch"
	// AnnotationFailpoint on a ChatPool: where its site's operator is to die, for tests; only an operator with --failpoints
	// looks at it.
	AnnotationFailpoint = "chatpool.dev/failpoint"
	// AnnotationFenced on a Cluster: it is kept down by us.
	AnnotationFenced = "chatpool.dev/fenced"
	// AnnotationStrayed on a Cluster: its database was open in an epoch that was not its site's.
	AnnotationStrayed = "chatpool.dev/strayed"
	// AnnotationActiveSite on clients' Service: the site to which the pool's public name is to lead, which is this one.
	AnnotationActiveSite = "chatpool.dev/active-site"
	// AnnotationExternalDNS is external-dns's: the name of which it makes a record.
	AnnotationExternalDNS = "external-dns.alpha.kubernetes.io/hostname"
	// Finalizer keeps a ChatPool, Category or Room until the operator has done what its deletionPolicy says.
	Finalizer = "chatpool.dev/finalizer"
)

// Component is a part of a pool.
type Component string

// The parts of a pool.
const (
	Chat     Component = "chat"
	Database Component = "database"
	Migrate  Component = "migrate"
)

// Nobody is the external cluster that a database follows which follows nobody.
const Nobody = "nobody"

// Ports of a chat server, and their names.
const (
	PortSIPS, PortSIP, PortAdmin, PortHTTP = 5061, 5060, 8443, 9090
	NameSIPS, NameSIP                      = "sips", "sip"
	NameAdmin, NameHTTP                    = "admin", "http"
	PortPostgres                           = 5432
)

// Labels are what every child of a pool carries.
func Labels(pool *v1alpha1.ChatPool, c Component) map[string]string {
	l := Selector(pool, c)
	l[LabelManagedBy] = FieldOwner
	l[LabelPool] = pool.Name
	return l
}

// Selector is what finds a component's pods. It never changes.
func Selector(pool *v1alpha1.ChatPool, c Component) map[string]string {
	return map[string]string{LabelName: "chatpool", LabelInstance: pool.Name, LabelComponent: string(c)}
}

// Owned is the metadata of a child that goes with its pool.
func Owned(pool *v1alpha1.ChatPool, name string, c Component) metav1.ObjectMeta {
	m := Kept(pool, name, c)
	yes := true
	m.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "ChatPool", Name: pool.Name, UID: pool.UID,
		Controller: &yes, BlockOwnerDeletion: &yes,
	}}
	return m
}

// Kept is the metadata of a child that outlives its pool unless deletionPolicy is Delete.
func Kept(pool *v1alpha1.ChatPool, name string, c Component) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: pool.Namespace, Labels: Labels(pool, c)}
}

// Key is a child's name and namespace.
func Key(pool *v1alpha1.ChatPool, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: pool.Namespace, Name: name}
}

// ObjectKey is the key by which the pool's admin API knows a Category or a Room: namespace/name of the object.
func ObjectKey(namespace, name string) string { return namespace + "/" + name }
