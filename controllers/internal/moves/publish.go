package moves

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/failover"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// detailEvery is how often the status is written when nothing has changed in it but figures.
const detailEvery = 10 * time.Second

// publish writes the status if it says something new, and only if nobody wrote the object since it was read. Then it
// beats: whoever sees the counter rise knows that what he reads was looked at before.
func (r *round) publish(ctx context.Context) error {
	before := r.pool.DeepCopy()
	r.fill()
	observe(r.pool, r.observed.Peer.SilentFor, r.observed.StepFor)
	if r.isNews(before.Status, r.pool.Status) {
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		action := string(r.decision.Action.Kind)
		r.point(ctx, "before publish "+action)
		if err := r.Client.Status().Patch(ctx, r.pool, patch); err != nil {
			return err
		}
		r.point(ctx, "after publish "+action)
		r.memory.wroteAt = time.Now()
		r.tell(before)
		r.wake(r.pool)
	}
	return r.beat(ctx)
}

// isNews tells whether a status is worth a write: watchers see every one.
func (r *round) isNews(was, is v1alpha1.ChatPoolStatus) bool {
	if equality.Semantic.DeepEqual(was, is) {
		return false
	}
	return time.Since(r.memory.wroteAt) > detailEvery || !equality.Semantic.DeepEqual(gist(was), gist(is))
}

// gist is a status without what changes all the time.
func gist(s v1alpha1.ChatPoolStatus) *v1alpha1.ChatPoolStatus {
	out := s.DeepCopy()
	for i := range out.Conditions {
		out.Conditions[i].Message = ""
	}
	if out.Transition != nil {
		out.Transition.WaitingFor, out.Transition.DataLoss = "", ""
	}
	if out.Peer != nil {
		out.Peer.Message = ""
	}
	if out.Salvage != nil {
		out.Salvage = &v1alpha1.SalvageStatus{State: out.Salvage.State, RoomsDone: out.Salvage.RoomsDone}
	}
	if l := out.Replication; l != nil {
		l.Lag, l.LagSeconds, l.LagBytes, l.LastSeen = "", nil, nil, nil
	}
	return out
}

// fill makes the status of the decision.
func (r *round) fill() {
	d, p := r.decision, r.pool
	st := &p.Status
	st.Site = r.pair.Self.Name
	st.Role, st.Epoch = string(d.Role), d.Status.Epoch
	st.Failover = failoverStatus(d.Status)
	st.Transition = r.transition()
	st.ActiveSite = r.activeSite()
	st.Peer = r.peerStatus()
	st.Replication = r.replication()
	st.Salvage = r.salvageStatus()
	st.DR = v1alpha1.DRUnknown
	for _, c := range d.Conditions {
		c = r.guard(c)
		status := metav1.ConditionStatus(c.Status)
		condition.Set(p, c.Name, condition.State{Status: status, Reason: c.Reason, Message: c.Message})
		if c.Name == failover.FailoverReady || c.Name == failover.FailbackReady {
			st.DR = map[failover.Truth]string{failover.True: v1alpha1.DRReady, failover.False: v1alpha1.DRNotReady}[c.Status]
		}
	}
	if st.DR == "" {
		st.DR = v1alpha1.DRUnknown
	}
	condition.Set(p, v1alpha1.ConditionServing, r.serving())
	r.forgetOther()
}

// forgetOther removes the readiness condition of the direction in which the pool would not move now.
func (r *round) forgetOther() {
	said := map[string]bool{}
	for _, c := range r.decision.Conditions {
		said[c.Name] = true
	}
	kept := r.pool.Status.Conditions[:0]
	for _, c := range r.pool.Status.Conditions {
		if (c.Type == failover.FailoverReady || c.Type == failover.FailbackReady) && !said[c.Type] {
			continue
		}
		kept = append(kept, c)
	}
	r.pool.Status.Conditions = kept
}

// serving is what Ready rests on in a site that does not follow.
func (r *round) serving() condition.State {
	d := r.decision
	waits := d.WaitingFor
	if waits == "" {
		waits = cmp.Or(doing[d.Status.Transition.Step], "it goes on by itself")
	}
	if n := d.Next.String(); n != "" {
		waits += "; to help: " + n
	}
	switch t := d.Status.Transition; {
	case r.pool.IsMoving() && d.Status.Grant.Epoch == 0 && d.Role == failover.Active && d.Status.Epoch == t.From:
		return condition.Waiting(string(t.Step), "the pool moves to site %s: %s", r.pair.Peer.Name, waits)
	case r.pool.IsMoving() && d.Role != failover.Active && d.Status.Grant.Epoch == 0 && d.Status.Released == 0:
		return condition.Waiting(string(t.Step), "this site takes over from site %s: %s", r.pair.Peer.Name, waits)
	}
	switch d.Role {
	case failover.Active:
		return condition.True(v1alpha1.ReasonServing, "this site serves epoch %d", d.Status.Epoch)
	case failover.Standby:
		return condition.Waiting(string(d.Role), "site %s serves", r.pair.Peer.Name)
	case failover.Fenced:
		return condition.Waiting(string(d.Role), "epoch %d is the highest and not served here: %s", d.Status.Epoch, waits)
	}
	return condition.Waiting(string(d.Role), "no server here accepts posts without proof that no other site does: %s", waits)
}

func (r *round) transition() *v1alpha1.TransitionStatus {
	d, was := r.decision, r.pool.Status.Transition
	t := d.Status.Transition
	if t.Kind == failover.NoMove {
		return nil
	}
	out := &v1alpha1.TransitionStatus{
		Kind: string(t.Kind), Step: string(t.Step), FromEpoch: t.From, WaitingFor: d.WaitingFor, NextCommand: d.Next.String(),
	}
	if was != nil && was.Kind == out.Kind && was.FromEpoch == out.FromEpoch && was.StartedAt != nil {
		out.StartedAt = was.StartedAt
	} else {
		now := metav1.Now()
		out.StartedAt = &now
	}
	switch t.Kind {
	case failover.Planned:
		out.DataLoss = "none"
	case failover.Assisted, failover.Forced:
		out.DataLoss = r.bound()
	case failover.Return:
		out.DataLoss = r.recovered()
	}
	return out
}

// bound is what a move that does not wait for the other site's database may lose.
func (r *round) bound() string {
	l := r.observed.Lag
	if !l.Known {
		return "what the other site had not sent"
	}
	return fmt.Sprintf("at most %.1f s", l.Time.Seconds())
}

func (r *round) activeSite() string {
	switch peer := r.seen.peer; {
	case r.decision.Role == failover.Active:
		return r.pair.Self.Name
	case peer != nil && peer.Status.Role == v1alpha1.RoleActive && peer.Status.Epoch >= r.decision.Status.Epoch:
		return r.pair.Peer.Name
	case peer == nil && r.pool.Status.ActiveSite != r.pair.Self.Name:
		return r.pool.Status.ActiveSite // as last known
	}
	return ""
}

func (r *round) peerStatus() *v1alpha1.PeerStatus {
	o, was := r.observed.Peer, r.pool.Status.Peer
	out := &v1alpha1.PeerStatus{Site: r.pair.Peer.Name, State: v1alpha1.PeerAlive, Role: string(o.Status.Role)}
	switch {
	case o.SilentFor >= r.Limits.PeerSilence && o.Live:
		out.State, out.Message = v1alpha1.PeerSilent, "its API server answers, its operator does not renew its counter"
	case !o.Live:
		out.State = v1alpha1.PeerUnknown
		if r.seen.peerErr != nil {
			out.Message = r.seen.peerErr.Error()
		}
	}
	if was != nil && was.State == out.State && was.Since != nil {
		out.Since = was.Since
	} else {
		now := metav1.Now()
		out.Since = &now
	}
	return out
}

// tell makes an event of what changed for people.
func (r *round) tell(before *v1alpha1.ChatPool) {
	d, p := r.decision, r.pool
	event := func(kind, reason, format string, args ...any) {
		r.Events.Eventf(p, nil, kind, reason, "Move", "%s", condition.Note(fmt.Sprintf(format, args...)))
	}
	if was := before.Status.Role; was != p.Status.Role {
		kind := corev1.EventTypeNormal
		if was == v1alpha1.RoleActive {
			kind = corev1.EventTypeWarning
		}
		event(kind, "Role"+p.Status.Role, "this site is %s now, epoch %d (was %s): %s", p.Status.Role, p.Status.Epoch, orNone(was), d.Rule)
	}
	was, is := before.Status.Transition, p.Status.Transition
	switch {
	case is != nil && (was == nil || was.Kind != is.Kind || was.Step != is.Step):
		event(corev1.EventTypeNormal, is.Step, "%s move: %s", is.Kind, is.Step)
	case is == nil && was != nil && was.StartedAt != nil:
		event(corev1.EventTypeNormal, "Completed", "%s: completed after %s", was.Kind, time.Since(was.StartedAt.Time).Round(100*time.Millisecond))
	}
	r.tellSalvage(before, event)
	if d.Refused != "" && d.Refused != r.memory.refused {
		event(corev1.EventTypeWarning, "Refused", "%s", d.Refused)
	}
	r.memory.refused = d.Refused
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
