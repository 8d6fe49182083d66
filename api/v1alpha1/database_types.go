package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// DatabaseProvider says who runs PostgreSQL.
//
// +kubebuilder:validation:Enum=CloudNativePG;External
type DatabaseProvider string

const (
	// CloudNativePG runs PostgreSQL in the pool's namespace, with a synchronous mirror and automatic failover.
	CloudNativePG DatabaseProvider = "CloudNativePG"
	// External is a PostgreSQL that somebody else runs.
	External DatabaseProvider = "External"
)

// Durability says what a 200 to a post means.
//
// +kubebuilder:validation:Enum=Mirror;PreferMirror
type Durability string

const (
	// Mirror: stored on the primary and on a mirror. Without a mirror no post is taken.
	Mirror Durability = "Mirror"
	// PreferMirror: as Mirror while there is one; without, stored on the primary alone (condition MirrorInSync).
	PreferMirror Durability = "PreferMirror"
)

// DatabaseSpec is about the database.
//
// +kubebuilder:validation:XValidation:rule="!has(self.provider) || self.provider != 'External' || has(self.externalSecretName)",fieldPath=".externalSecretName",message="provider External needs externalSecretName: a Secret whose key uri has the connection, postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full"
// +kubebuilder:validation:XValidation:rule="!has(self.provider) || self.provider != 'CloudNativePG' || !has(self.externalSecretName)",fieldPath=".externalSecretName",message="is for provider External: remove it, or set provider to External"
// +kubebuilder:validation:XValidation:rule="!has(self.provider) || self.provider != 'CloudNativePG' || self.durability != 'Mirror' || self.instances >= 2",fieldPath=".instances",message="durability Mirror needs a mirror: set instances to 2 or more, or durability to PreferMirror"
// +kubebuilder:validation:XValidation:rule="!has(self.walKeep) || quantity(string(self.walKeep)).isLessThan(quantity(string(self.storage.size)))",fieldPath=".walKeep",message="must be smaller than storage.size, the volume holds both: raise storage.size or lower walKeep"
type DatabaseSpec struct {
	// Provider says who runs PostgreSQL: CloudNativePG in this cluster (its operator must be installed), or External.
	// It cannot be changed.
	// +kubebuilder:default=CloudNativePG
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed: make another pool and move the data"
	// +optional
	Provider DatabaseProvider `json:"provider,omitempty"`
	// Instances of PostgreSQL: one primary, the others are mirrors. With 2, losing the mirror stops posts until it is
	// back; with 3, posts go on while any one mirror lives.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9
	// +optional
	Instances int32 `json:"instances,omitempty"`
	// Storage is the volume of each instance.
	// +kubebuilder:default={}
	// +optional
	Storage StorageSpec `json:"storage,omitzero"`
	// Durability says what a 200 to a post means: Mirror (stored on a mirror, too) or PreferMirror.
	// +kubebuilder:default=Mirror
	// +optional
	Durability Durability `json:"durability,omitempty"`
	// WALKeep is how much of the write-ahead log is kept for a mirror or a site that was away; one that was away for
	// longer copies the whole database.
	// +kubebuilder:default="1Gi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('64Mi')) >= 0",message="must be at least 64Mi"
	// +optional
	WALKeep resource.Quantity `json:"walKeep,omitzero"`
	// Resources of each instance.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`
	// Parameters of PostgreSQL, as in postgresql.conf. Those on which the pool's promises rest cannot be set.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)?$'))",message="names of parameters have lower-case letters, digits and _ only, such as work_mem"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !(k in ['synchronous_commit', 'synchronous_standby_names', 'fsync', 'full_page_writes', 'wal_keep_size', 'wal_level', 'hot_standby', 'max_connections']))",message="synchronous_commit, synchronous_standby_names, fsync, full_page_writes, wal_level, hot_standby and max_connections are the operator's: remove them (use durability instead, and walKeep for wal_keep_size)"
	// +optional
	Parameters map[string]string `json:"parameters,omitempty"`
	// ExternalSecretName names the Secret of an External database: key uri, a PostgreSQL connection URI of a role that
	// owns the database; optional key ca.crt.
	// +optional
	ExternalSecretName ObjectName `json:"externalSecretName,omitempty"`
}

// StorageSpec is a volume.
type StorageSpec struct {
	// Size of the volume. It can only grow.
	// +kubebuilder:default="10Gi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",message="can only grow: volumes cannot be made smaller"
	// +optional
	Size resource.Quantity `json:"size,omitzero"`
	// StorageClassName of the volume; the cluster's default class when absent.
	// +optional
	StorageClassName ObjectName `json:"storageClassName,omitempty"`
}
