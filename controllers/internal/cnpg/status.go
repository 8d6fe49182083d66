package cnpg

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// PhaseHealthy is CloudNativePG's word for a Cluster with which all is well.
const PhaseHealthy = "Cluster in healthy state"

// ClusterStatus is what CloudNativePG says of a Cluster.
type ClusterStatus struct {
	Instances      int32  `json:"instances,omitempty"`
	ReadyInstances int32  `json:"readyInstances,omitempty"`
	Phase          string `json:"phase,omitempty"`
	PhaseReason    string `json:"phaseReason,omitempty"`
	CurrentPrimary string `json:"currentPrimary,omitempty"`
	TargetPrimary  string `json:"targetPrimary,omitempty"`
	// SwitchReplicaClusterStatus: the Cluster is being turned into one that follows.
	SwitchReplicaClusterStatus SwitchStatus `json:"switchReplicaClusterStatus,omitzero"`
	// DemotionToken is that of the last demotion; it stays after its use.
	DemotionToken string `json:"demotionToken,omitempty"`
	// InstancesStatus lists pods by how they are.
	InstancesStatus map[string][]string `json:"instancesStatus,omitempty"`
}

// SwitchStatus is about the change from a Cluster that is written to one that follows.
type SwitchStatus struct {
	InProgress bool `json:"inProgress,omitempty"`
}

// healthy is the key of InstancesStatus under which ready pods stand.
const healthy = "healthy"

// Read makes a Cluster of what the API server returned.
func Read(u *unstructured.Unstructured) (*Cluster, error) {
	c := &Cluster{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, c); err != nil {
		return nil, fmt.Errorf("read Cluster %q: %w", u.GetName(), err)
	}
	return c, nil
}

// PrimaryReady tells whether the instance that takes writes is up and no other is about to replace it.
func (c *Cluster) PrimaryReady() bool {
	s := c.Status
	if s.CurrentPrimary == "" || s.CurrentPrimary != s.TargetPrimary {
		return false
	}
	for _, pod := range s.InstancesStatus[healthy] {
		if pod == s.CurrentPrimary {
			return true
		}
	}
	return false
}

// Follows tells whether the Cluster follows another one.
func (c *Cluster) Follows() bool {
	return c.Spec.Replica != nil && c.Spec.Replica.Primary != c.Spec.Replica.Self
}

// Mirrors is how many mirrors are ready; CloudNativePG counts only those that follow.
func (c *Cluster) Mirrors() int {
	n := 0
	for _, pod := range c.Status.InstancesStatus[healthy] {
		if pod != c.Status.CurrentPrimary {
			n++
		}
	}
	return n
}
