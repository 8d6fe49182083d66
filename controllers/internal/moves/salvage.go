package moves

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/sites"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// salvage has a server bring the posts of the other site's tail into the own database. The server goes on by itself; to
// ask again is how its progress is known, and how the work is resumed after it, this operator or the primary died.
func (r *round) salvage(ctx context.Context, a failover.Action) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askTime)
	defer cancel()
	ask := adminapi.Salvaging{
		Tail: adminapi.Tail{Epoch: a.Tail.Epoch, Timeline: a.Tail.Timeline, LSN: adminapi.LSN(a.Tail.LSN)},
		Site: r.pair.Peer.Name, Host: naming.SiteHost(r.pool, r.pair.Peer.Name), Port: int(sites.PortOf(r.pair.Peer)),
	}
	var active []string
	for _, name := range slices.Sorted(maps.Keys(r.seen.own.said)) {
		if r.seen.own.said[name].Activation.Active() {
			active = append(active, name)
		}
	}
	if len(active) == 0 {
		return errors.New("no server is activated")
	}
	// One a round, another one after an error: rights that end have to be renewed meanwhile.
	m := r.memory
	said, err := r.seen.own.pods[active[m.salvageTries%len(active)]].Salvage(ctx, ask)
	if err != nil {
		m.salvageTries++
		m.salvageErr = err.Error()
		return err
	}
	m.salvage, m.salvageErr = &said, ""
	return nil
}

// recall reads how a salvage ended of which the status still says that it runs: the database says first that it is done.
func (r *round) recall(ctx context.Context) {
	st := r.pool.Status.Salvage
	if st == nil || st.State != v1alpha1.SalvageRunning {
		return
	}
	tail := r.memory.tail // of another end of the same epoch something else may be said
	done := slices.ContainsFunc(r.observed.Database.Salvaged, func(t failover.Tail) bool { return t == tail || tail.Epoch == 0 && t.Epoch == st.Epoch })
	if !done {
		return
	}
	err := r.one(ctx, func(ctx context.Context, c *adminapi.Client) error {
		all, err := c.Salvages(ctx)
		for _, s := range slices.Backward(all.Salvages) {
			if s.Site == st.FromSite && s.Epoch == st.Epoch && s.State == adminapi.SalvageDone {
				r.memory.salvage, r.memory.salvageErr = &s, ""
			}
		}
		return err
	})
	if err != nil {
		r.Log.Warn("what was salvaged cannot be read", "namespace", r.pool.Namespace, "pool", r.pool.Name, "err", err)
	}
}

// salvageStatus says what was found, for people; it stays until the next time.
func (r *round) salvageStatus() *v1alpha1.SalvageStatus {
	was, s := r.pool.Status.Salvage, r.memory.salvage
	if a := r.decision.Action; a.Kind == failover.Salvage {
		if r.memory.tail != a.Tail {
			r.memory.tail, r.memory.salvage, s = a.Tail, nil, nil
		}
	}
	if a := r.decision.Action; a.Kind == failover.Salvage && (was == nil || was.Epoch != a.Tail.Epoch || was.FromSite != r.pair.Peer.Name) {
		now := metav1.Now()
		return &v1alpha1.SalvageStatus{FromSite: r.pair.Peer.Name, Epoch: a.Tail.Epoch, State: v1alpha1.SalvageRunning, StartedAt: &now, Waiting: r.memory.salvageErr}
	}
	if was == nil || s == nil || was.Epoch != s.Epoch || was.FromSite != s.Site {
		return was
	}
	out := was.DeepCopy()
	out.State, out.Waiting = v1alpha1.SalvageRunning, s.Waiting
	if r.memory.salvageErr != "" {
		out.Waiting = r.memory.salvageErr
	}
	out.Rooms, out.RoomsDone, out.Found, out.Recovered, out.Resent = s.Rooms, s.RoomsDone, s.Found, s.Recovered, s.Resent
	out.Details, out.Differences = nil, s.Differences
	for _, d := range s.Details {
		out.Details = append(out.Details, v1alpha1.RoomSalvage{
			Room: d.Room, Found: d.Found, Recovered: d.Recovered, Resent: d.Resent, Recreated: d.Recreated, Done: d.Done,
		})
	}
	if s.State == adminapi.SalvageDone {
		out.State, out.Waiting = v1alpha1.SalvageCompleted, ""
		if out.CompletedAt == nil {
			now := metav1.Now()
			out.CompletedAt = &now
		}
	}
	return out
}

// recovered is what a site that returns has lost: nothing, once the other one has salvaged its tail.
func (r *round) recovered() string {
	if r.seen.peer == nil {
		return ""
	}
	s := r.seen.peer.Status.Salvage
	if s == nil || s.FromSite != r.pair.Self.Name || s.Epoch != r.observed.Database.Newest() {
		return ""
	}
	if s.State != v1alpha1.SalvageCompleted {
		return fmt.Sprintf("recovered %d so far", s.Recovered)
	}
	return fmt.Sprintf("lost 0, recovered %d", s.Recovered)
}

// tellSalvage makes an event of a salvage that ended.
func (r *round) tellSalvage(before *v1alpha1.ChatPool, event func(kind, reason, format string, args ...any)) {
	was, is := before.Status.Salvage, r.pool.Status.Salvage
	if is == nil || is.State != v1alpha1.SalvageCompleted || was != nil && was.State == is.State && was.Epoch == is.Epoch {
		return
	}
	event(corev1.EventTypeNormal, "Salvaged", "posts of epoch %d in site %s that were not sent here: %d found in %d rooms, %d recovered, %d sent again by their authors",
		is.Epoch, is.FromSite, is.Found, is.Rooms, is.Recovered, is.Resent)
}
