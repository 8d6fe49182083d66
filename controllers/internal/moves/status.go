package moves

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
)

// statusOf reads what a site's operator wrote.
func statusOf(p *v1alpha1.ChatPool) failover.Status {
	st := p.Status
	s := failover.Status{Role: failover.Role(st.Role), Epoch: st.Epoch}
	if t := st.Transition; t != nil {
		s.Transition = failover.Transition{Kind: failover.Kind(t.Kind), Step: failover.Step(t.Step), From: t.FromEpoch}
		if t.StartedAt != nil {
			s.Transition.StartedAt = t.StartedAt.Time
		}
	}
	f := st.Failover
	if f == nil {
		return s
	}
	s.Data, s.Held, s.Shut, s.Strayed = failover.Data(f.Data), f.HeldEpoch, f.Shut, f.Strayed
	s.Voided, s.Released = f.VoidedEpoch, f.ReleasedEpoch
	if c := f.Claim; c != nil {
		s.Claim = failover.Claim{Kind: failover.ClaimKind(c.Kind), Epoch: c.Epoch, Timeline: c.Timeline}
	}
	if g := f.Grant; g != nil {
		s.Grant = failover.Grant{Epoch: g.Epoch, Token: g.Token}
	}
	return s
}

// failoverStatus writes what statusOf reads, but for role, epoch and transition.
func failoverStatus(s failover.Status) *v1alpha1.FailoverStatus {
	f := &v1alpha1.FailoverStatus{
		Data: string(s.Data), HeldEpoch: s.Held, Shut: s.Shut, Strayed: s.Strayed, VoidedEpoch: s.Voided, ReleasedEpoch: s.Released,
	}
	if s.Claim != (failover.Claim{}) {
		f.Claim = &v1alpha1.EpochClaim{Kind: string(s.Claim.Kind), Epoch: s.Claim.Epoch, Timeline: s.Claim.Timeline}
	}
	if s.Grant != (failover.Grant{}) {
		f.Grant = &v1alpha1.EpochGrant{Epoch: s.Grant.Epoch, Token: s.Grant.Token}
	}
	return f
}
