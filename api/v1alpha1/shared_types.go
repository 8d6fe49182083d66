package v1alpha1

// Principal names who a rule is about: `sip:alice@example.com` (a user), `group:traders` (a group of the directory),
// `ou:OU=Sales,DC=example,DC=com` (an organisational unit) or `domain:example.com` (everybody with an address in it).
// Case does not matter.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="self.matches('^((sip:[^@ <>\";?&,\\\\x00-\\\\x1f]+@|domain:)[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?|(group|ou):[^ \\\\x00-\\\\x1f][^\\\\x00-\\\\x1f]*)$')",message="must be sip:USER@DOMAIN, group:NAME, ou:DN or domain:NAME"
type Principal string

// DisplayName is a name for people: 1 to 256 characters, any but control characters, not beginning or ending with a
// space.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule="!self.matches('^ | $|[\\\\x00-\\\\x1f\\\\x7f]')",message="must not begin or end with a space nor contain control characters; remove them"
type DisplayName string

// Description is a text for people: at most 256 characters, none of them control characters.
//
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\x00-\\\\x1f\\\\x7f]')",message="must not contain control characters (line ends are); write one line"
type Description string

// ObjectName is the name of another object in the same namespace.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="must be the name of an object in the same namespace: lower-case letters, digits, - and ."
type ObjectName string

// PoolName is the name of a ChatPool in the same namespace.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
type PoolName string

// HostName is a DNS name.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')",message="must be a DNS name in lower case, such as chat.example.com"
type HostName string

// DeletionPolicy says what becomes of data when the object that declares it is deleted.
//
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

const (
	// Retain keeps the data.
	Retain DeletionPolicy = "Retain"
	// Delete removes the data with the object. There is no way back.
	Delete DeletionPolicy = "Delete"
)
