package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SalvageStatus is what the site that serves found in the database of the one that it overtook.
type SalvageStatus struct {
	// FromSite is whose database it is.
	FromSite string `json:"fromSite"`
	// Epoch whose posts are looked for.
	Epoch int64 `json:"epoch"`
	// State is Running or Completed.
	State string `json:"state"`
	// StartedAt is when it began, by this operator's clock.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// CompletedAt is when everything was found here, by this operator's clock.
	// +optional
	CompletedAt *metav1.Time `json:"completedAt,omitempty"`
	// Rooms is how many rooms have posts that were not sent here; RoomsDone, of how many of them all posts are here.
	// +optional
	Rooms int64 `json:"rooms,omitempty"`
	// +optional
	RoomsDone int64 `json:"roomsDone,omitempty"`
	// Found is how many such posts there are so far.
	// +optional
	Found int64 `json:"found,omitempty"`
	// Recovered is how many of them were appended to their rooms.
	// +optional
	Recovered int64 `json:"recovered,omitempty"`
	// Resent is how many of them were here before, as their authors had sent them again.
	// +optional
	Resent int64 `json:"resent,omitempty"`
	// Details are the rooms with the most found posts, at most 50.
	// +optional
	// +listType=atomic
	Details []RoomSalvage `json:"details,omitempty"`
	// Differences are other things that differ between the two databases, for a person to judge, at most 50.
	// +optional
	// +listType=atomic
	Differences []string `json:"differences,omitempty"`
	// Waiting says what it waits for.
	// +optional
	Waiting string `json:"waiting,omitempty"`
}

// RoomSalvage is what was found of one room.
type RoomSalvage struct {
	// Room is its name.
	Room string `json:"room"`
	// Found, Recovered and Resent are those of the whole, for this room.
	Found int64 `json:"found"`
	// +optional
	Recovered int64 `json:"recovered,omitempty"`
	// +optional
	Resent int64 `json:"resent,omitempty"`
	// Recreated: the room was made there after the fork. Here it was made anew, disabled, for administrators to judge.
	// +optional
	Recreated bool `json:"recreated,omitempty"`
	// Done: all of its posts are here.
	// +optional
	Done bool `json:"done,omitempty"`
}

// States of a salvage, in status.salvage.state.
const (
	SalvageRunning   = "Running"
	SalvageCompleted = "Completed"
)
