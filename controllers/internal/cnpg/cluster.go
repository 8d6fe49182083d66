// Package cnpg has the part of CloudNativePG's API (postgresql.cnpg.io/v1, version 1.30) that the operator writes and
// reads, as structs of our own: its module would bring hundreds of packages for two dozen fields. Field documentation
// is CloudNativePG's API reference; a comment here says only why a field is used as it is.
package cnpg

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds.
var (
	GroupVersion = schema.GroupVersion{Group: "postgresql.cnpg.io", Version: "v1"}
	ClusterKind  = GroupVersion.WithKind("Cluster")
	DatabaseKind = GroupVersion.WithKind("Database")
)

// AnnotationSkipWALArchiving: there is no archive, so archive_mode stays off and never flips.
const AnnotationSkipWALArchiving = "cnpg.io/skipWalArchiving"

// Cluster is a PostgreSQL primary with its mirrors.
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ClusterSpec   `json:"spec"`
	Status            ClusterStatus `json:"status,omitzero"`
}

// ClusterSpec is what is wanted.
type ClusterSpec struct {
	Instances             int32                       `json:"instances"`
	ImageName             string                      `json:"imageName,omitempty"`
	InheritedMetadata     Metadata                    `json:"inheritedMetadata,omitzero"`
	Storage               Storage                     `json:"storage"`
	Resources             corev1.ResourceRequirements `json:"resources,omitzero"`
	Affinity              Affinity                    `json:"affinity"`
	EnablePDB             bool                        `json:"enablePDB"`
	EnableSuperuserAccess bool                        `json:"enableSuperuserAccess"`
	PrimaryLease          PrimaryLease                `json:"primaryLease"`
	StopDelay             int32                       `json:"stopDelay"`
	SmartShutdownTimeout  int32                       `json:"smartShutdownTimeout"`
	SwitchoverDelay       int32                       `json:"switchoverDelay"`
	Probes                Probes                      `json:"probes"`
	PostgreSQL            PostgreSQL                  `json:"postgresql"`
	Bootstrap             Bootstrap                   `json:"bootstrap"`
	Managed               Managed                     `json:"managed"`
}

// Metadata is passed on to everything that CloudNativePG makes for the Cluster.
type Metadata struct {
	Labels map[string]string `json:"labels,omitempty"`
}

// Storage is each instance's volume.
type Storage struct {
	Size         string `json:"size"`
	StorageClass string `json:"storageClass,omitempty"`
}

// Affinity keeps instances apart.
type Affinity struct {
	EnablePodAntiAffinity bool   `json:"enablePodAntiAffinity"`
	PodAntiAffinityType   string `json:"podAntiAffinityType"`
	TopologyKey           string `json:"topologyKey"`
}

// PrimaryLease bounds how long a lost primary is waited for.
type PrimaryLease struct {
	LeaseDurationSeconds int32 `json:"leaseDurationSeconds"`
	RenewDeadlineSeconds int32 `json:"renewDeadlineSeconds"`
	RetryPeriodSeconds   int32 `json:"retryPeriodSeconds"`
}

// Probes of the instances' pods.
type Probes struct {
	Startup   Probe `json:"startup"`
	Readiness Probe `json:"readiness"`
}

// Probe is how often a pod is asked.
type Probe struct {
	PeriodSeconds    int32 `json:"periodSeconds"`
	FailureThreshold int32 `json:"failureThreshold"`
}

// PostgreSQL is the server's configuration.
type PostgreSQL struct {
	Synchronous *Synchronous      `json:"synchronous,omitempty"`
	Parameters  map[string]string `json:"parameters,omitempty"`
	HBA         []string          `json:"pg_hba,omitempty"`
}

// Synchronous says which mirrors must have a commit.
type Synchronous struct {
	Method         string `json:"method"`
	Number         int32  `json:"number"`
	DataDurability string `json:"dataDurability"`
	// FailoverQuorum refuses to promote a mirror that may lack an acknowledged commit.
	FailoverQuorum bool `json:"failoverQuorum"`
}

// Bootstrap says how the first instance comes to be. CloudNativePG ignores later changes.
type Bootstrap struct {
	InitDB InitDB `json:"initdb"`
}

// InitDB makes an empty database.
type InitDB struct {
	Database               string   `json:"database"`
	Owner                  string   `json:"owner"`
	Secret                 Name     `json:"secret"`
	DataChecksums          bool     `json:"dataChecksums"`
	Encoding               string   `json:"encoding"`
	LocaleCollate          string   `json:"localeCollate"`
	LocaleCType            string   `json:"localeCType"`
	PostInitApplicationSQL []string `json:"postInitApplicationSQL,omitempty"`
}

// Managed has the further roles.
type Managed struct {
	Roles []Role `json:"roles"`
}

// Role is a database role.
type Role struct {
	Name            string `json:"name"`
	Ensure          string `json:"ensure"`
	Login           bool   `json:"login"`
	ConnectionLimit int64  `json:"connectionLimit"`
	PasswordSecret  Name   `json:"passwordSecret"`
}

// Name names another object.
type Name struct {
	Name string `json:"name"`
}

// DatabaseObject is a further database of a Cluster.
type DatabaseObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              DatabaseSpec `json:"spec"`
}

// DatabaseSpec is what is wanted of it.
type DatabaseSpec struct {
	Name          string `json:"name"`
	Owner         string `json:"owner"`
	Cluster       Name   `json:"cluster"`
	Encoding      string `json:"encoding"`
	LocaleCollate string `json:"localeCollate"`
	LocaleCType   string `json:"localeCType"`
	Template      string `json:"template"`
	ReclaimPolicy string `json:"databaseReclaimPolicy"`
}
