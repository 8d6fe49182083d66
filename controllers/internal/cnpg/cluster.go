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

// AnnotationFenced lists instances that are kept down, ["*"] for all.
const AnnotationFenced = "cnpg.io/fencedInstances"

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
	Certificates          *Certificates               `json:"certificates,omitempty"`
	Monitoring            *Monitoring                 `json:"monitoring,omitempty"`
	Replica               *Replica                    `json:"replica,omitempty"`
	ExternalClusters      []ExternalCluster           `json:"externalClusters,omitempty"`
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
	InitDB       *InitDB       `json:"initdb,omitempty"`
	PGBaseBackup *PGBaseBackup `json:"pg_basebackup,omitempty"`
}

// PGBaseBackup copies the database of an external cluster.
type PGBaseBackup struct {
	Source   string `json:"source"`
	Database string `json:"database"`
	Owner    string `json:"owner"`
	Secret   Name   `json:"secret"`
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

// Managed has the further roles and Services.
type Managed struct {
	Roles    []Role    `json:"roles"`
	Services *Services `json:"services,omitempty"`
}

// Services are those besides CloudNativePG's own.
type Services struct {
	Additional []Service `json:"additional"`
}

// Service leads to instances by their role; in a standby, rw is the one that the others follow.
type Service struct {
	SelectorType    string          `json:"selectorType"`
	UpdateStrategy  string          `json:"updateStrategy"`
	ServiceTemplate ServiceTemplate `json:"serviceTemplate"`
}

// ServiceTemplate is the Service.
type ServiceTemplate struct {
	Metadata ServiceMetadata    `json:"metadata"`
	Spec     corev1.ServiceSpec `json:"spec"`
}

// ServiceMetadata is the Service's.
type ServiceMetadata struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Certificates names the CA that CloudNativePG issues certificates from, and further names of the servers.
type Certificates struct {
	ServerCASecret    string   `json:"serverCASecret"`
	ClientCASecret    string   `json:"clientCASecret"`
	ServerAltDNSNames []string `json:"serverAltDNSNames,omitempty"`
}

// Monitoring has the queries of which metrics are made, and for how long their answers are kept.
type Monitoring struct {
	CustomQueriesConfigMap []KeyOf `json:"customQueriesConfigMap"`
	MetricsQueriesTTL      string  `json:"metricsQueriesTTL"`
}

// Replica says which of the external clusters is this one, which is written, and which to follow.
type Replica struct {
	Self    string `json:"self"`
	Primary string `json:"primary"`
	Source  string `json:"source"`
	// PromotionToken: the promotion waits for everything that it stands for.
	PromotionToken string `json:"promotionToken,omitempty"`
}

// ExternalCluster is how a site's database is reached.
type ExternalCluster struct {
	Name string `json:"name"`
	// ConnectionParameters are used by libpq and by pgx, so only those that both know may be named.
	ConnectionParameters map[string]string `json:"connectionParameters"`
	SSLKey               KeyOf             `json:"sslKey"`
	SSLCert              KeyOf             `json:"sslCert"`
	SSLRootCert          KeyOf             `json:"sslRootCert"`
}

// KeyOf is a key of a Secret or ConfigMap.
type KeyOf struct {
	Name string `json:"name"`
	Key  string `json:"key"`
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
