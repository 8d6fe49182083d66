// Package v1alpha1 has the three kinds of the API group chatpool.dev: ChatPool (persistent chat on Kubernetes),
// Category (groups rooms and bounds who can ever have a role in them) and Room.
//
// Rules that the API server enforces by itself stand here as markers, their messages name the field and the cure.
// What depends on other objects is told by conditions; conditions.go lists them. A ChatPool is named by Category and
// Room through spec.poolName and is always looked for in their own namespace.
//
// +kubebuilder:object:generate=true
// +groupName=chatpool.dev
package v1alpha1
