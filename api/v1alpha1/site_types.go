package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SiteRole says where a pool lives when its state is Normal.
//
// +kubebuilder:validation:Enum=Primary;Backup
type SiteRole string

const (
	// SitePrimary is where the pool lives in state Normal.
	SitePrimary SiteRole = "Primary"
	// SiteBackup is where it lives in state FailedOver.
	SiteBackup SiteRole = "Backup"
)

// Site is one of the clusters of a pool.
type Site struct {
	// Name of the site, as the operator there is told by --site.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="must have lower-case letters, digits and - only, such as home"
	Name string `json:"name"`
	// Role says where the pool lives when its state is Normal.
	Role SiteRole `json:"role"`
	// SIPName is where clients reach the site's chat servers over TLS, HOST or HOST:PORT (5061). Clients of the standby
	// site are sent to that of the active one.
	// +kubebuilder:validation:MaxLength=259
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$')",message="must be HOST or HOST:PORT, such as chat.home.example.com"
	// +optional
	SIPName string `json:"sipName,omitempty"`
	// HTTPSName is the public DNS name of the site's web pages.
	// +optional
	HTTPSName HostName `json:"httpsName,omitempty"`
	// DatabaseEndpoint is where the other site's database reaches this one's, HOST or HOST:PORT (5432); HOST is an
	// IPv4 address or a DNS name. A pool with two sites needs it in both.
	// +kubebuilder:validation:MaxLength=259
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$')",message="must be HOST or HOST:PORT, such as db.backup.example.com:5432"
	// +optional
	DatabaseEndpoint string `json:"databaseEndpoint,omitempty"`
	// DatabaseService has the operator make the Service behind databaseEndpoint. Without it the endpoint must lead to
	// the Service POOL-db-rw by other means, such as a network that spans both clusters.
	// +optional
	DatabaseService *DatabaseService `json:"databaseService,omitempty"`
	// KubeconfigSecretName names the Secret (key kubeconfig) by which the other site's operator reads this cluster; it
	// is kept in the other cluster. Without it POOL-peer-NAME, which kubectl chatpool peer makes.
	// +optional
	KubeconfigSecretName ObjectName `json:"kubeconfigSecretName,omitempty"`
}

// DatabaseService is the Service by which the other site's database reaches this one's. Only holders of a certificate
// of the pool's database CA get in.
//
// +kubebuilder:validation:XValidation:rule="!has(self.nodePort) || self.type == 'NodePort'",fieldPath=".nodePort",message="is for type NodePort: remove it, or set type to NodePort"
type DatabaseService struct {
	// Type of the Service.
	// +kubebuilder:validation:Enum=NodePort;LoadBalancer
	Type corev1.ServiceType `json:"type"`
	// NodePort fixes the port on the nodes; without it Kubernetes chooses.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	NodePort int32 `json:"nodePort,omitempty"`
	// Annotations of the Service; load balancers are configured by them.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Roles of a site, in status.role of a ChatPool with two sites; it is exactly one of these.
const (
	RoleActive    = "Active"    // its chat servers accept posts, in the highest epoch
	RoleStandby   = "Standby"   // its database follows the other site's
	RoleProbation = "Probation" // it may be the right one but has no proof; chat stays shut
	RoleFenced    = "Fenced"    // it knows of an epoch that its own database does not hold, or that it gave away
)

// What is known of the other site, in status.peer.state.
const (
	PeerAlive   = "Alive"   // its operator renews its counter
	PeerSilent  = "Silent"  // its API server answers, its operator does not renew its counter
	PeerUnknown = "Unknown" // its API server does not answer; the site may live or not
)

// PeerStatus is what this site knows of the other one.
type PeerStatus struct {
	// Site is the other site.
	// +optional
	Site string `json:"site,omitempty"`
	// State of the other site: Alive, Silent or Unknown.
	// +optional
	State string `json:"state,omitempty"`
	// Since is when the state was seen to change, by this operator's clock.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// Role is what the other site last said that it is.
	// +optional
	Role string `json:"role,omitempty"`
	// Message says why the other site is not Alive.
	// +optional
	Message string `json:"message,omitempty"`
}

// States of replication, in status.replication.state.
const (
	ReplicationStreaming    = "Streaming"    // the standby follows
	ReplicationNotFollowing = "NotFollowing" // it does not
	ReplicationUnknown      = "Unknown"      // the databases cannot be asked
)

// ReplicationStatus says how far the standby site is behind.
type ReplicationStatus struct {
	// State is Streaming, NotFollowing or Unknown.
	// +optional
	State string `json:"state,omitempty"`
	// Lag is how much would be lost if the active site were lost now, for people.
	// +optional
	Lag string `json:"lag,omitempty"`
	// LagSeconds is the same in seconds, rounded up; absent when nothing is known.
	// +optional
	LagSeconds *int64 `json:"lagSeconds,omitempty"`
	// LagBytes is how much of the write-ahead log the standby lacks; absent when nothing is known.
	// +optional
	LagBytes *int64 `json:"lagBytes,omitempty"`
	// LastSeen is when the standby was last seen following; absent while it follows.
	// +optional
	LastSeen *metav1.Time `json:"lastSeen,omitempty"`
}

// HasTwoSites tells whether the pool is made to live in either of two clusters.
func (p *ChatPool) HasTwoSites() bool { return len(p.Spec.Sites) == 2 }
