package v1alpha1

// DirectorySpec says where users and groups come from.
type DirectorySpec struct {
	// Type of the directory. Static: the users that are listed here, for small and trial pools.
	// +kubebuilder:validation:Enum=Static
	// +kubebuilder:default=Static
	// +optional
	Type string `json:"type,omitempty"`
	// Static lists the users of a Static directory.
	// +optional
	Static StaticDirectory `json:"static,omitzero"`
}

// StaticDirectory lists users.
type StaticDirectory struct {
	// Users of the pool.
	// +kubebuilder:validation:MaxItems=1000
	// +listType=map
	// +listMapKey=name
	// +optional
	Users []StaticUser `json:"users,omitempty"`
	// PasswordsSecretName names a Secret with the users' passwords: the key is the user's name. Without it the operator
	// makes passwords and keeps them in Secret POOL-users.
	// +optional
	PasswordsSecretName ObjectName `json:"passwordsSecretName,omitempty"`
}

// StaticUser is a user. Its SIP address is sip:NAME@DOMAIN.
type StaticUser struct {
	// Name is the part of the address before the @.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$')",message="must have lower-case letters, digits, . _ and - only; it is the part of the address before the @"
	Name string `json:"name"`
	// DisplayName is shown to others; the name when absent.
	// +optional
	DisplayName DisplayName `json:"displayName,omitempty"`
	// Groups that the user is in, as group:NAME elsewhere.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +listType=set
	// +optional
	Groups []string `json:"groups,omitempty"`
	// Disabled users cannot sign in and have no rights.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// Admin makes the user a chat administrator: sees and manages every room.
	// +optional
	Admin bool `json:"admin,omitempty"`
}
