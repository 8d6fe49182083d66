package declared

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/condition"
)

// Found is what a pool has under an object's key. The zero Found is nothing, and never was any.
type Found struct {
	// Hash of what was declared last; empty if that is not known.
	Hash string
	// Fields of what is there now; people may have changed it since. Nil: nothing is there.
	Fields Fields
	// Withdrawn is when the object of the key was deleted; nil while there is something.
	Withdrawn *time.Time
}

// comparison is all that decides whether the active one of two sites puts an object.
type comparison struct {
	epoch int64  // of the pool, which is this site's
	want  Fields // what the object declares
	made  time.Time
	word  string                     // AnnotationApply
	mark  v1alpha1.DeclarationStatus // what this site did before
	found Found
}

// clockSkew is how far the clocks of two sites may be apart. An object that was made so shortly before one of its key was
// deleted is taken for a new one.
const clockSkew = time.Minute

// deleted tells whether the pool has let go of the very object.
func (c comparison) deleted() bool {
	return c.found.Withdrawn != nil && c.made.Before(c.found.Withdrawn.Add(-clockSkew))
}

// differences names the fields that the pool has otherwise by another's word. What people changed there since this
// content was declared is no difference: it is put right.
func (c comparison) differences() []string {
	if c.found.Fields == nil || c.found.Hash == c.want.Hash() {
		return nil
	}
	return c.want.differences(c.found.Fields)
}

// holds decides whether the object must not be put: it differs, nobody said that it be put in this epoch, and it has
// not changed since this site began to look after it.
func (c comparison) holds() bool {
	switch {
	case !c.deleted() && len(c.differences()) == 0, c.word == strconv.FormatInt(c.epoch, 10):
		return false
	case c.mark.HeldHash == c.want.Hash():
		return true
	}
	return !looksAfter(c.mark, c.epoch)
}

// looksAfter tells whether this site was the active one ever since it compared the object with the pool: then that was
// in this epoch, or in the one before, which hence was this site's, too.
func looksAfter(mark v1alpha1.DeclarationStatus, epoch int64) bool {
	compared := mark.AppliedHash != "" || mark.HeldHash != ""
	return compared && (mark.Epoch == epoch || mark.Epoch == epoch-1)
}

// apply puts the object, unless it is one to hold, and notes what it did.
func (r *Reconciler[O]) apply(ctx context.Context, api *adminapi.Client, o O, pool *v1alpha1.ChatPool) error {
	want, err := r.Kind.Fields(o)
	if err != nil {
		return err
	}
	mark := o.GetDeclaration()
	if pool.HasTwoSites() {
		found, err := r.Kind.Find(ctx, api, o)
		if err != nil && !chat.Is(err, chat.NotFound) {
			return err
		}
		c := comparison{pool.Status.Epoch, want, o.GetCreationTimestamp().Time, o.GetAnnotations()[v1alpha1.AnnotationApply], *mark, found}
		if c.holds() {
			mark.HeldHash, mark.Epoch = want.Hash(), pool.Status.Epoch
			s := c.report(fmt.Sprintf("kubectl -n %s annotate %s %s --overwrite", o.GetNamespace(), r.Name, o.GetName()))
			condition.Set(o, v1alpha1.ConditionDeclarationDiffers, condition.State{Status: "True", Reason: s.Reason, Message: s.Message})
			return &Verdict{State: s}
		}
		condition.Set(o, v1alpha1.ConditionDeclarationDiffers,
			condition.Waiting(v1alpha1.ReasonNothingDiffers, "what the other site applied keeps nothing of it back"))
	}
	if err := r.Kind.Put(ctx, api, o, want.Hash()); err != nil {
		return err
	}
	*mark = v1alpha1.DeclarationStatus{AppliedHash: want.Hash(), Epoch: pool.Status.Epoch}
	return nil
}

// report says what differs and what to do; annotate is the beginning of the command that gives the word.
func (c comparison) report(annotate string) condition.State {
	word := fmt.Sprintf("%s %s=%d", annotate, v1alpha1.AnnotationApply, c.epoch)
	if c.deleted() {
		return condition.Stuck(v1alpha1.ReasonDeletedElsewhere,
			"not applied: it was deleted at %s, in the site that was active before; delete it here, too, or change it, or apply it as it is: %s",
			c.found.Withdrawn.UTC().Format(time.RFC3339), word)
	}
	return condition.Stuck(v1alpha1.ReasonChangedElsewhere,
		"not applied: the pool has it as the site applied it that was active before, with another %s; change it here, or apply it as it is: %s",
		strings.Join(c.differences(), ", "), word)
}
