package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Room is where people chat.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=chatroom,categories=chat
// +kubebuilder:printcolumn:name="Category",type=string,JSONPath=`.spec.categoryName`
// +kubebuilder:printcolumn:name="Name",type=string,priority=1,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Privacy",type=string,JSONPath=`.spec.privacy`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Disabled",type=boolean,priority=1,JSONPath=`.spec.disabled`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Room struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is wanted.
	Spec RoomSpec `json:"spec"`
	// Status is what the operator sees.
	// +optional
	Status RoomStatus `json:"status,omitzero"`
}

// RoomList is a list of rooms.
//
// +kubebuilder:object:root=true
type RoomList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Room `json:"items"`
}

// RoomSpec is what is wanted of a room.
//
// +kubebuilder:validation:XValidation:rule="self.type == 'Auditorium' || !has(self.presenters) || size(self.presenters) == 0",fieldPath=".presenters",message="a Normal room has no presenters: set type to Auditorium, or remove them"
type RoomSpec struct {
	// PoolName names the ChatPool, in the same namespace. It cannot be changed.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed, rooms do not move between pools: make another one there"
	PoolName PoolName `json:"poolName"`
	// CategoryName names the Category object that the room is in, in the same namespace. Changing it moves the room.
	CategoryName ObjectName `json:"categoryName"`
	// Name for people, unique in the pool; the object's name when absent.
	// +optional
	Name DisplayName `json:"name,omitempty"`
	// Description for people.
	// +optional
	Description Description `json:"description,omitempty"`
	// Privacy: Open (everybody whom the category allows reads and posts), Closed (everybody allowed finds it, members
	// read and post) or Secret (members alone find it).
	// +kubebuilder:validation:Enum=Open;Closed;Secret
	// +kubebuilder:default=Closed
	// +optional
	Privacy string `json:"privacy,omitempty"`
	// Type: in a Normal room whoever reads may post, in an Auditorium only presenters.
	// +kubebuilder:validation:Enum=Normal;Auditorium
	// +kubebuilder:default=Normal
	// +optional
	Type string `json:"type,omitempty"`
	// Invitations: Inherit (as the category says) or "False" (none).
	// +kubebuilder:validation:Enum=Inherit;False
	// +kubebuilder:default=Inherit
	// +optional
	Invitations string `json:"invitations,omitempty"`
	// Disabled: nobody finds or joins the room; its messages, roles and settings stay.
	// +kubebuilder:default=false
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// Members of a closed or secret room; an open room needs none.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=set
	// +optional
	Members []Principal `json:"members,omitempty"`
	// Managers change the room. Managing gives no right to join.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=set
	// +optional
	Managers []Principal `json:"managers,omitempty"`
	// Presenters post in an Auditorium; in a closed or secret one they must be members, too.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=set
	// +optional
	Presenters []Principal `json:"presenters,omitempty"`
	// DeletionPolicy says what deleting this object does. Retain (default): the room is disabled and its messages stay.
	// Delete: the room is removed with its messages.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// RoomStatus is what the operator sees of a room.
type RoomStatus struct {
	// ObservedGeneration is the generation of the manifest that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// ID of the room in the pool.
	// +optional
	ID string `json:"id,omitempty"`
	// URI of the room for clients, ma-chan://DOMAIN/ID.
	// +optional
	URI string `json:"uri,omitempty"`
	// OutOfScope names who is declared in the room and left out, because the category does not allow them.
	// +kubebuilder:validation:MaxItems=3072
	// +optional
	OutOfScope []string `json:"outOfScope,omitempty"`
	// Declaration is what this site did with the content, in a pool with two sites.
	// +optional
	Declaration DeclarationStatus `json:"declaration,omitzero"`
	// Conditions: Ready, Reconciling, Stalled, Applied and ScopeSatisfied; DeclarationDiffers in a pool with two sites.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GetConditions gives the conditions for changing them in place.
func (r *Room) GetConditions() *[]metav1.Condition { return &r.Status.Conditions }

// ReadyWhen lists the conditions that must be True for the room to be Ready.
func (r *Room) ReadyWhen() []string { return []string{ConditionApplied, ConditionScopeSatisfied} }

// GetPoolName names the room's pool.
func (r *Room) GetPoolName() string { return string(r.Spec.PoolName) }

// GetID is the pool's id of the room; empty as long as the pool is not known to have it.
func (r *Room) GetID() string { return r.Status.ID }

// GetDeclaration gives what this site did with the content, for changing it in place.
func (r *Room) GetDeclaration() *DeclarationStatus { return &r.Status.Declaration }

// SetObservedGeneration notes which generation the status is about.
func (r *Room) SetObservedGeneration(g int64) { r.Status.ObservedGeneration = g }
