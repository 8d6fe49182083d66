package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ChatPoolStatus is what the operator of this cluster sees of the pool.
type ChatPoolStatus struct {
	// ObservedGeneration is the generation of the manifest that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// State is a word for people, derived from the conditions: Creating, Running, Updating, Degraded, Stalled, Standby,
	// Moving, Returning or Deleting. Programs read conditions.
	// +optional
	State string `json:"state,omitempty"`
	// Site is the site of the operator that writes this status.
	// +optional
	Site string `json:"site,omitempty"`
	// ActiveSite is the site that this one knows to be active.
	// +optional
	ActiveSite string `json:"activeSite,omitempty"`
	// Role of this site in a pool with two: Active, Standby, Probation or Fenced.
	// +optional
	Role string `json:"role,omitempty"`
	// Epoch is the highest that this site knows of; 0 before the first.
	// +optional
	Epoch int64 `json:"epoch,omitempty"`
	// DR says whether the pool could move to the other site now: Ready, NotReady or Unknown. Conditions FailoverReady and
	// FailbackReady say more.
	// +optional
	DR string `json:"dr,omitempty"`
	// Transition is what this site is in the middle of.
	// +optional
	Transition *TransitionStatus `json:"transition,omitempty"`
	// Failover is what this site tells the other one about itself.
	// +optional
	Failover *FailoverStatus `json:"failover,omitempty"`
	// Peer is about the other site.
	// +optional
	Peer *PeerStatus `json:"peer,omitempty"`
	// Replication is about the standby site's following.
	// +optional
	Replication *ReplicationStatus `json:"replication,omitempty"`
	// Salvage is about posts that the other site had accepted and not sent here, when this site overtook it.
	// +optional
	Salvage *SalvageStatus `json:"salvage,omitempty"`
	// Address is the pool's SIP address.
	// +optional
	Address string `json:"address,omitempty"`
	// Servers is about the chat servers.
	// +optional
	Servers ServersStatus `json:"servers,omitzero"`
	// Database is about the database.
	// +optional
	Database DatabaseStatus `json:"database,omitzero"`
	// Certificates says until when the certificates are valid.
	// +optional
	Certificates CertificatesStatus `json:"certificates,omitzero"`
	// Conditions: Ready, Reconciling and Stalled, then one per concern.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Words for people, in status.state of a ChatPool.
const (
	StateCreating  = "Creating"
	StateRunning   = "Running"
	StateUpdating  = "Updating"
	StateDegraded  = "Degraded"
	StateStalled   = "Stalled"
	StateStandby   = "Standby"   // it lives in another site
	StateMoving    = "Moving"    // it is on its way from one site to the other
	StateReturning = "Returning" // it was overtaken, and is on its way back to following
	StateDeleting  = "Deleting"
)

// ServersStatus is about the chat servers.
type ServersStatus struct {
	// Replicas is how many servers exist.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// Ready is how many of them are ready.
	// +optional
	Ready int32 `json:"ready,omitempty"`
	// Summary is ready/wanted, as in 2/2.
	// +optional
	Summary string `json:"summary,omitempty"`
	// Selector finds the servers' pods; for autoscalers.
	// +optional
	Selector string `json:"selector,omitempty"`
	// Image is what the servers run, or roll out to.
	// +optional
	Image string `json:"image,omitempty"`
}

// DatabaseStatus is about the database.
type DatabaseStatus struct {
	// Instances is how many instances are ready.
	// +optional
	Instances int32 `json:"instances,omitempty"`
	// Summary is ready/wanted, as in 2/2.
	// +optional
	Summary string `json:"summary,omitempty"`
	// Primary is the instance that takes writes.
	// +optional
	Primary string `json:"primary,omitempty"`
	// Mirror is InSync, Lost, None or Unknown.
	// +optional
	Mirror string `json:"mirror,omitempty"`
}

// CertificatesStatus says until when the certificates are valid.
type CertificatesStatus struct {
	// ServerNotAfter is when the certificate that clients see expires.
	// +optional
	ServerNotAfter *metav1.Time `json:"serverNotAfter,omitempty"`
	// CANotAfter is when the pool's CA expires.
	// +optional
	CANotAfter *metav1.Time `json:"caNotAfter,omitempty"`
}

// GetConditions gives the conditions for changing them in place.
func (p *ChatPool) GetConditions() *[]metav1.Condition { return &p.Status.Conditions }

// ReadyWhen lists the conditions that must be True for the pool to be Ready, in the order in which they come true.
func (p *ChatPool) ReadyWhen() []string {
	if p.IsMoving() { // what it waits for comes before what is only a consequence
		return []string{ConditionServing, ConditionCertificatesReady, ConditionDirectoryReady, ConditionDatabaseReady, ConditionServersReady}
	}
	if p.HasTwoSites() && p.Status.Role != RoleActive {
		// Nothing is migrated, and no mirror waited for, where nobody writes.
		list := []string{ConditionCertificatesReady, ConditionDirectoryReady, ConditionDatabaseReady, ConditionServersReady}
		if p.Status.Role != RoleStandby {
			list = append(list, ConditionServing)
		}
		return list
	}
	list := []string{ConditionCertificatesReady, ConditionDirectoryReady, ConditionDatabaseReady}
	if p.Spec.Database.Provider == CloudNativePG && p.Spec.Database.Durability == Mirror {
		list = append(list, ConditionMirrorInSync)
	}
	list = append(list, ConditionSchemaReady, ConditionServersReady)
	if p.HasTwoSites() {
		list = append(list, ConditionServing)
	}
	return list
}

// IsMoving tells whether this site is in the middle of a move, and does not serve meanwhile.
func (p *ChatPool) IsMoving() bool {
	t := p.Status.Transition
	if !p.HasTwoSites() || t == nil || t.Step == StepOldFollows {
		return false
	}
	return t.Kind == MovePlanned || t.Kind == MoveAssisted || t.Kind == MoveForced
}
