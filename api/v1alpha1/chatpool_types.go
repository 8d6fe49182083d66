package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ChatPool is persistent chat for one SIP domain: chat servers, their database with a synchronous mirror, and
// everything between them. The same manifest is applied in both clusters of a pool with two sites.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.servers.replicas,statuspath=.status.servers.replicas,selectorpath=.status.servers.selector
// +kubebuilder:resource:shortName=pool;cpool,categories=chat
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.activeSite`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.status.role`
// +kubebuilder:printcolumn:name="Epoch",type=integer,JSONPath=`.status.epoch`
// +kubebuilder:printcolumn:name="Servers",type=string,JSONPath=`.status.servers.summary`
// +kubebuilder:printcolumn:name="Database",type=string,JSONPath=`.status.database.summary`
// +kubebuilder:printcolumn:name="Mirror",type=string,JSONPath=`.status.database.mirror`
// +kubebuilder:printcolumn:name="Lag",type=string,JSONPath=`.status.replication.lag`
// +kubebuilder:printcolumn:name="DR",type=string,JSONPath=`.status.dr`
// +kubebuilder:printcolumn:name="Step",type=string,JSONPath=`.status.transition.step`
// +kubebuilder:printcolumn:name="Domain",type=string,priority=1,JSONPath=`.spec.domain`
// +kubebuilder:printcolumn:name="Primary",type=string,priority=1,JSONPath=`.status.database.primary`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 32",message="metadata.name: must have at most 32 characters, begin with a letter and contain lower-case letters, digits and - only; the names of its Services and of its database begin with it"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.sites) || self.spec.sites.all(s, size(self.metadata.name) + size(s.name) <= 54)",message="spec.sites[].name: with the pool's name at most 54 characters, the name of a Service contains both: shorten one of them"
type ChatPool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is wanted.
	Spec ChatPoolSpec `json:"spec"`
	// Status is what the operator of this cluster sees.
	// +optional
	Status ChatPoolStatus `json:"status,omitzero"`
}

// ChatPoolList is a list of pools.
//
// +kubebuilder:object:root=true
type ChatPoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ChatPool `json:"items"`
}

// PoolState says in which site a pool with two sites lives.
//
// +kubebuilder:validation:Enum=Normal;FailedOver
type PoolState string

const (
	// Normal: the pool lives in its Primary site.
	Normal PoolState = "Normal"
	// FailedOver: the pool lives in its Backup site.
	FailedOver PoolState = "FailedOver"
)

// ChatPoolSpec is what is wanted of a pool.
//
// +kubebuilder:validation:XValidation:rule="self.poolState != 'FailedOver' || (has(self.sites) && size(self.sites) == 2)",fieldPath=".poolState",message="FailedOver needs a second site: add an entry with role Backup to spec.sites, or set poolState to Normal"
// +kubebuilder:validation:XValidation:rule="!has(self.witness) || (has(self.sites) && size(self.sites) == 2)",fieldPath=".witness",message="a witness is for two sites: add the second entry to spec.sites, or remove witness"
// +kubebuilder:validation:XValidation:rule="self.database.provider != 'External' || !has(self.sites) || size(self.sites) < 2",fieldPath=".database.provider",message="External is for pools with one site: use CloudNativePG, or remove the second entry of spec.sites"
type ChatPoolSpec struct {
	// Domain is the SIP domain of the pool's users and the authority of its room addresses. It cannot be changed.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed, addresses of rooms and users contain it: make another pool for the new domain"
	Domain HostName `json:"domain"`

	// PoolState says where a pool with two sites is wanted: Normal, in the Primary site; FailedOver, in the Backup site.
	// It moves when the manifests of both sites say the same and both operators live; else the status says what is missing.
	// +kubebuilder:default=Normal
	// +optional
	PoolState PoolState `json:"poolState,omitempty"`

	// Sites names the clusters of the pool, at most two; without any, or with one, the pool lives in this cluster
	// alone. An operator knows which site it is from its own flag.
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:XValidation:rule="size(self) == 0 || self.filter(s, s.role == 'Primary').size() == 1",message="exactly one site must have role Primary: set the other one to Backup"
	// +listType=map
	// +listMapKey=name
	// +optional
	Sites []Site `json:"sites,omitempty"`

	// Failover is a person's word for a move while the other site is silent. It is used once.
	// +optional
	Failover *FailoverSpec `json:"failover,omitempty"`

	// Witness is a third place, which no disaster strikes together with either site. With it a site serves only with two
	// of three votes (itself, the other site, the witness), and when a site is lost, poolState moves the pool without a
	// further confirmation.
	// +optional
	Witness *WitnessSpec `json:"witness,omitempty"`

	// MaxDataLossSeconds is how much a pool with two sites may lose when the active one is lost. It moves and stops nothing:
	// the alerts look at twice and three times as much.
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	// +optional
	MaxDataLossSeconds int32 `json:"maxDataLossSeconds,omitempty"`

	// Servers says how many chat servers run, with what resources, and how clients reach them.
	// +kubebuilder:default={}
	// +optional
	Servers ServersSpec `json:"servers,omitzero"`

	// Database says where messages are kept.
	// +kubebuilder:default={}
	// +optional
	Database DatabaseSpec `json:"database,omitzero"`

	// DeletionPolicy says what becomes of database, volumes, CA and passwords when the ChatPool is deleted. Retain
	// (default) keeps them, and a new ChatPool of the same name takes them over.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// TLS names the certificate that clients see. Without it the pool's own CA issues one.
	// +optional
	TLS *TLSSpec `json:"tls,omitempty"`

	// Auth says how users may sign in. SIP Digest with SHA-256 over TLS is always possible.
	// +optional
	Auth AuthSpec `json:"auth,omitzero"`

	// Directory says where users and groups come from.
	// +kubebuilder:default={}
	// +optional
	Directory DirectorySpec `json:"directory,omitzero"`

	// Policy says who may use chat at all. By default nobody may.
	// +optional
	Policy PolicySpec `json:"policy,omitzero"`

	// Limits bound what clients may ask for.
	// +kubebuilder:default={}
	// +optional
	Limits LimitsSpec `json:"limits,omitzero"`
}

// ServersSpec is about the chat servers.
type ServersSpec struct {
	// Replicas is how many chat servers run. Any of them serves any room.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
	// Resources of each chat server.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`
	// Service is how clients reach the servers.
	// +kubebuilder:default={}
	// +optional
	Service ServiceSpec `json:"service,omitzero"`
	// Active lists the servers in service, each as SITE/ORDINAL such as home/0, or as the ordinal alone in a pool with one
	// site. Absent: every server of the active site. The others take no sessions. An empty list stops chat for
	// maintenance: people stay signed in and read, posts get 503.
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=35
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[0-9]{1,2}$')",message="must be SITE/ORDINAL, such as home/0"
	// +listType=set
	// +optional
	Active *[]string `json:"active,omitempty"`
}

// ServiceSpec is about the Service that clients connect to: port 5061 (TLS) and, for trials, 5060 (plain TCP).
//
// +kubebuilder:validation:XValidation:rule="!has(self.nodePorts) || self.type != 'ClusterIP'",fieldPath=".nodePorts",message="a Service of type ClusterIP has no node ports: set type to NodePort or LoadBalancer, or remove nodePorts"
type ServiceSpec struct {
	// Type of the Service.
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	// +kubebuilder:default=ClusterIP
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`
	// Annotations of the Service; load balancers are configured by them.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// NodePorts fixes the ports on the nodes; without it Kubernetes chooses.
	// +optional
	NodePorts *NodePorts `json:"nodePorts,omitempty"`
}

// NodePorts are ports on the cluster's nodes.
//
// +kubebuilder:validation:XValidation:rule="!has(self.sip) || !has(self.sips) || self.sip != self.sips",fieldPath=".sip",message="sip and sips must be two different ports"
type NodePorts struct {
	// SIPS is the node port of 5061, SIP over TLS.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	SIPS int32 `json:"sips,omitempty"`
	// SIP is the node port of 5060, plain TCP; used with auth.plainTCP only.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	SIP int32 `json:"sip,omitempty"`
}

// TLSSpec names a certificate.
type TLSSpec struct {
	// SecretName names a Secret of type kubernetes.io/tls, such as cert-manager keeps. Its renewal needs no restart.
	SecretName ObjectName `json:"secretName"`
}

// AuthSpec says how users may sign in, besides Digest with SHA-256 over TLS.
type AuthSpec struct {
	// LegacyDigest admits clients that know Digest with MD5 only (pidgin-sipe).
	// +kubebuilder:default=false
	// +optional
	LegacyDigest bool `json:"legacyDigest,omitempty"`
	// PlainTCP opens port 5060 without TLS, for trials: messages are readable on the network.
	// +kubebuilder:default=false
	// +optional
	PlainTCP bool `json:"plainTCP,omitempty"`
}

// PolicySpec says who may use chat at all.
type PolicySpec struct {
	// Enabled is the answer for everybody whom neither list names.
	// +kubebuilder:default=false
	// +optional
	Enabled bool `json:"enabled,omitempty"`
	// EnabledFor names who may use chat although it is not enabled for all.
	// +kubebuilder:validation:MaxItems=256
	// +listType=set
	// +optional
	EnabledFor []Principal `json:"enabledFor,omitempty"`
	// DisabledFor names who may not; it wins.
	// +kubebuilder:validation:MaxItems=256
	// +listType=set
	// +optional
	DisabledFor []Principal `json:"disabledFor,omitempty"`
}

// LimitsSpec bounds what clients may ask for.
type LimitsSpec struct {
	// DefaultHistory is how many messages a client gets at once on joining a room.
	// +kubebuilder:default=30
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=500
	// +optional
	DefaultHistory int32 `json:"defaultHistory,omitempty"`
	// MessageBytes is the largest size of a message's text, in bytes of UTF-8.
	// +kubebuilder:default=8192
	// +kubebuilder:validation:Minimum=512
	// +kubebuilder:validation:Maximum=32768
	// +optional
	MessageBytes int32 `json:"messageBytes,omitempty"`
	// ParticipantUpdateLimit: in a room with more participants, comings and goings are not announced any more.
	// +kubebuilder:default=75
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	ParticipantUpdateLimit int32 `json:"participantUpdateLimit,omitempty"`
	// SearchResults is the most rooms or messages that a search answers with.
	// +kubebuilder:default=999
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	SearchResults int32 `json:"searchResults,omitempty"`
	// EndpointsPerUser is how many devices a user may be signed in with at the same time on one server.
	// +kubebuilder:default=16
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	EndpointsPerUser int32 `json:"endpointsPerUser,omitempty"`
}
