package declared

import (
	"cmp"
	"errors"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/condition"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Verdict is an error that says by itself what to report of the object.
type Verdict struct{ State condition.State }

// Error is the state's message.
func (v *Verdict) Error() string { return v.State.Message }

// stateOf makes a state of what a pool's admin API said: the one table from kinds of errors to conditions.
func stateOf(err error) condition.State {
	var v *Verdict
	if errors.As(err, &v) {
		return v.State
	}
	switch chat.KindOf(err) {
	case chat.Invalid, chat.TooLarge, chat.Denied:
		return condition.Stuck(v1alpha1.ReasonRefused, "the pool refused it: %v", err)
	case chat.Conflict:
		return condition.Stuck(v1alpha1.ReasonRefused, "the pool refused it, something else is in the way: %v", err)
	}
	return condition.Waiting(v1alpha1.ReasonPoolNotReady, "the pool cannot be asked now, it is tried again: %v", err)
}

// reachable tells whether it makes sense to ask the pool's admin API, and else why not.
func reachable(pool *v1alpha1.ChatPool, name string) (condition.State, bool) {
	switch {
	case pool == nil:
		return condition.Stuck(v1alpha1.ReasonPoolNotFound,
			"spec.poolName: there is no ChatPool %s in this namespace; make it, or make this object anew with the right name", name), false
	case !pool.DeletionTimestamp.IsZero():
		return condition.Waiting(v1alpha1.ReasonPoolNotReady, "ChatPool %s is being deleted", name), false
	case elsewhere(pool):
		return condition.Waiting(v1alpha1.ReasonPoolNotReady, "ChatPool %s lives in another site, which applies this object there", name), false
	case pool.HasTwoSites() && pool.Status.Role != v1alpha1.RoleActive:
		return condition.Waiting(v1alpha1.ReasonPoolNotReady, "this site does not serve ChatPool %s (role %s); look: kubectl chatpool status %s",
			name, cmp.Or(pool.Status.Role, "not known yet"), name), false
	case pool.Status.Servers.Ready == 0:
		return condition.Waiting(v1alpha1.ReasonPoolNotReady, "no server of ChatPool %s is ready yet; look: kubectl describe chatpool %s", name, name), false
	}
	return condition.State{}, true
}

// elsewhere tells whether the pool lives in another site: objects are applied and deleted there. A site that has no
// proof, Probation, may be the one.
func elsewhere(pool *v1alpha1.ChatPool) bool {
	if pool.HasTwoSites() {
		return pool.Status.Role == v1alpha1.RoleStandby || pool.Status.Role == v1alpha1.RoleFenced
	}
	return pool.Status.State == v1alpha1.StateStandby
}

// lasting is the state to report: a pool that cannot be asked for a while does not unsay what it had said of the
// object's very generation.
func lasting(o condition.Object, s condition.State) condition.State {
	if s.Reason != v1alpha1.ReasonPoolNotReady {
		return s
	}
	for _, c := range *o.GetConditions() {
		if c.Type == v1alpha1.ConditionApplied && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.GetGeneration() {
			return condition.State{Status: c.Status, Reason: c.Reason, Message: c.Message}
		}
	}
	return s
}
