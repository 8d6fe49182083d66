package chatpool

import (
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/naming"

	"k8s.io/apimachinery/pkg/api/meta"
)

// summarize computes Ready and the word for people.
func (r *round) summarize() {
	p := r.pool
	ready := fmt.Sprintf("clients reach %s at %s.%s.svc", p.Status.Address, naming.PublicService(p), p.Namespace)
	if r.copies() {
		ready = fmt.Sprintf("this site follows site %s, where clients reach %s", r.place.Peer.Name, p.Status.Address)
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionServing); c != nil && p.HasTwoSites() {
		// Package moves has set it.
		r.states[c.Type] = condition.State{Status: c.Status, Reason: c.Reason, Message: c.Message}
	}
	condition.Summarize(p, r.states, ready)
	_, serversReason := condition.Get(p, v1alpha1.ConditionServersReady)
	switch {
	case p.HasTwoSites() && p.Status.Transition != nil && p.Status.Transition.Kind == v1alpha1.MoveReturn:
		p.Status.State = v1alpha1.StateReturning
	case p.IsMoving():
		p.Status.State = v1alpha1.StateMoving
	case condition.IsTrue(p, v1alpha1.ConditionReady) && r.copies():
		p.Status.State = v1alpha1.StateStandby
	case condition.IsTrue(p, v1alpha1.ConditionReady):
		p.Status.State = v1alpha1.StateRunning
	case condition.IsTrue(p, v1alpha1.ConditionStalled):
		p.Status.State = v1alpha1.StateStalled
	case r.copies() && p.Status.State == v1alpha1.StateStandby:
		p.Status.State = v1alpha1.StateDegraded
	case r.seen.servers == nil || p.Status.State == "" || p.Status.State == v1alpha1.StateCreating:
		p.Status.State = v1alpha1.StateCreating
	case serversReason == v1alpha1.ReasonProgressing || serversReason == v1alpha1.ReasonWaitingForMigration:
		p.Status.State = v1alpha1.StateUpdating
	default:
		p.Status.State = v1alpha1.StateDegraded
	}
}

// livesHere tells whether a pool with at most one site lives in this operator's, and else where.
func livesHere(p *v1alpha1.ChatPool, site string) (where string, here bool) {
	if len(p.Spec.Sites) == 0 {
		return "", true
	}
	for _, s := range p.Spec.Sites {
		if s.Role == v1alpha1.SitePrimary {
			return s.Name, s.Name == site
		}
	}
	return "", false
}

// elsewhere is the status of a pool whose only site is another one: nothing is made or changed here.
func (r *round) elsewhere(where string) {
	p := r.pool
	p.Status.State = v1alpha1.StateStandby
	known := false
	for _, s := range p.Spec.Sites {
		known = known || s.Name == r.config.Site
	}
	state := condition.Waiting(v1alpha1.ReasonSitesNotActive, "the pool lives in site %s; nothing of it runs in site %s", where, r.config.Site)
	if !known {
		state = condition.Stuck(v1alpha1.ReasonSitesNotActive,
			"this operator's site is %q, which spec.sites does not have: correct spec.sites[].name, or the operator's --site", r.config.Site)
	}
	r.hold(state)
}

// hold is the status while nothing is done: the state is Ready's, and conditions of what is not looked at go.
func (r *round) hold(state condition.State) {
	p := r.pool
	for _, ph := range phases {
		meta.RemoveStatusCondition(&p.Status.Conditions, ph.condition)
	}
	condition.Set(p, v1alpha1.ConditionReady, condition.State{Status: "False", Reason: state.Reason, Message: state.Message})
	stalled := condition.Waiting(state.Reason, "%s", state.Message)
	if state.Stalled {
		stalled.Status = "True"
	}
	condition.Set(p, v1alpha1.ConditionStalled, stalled)
	reconciling := condition.Waiting(state.Reason, "%s", state.Message)
	if p.HasTwoSites() && !state.Stalled {
		reconciling.Status = "True"
	}
	condition.Set(p, v1alpha1.ConditionReconciling, reconciling)
}

// setDeleting says what the deletion of a pool waits for.
func setDeleting(p *v1alpha1.ChatPool, what string) {
	condition.Set(p, v1alpha1.ConditionReady, condition.Waiting(v1alpha1.ReasonDeleting, "%s", what))
	condition.Set(p, v1alpha1.ConditionReconciling, condition.True(v1alpha1.ReasonDeleting, "%s", what))
}
