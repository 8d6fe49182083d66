package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Category groups rooms of a pool and bounds who can ever have a role in them: allowed minus denied.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=categories,shortName=chatcat,categories=chat
// +kubebuilder:printcolumn:name="Pool",type=string,JSONPath=`.spec.poolName`
// +kubebuilder:printcolumn:name="Name",type=string,priority=1,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Rooms",type=integer,JSONPath=`.status.rooms`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Category struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is wanted.
	Spec CategorySpec `json:"spec"`
	// Status is what the operator sees.
	// +optional
	Status CategoryStatus `json:"status,omitzero"`
}

// CategoryList is a list of categories.
//
// +kubebuilder:object:root=true
type CategoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Category `json:"items"`
}

// CategorySpec is what is wanted of a category.
type CategorySpec struct {
	// PoolName names the ChatPool, in the same namespace. It cannot be changed.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cannot be changed, categories do not move between pools: make another one there"
	PoolName PoolName `json:"poolName"`
	// Name for people, unique in the pool; the object's name when absent.
	// +optional
	Name DisplayName `json:"name,omitempty"`
	// Description for people.
	// +optional
	Description Description `json:"description,omitempty"`
	// AllowedMembers names who can have a role in the category's rooms. An empty list allows nobody.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=set
	// +optional
	AllowedMembers []Principal `json:"allowedMembers,omitempty"`
	// DeniedMembers names who cannot, although allowed; it wins.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=set
	// +optional
	DeniedMembers []Principal `json:"deniedMembers,omitempty"`
	// Creators names who may create rooms in the category, as far as they are allowed.
	// +kubebuilder:validation:MaxItems=1024
	// +listType=set
	// +optional
	Creators []Principal `json:"creators,omitempty"`
	// ChatHistory keeps messages for ever. Without it posts are delivered live and not kept for users.
	// +kubebuilder:default=true
	// +optional
	ChatHistory *bool `json:"chatHistory,omitempty"`
	// FileUpload allows files in the category's rooms.
	// +kubebuilder:default=false
	// +optional
	FileUpload bool `json:"fileUpload,omitempty"`
	// Invitations allows the category's rooms to announce themselves to new members.
	// +kubebuilder:default=false
	// +optional
	Invitations bool `json:"invitations,omitempty"`
	// DeletionPolicy says what deleting this object does. Retain (default): the category and its rooms stay in the pool,
	// not managed any more. Delete: the category is removed, which needs its rooms to be gone.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// CategoryStatus is what the operator sees of a category.
type CategoryStatus struct {
	// ObservedGeneration is the generation of the manifest that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// ID of the category in the pool.
	// +optional
	ID string `json:"id,omitempty"`
	// URI of the category for clients.
	// +optional
	URI string `json:"uri,omitempty"`
	// Rooms is how many rooms the category has, those that people made included.
	// +optional
	Rooms int32 `json:"rooms"`
	// Declaration is what this site did with the content, in a pool with two sites.
	// +optional
	Declaration DeclarationStatus `json:"declaration,omitzero"`
	// Conditions: Ready, Reconciling, Stalled and Applied; DeclarationDiffers in a pool with two sites.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GetConditions gives the conditions for changing them in place.
func (c *Category) GetConditions() *[]metav1.Condition { return &c.Status.Conditions }

// ReadyWhen lists the conditions that must be True for the category to be Ready.
func (c *Category) ReadyWhen() []string { return []string{ConditionApplied} }

// GetPoolName names the category's pool.
func (c *Category) GetPoolName() string { return string(c.Spec.PoolName) }

// GetID is the pool's id of the category; empty as long as the pool is not known to have it.
func (c *Category) GetID() string { return c.Status.ID }

// GetDeclaration gives what this site did with the content, for changing it in place.
func (c *Category) GetDeclaration() *DeclarationStatus { return &c.Status.Declaration }

// SetObservedGeneration notes which generation the status is about.
func (c *Category) SetObservedGeneration(g int64) { c.Status.ObservedGeneration = g }
