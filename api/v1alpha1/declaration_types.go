package v1alpha1

// AnnotationApply on a Category or Room has a site apply it although the pool has it as the other site applied it
// (condition DeclarationDiffers). Its value is the pool's epoch, so the word is good for one move: it says nothing after
// the next one, and one word may be given to many objects at once.
const AnnotationApply = "chatpool.dev/apply"

// DeclarationStatus is what this site did with an object's content, in a pool with two sites: what was in the object
// when the site became active is applied only if the pool has the same, what changes from then on is applied always.
type DeclarationStatus struct {
	// AppliedHash is of the content that this site applied last.
	// +optional
	AppliedHash string `json:"appliedHash,omitempty"`
	// HeldHash is of the content that this site does not apply, because the pool has another; absent when nothing is held.
	// +optional
	HeldHash string `json:"heldHash,omitempty"`
	// Epoch in which this site last compared the object with the pool.
	// +optional
	Epoch int64 `json:"epoch,omitempty"`
}
