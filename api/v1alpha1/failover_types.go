package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FailoverSpec is a person's word that the other site does not serve and may be overtaken. It is used once: it names
// the epoch that begins by it. The status says which one that would be, and what may be lost.
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.confirmEpoch) || (has(self.confirmEpoch) && self.confirmEpoch >= oldSelf.confirmEpoch)",fieldPath=".confirmEpoch",message="cannot decrease, epochs only grow: leave it as it is, or set the epoch that kubectl chatpool status names"
type FailoverSpec struct {
	// ConfirmEpoch is the epoch to begin, as the status names it.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16777215
	// +optional
	ConfirmEpoch int64 `json:"confirmEpoch,omitempty"`
	// AbandonEpoch is the epoch whose posts may be left behind, where the status asks for it.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16777215
	// +optional
	AbandonEpoch int64 `json:"abandonEpoch,omitempty"`
}

// WitnessSpec says where the witness is: a Lease in a third cluster.
type WitnessSpec struct {
	// KubeconfigSecretName names the Secret (key kubeconfig) by which this site's operator reads and writes the Lease.
	// Its context says the namespace. Without it POOL-witness, which kubectl chatpool witness makes.
	// +optional
	KubeconfigSecretName ObjectName `json:"kubeconfigSecretName,omitempty"`
	// LeaseName is the Lease; without it the pool's name.
	// +optional
	LeaseName ObjectName `json:"leaseName,omitempty"`
}

// TransitionStatus is what a site is in the middle of: a move, or its return.
type TransitionStatus struct {
	// Kind is Creation, Planned, Assisted, Forced or Return.
	Kind string `json:"kind"`
	// Step is where it is.
	Step string `json:"step"`
	// FromEpoch is the epoch that was the highest when it began.
	// +optional
	FromEpoch int64 `json:"fromEpoch,omitempty"`
	// StartedAt is when it began, by this operator's clock.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// WaitingFor says what the step waits for.
	// +optional
	WaitingFor string `json:"waitingFor,omitempty"`
	// NextCommand is what a person can do about it.
	// +optional
	NextCommand string `json:"nextCommand,omitempty"`
	// DataLoss says how much is lost at most, or that nothing is.
	// +optional
	DataLoss string `json:"dataLoss,omitempty"`
}

// Kinds of moves, in status.transition.kind.
const (
	MovePlanned  = "Planned"
	MoveAssisted = "Assisted"
	MoveForced   = "Forced"
	MoveReturn   = "Return" // of a site that was overtaken
)

// StepOldFollows is the last step of a planned move: the new site serves, and the old one is to follow it.
const StepOldFollows = "OldFollows"

// FailoverStatus is what a site's operator tells the other one. It is written by this site's operator alone; to change
// it by hand can lose data.
type FailoverStatus struct {
	// Data is what this site's volumes hold, as last seen: Empty, Partial or Present; absent when not known.
	// +optional
	Data string `json:"data,omitempty"`
	// HeldEpoch is the newest epoch that was seen in this site's database.
	// +optional
	HeldEpoch int64 `json:"heldEpoch,omitempty"`
	// Shut: the chat servers answer, and none of them accepts posts.
	// +optional
	Shut bool `json:"shut,omitempty"`
	// Strayed: the database was open in an epoch that is not this site's, or held more than its source.
	// +optional
	Strayed bool `json:"strayed,omitempty"`
	// VoidedEpoch was confirmed by a person while the active site answered: that word is void.
	// +optional
	VoidedEpoch int64 `json:"voidedEpoch,omitempty"`
	// Claim: this site is about to begin an epoch.
	// +optional
	Claim *EpochClaim `json:"claim,omitempty"`
	// Grant: this site gave the next epoch to the other one.
	// +optional
	Grant *EpochGrant `json:"grant,omitempty"`
	// ReleasedEpoch was given up by this site.
	// +optional
	ReleasedEpoch int64 `json:"releasedEpoch,omitempty"`
}

// EpochClaim stands before a site looks whether it may begin an epoch.
type EpochClaim struct {
	// Kind is Activating or Forcing.
	Kind string `json:"kind"`
	// Epoch that is claimed.
	Epoch int64 `json:"epoch"`
	// Timeline of the database when it was claimed.
	// +optional
	Timeline int64 `json:"timeline,omitempty"`
}

// EpochGrant is the commit point of a planned move.
type EpochGrant struct {
	// Epoch that only the other site can begin.
	Epoch int64 `json:"epoch"`
	// Token stands for everything that was written in the epoch before.
	Token string `json:"token"`
}

// Words for status.dr.
const (
	DRReady    = "Ready"
	DRNotReady = "NotReady"
	DRUnknown  = "Unknown"
)
