package chatpool

import (
	"fmt"
	"slices"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/naming"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch

// servers runs the chat servers. A new revision waits for its migration; until then nothing of the StatefulSet is
// touched.
func servers(r *round) ([]any, condition.State) {
	p := r.pool
	want := convert.Replicas(p)
	r.pool.Status.Servers = v1alpha1.ServersStatus{
		Summary: fmt.Sprintf("0/%d", want), Image: r.revision.Image,
		Selector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: naming.Selector(p, naming.Chat)}),
	}
	objects := reach(p)
	set := r.seen.servers
	if set != nil {
		p.Status.Servers.Replicas, p.Status.Servers.Ready = set.Status.Replicas, set.Status.ReadyReplicas
		p.Status.Servers.Summary = fmt.Sprintf("%d/%d", set.Status.ReadyReplicas, want)
	}
	if !r.holds(v1alpha1.ConditionSchemaReady) && build.RevisionOf(set) != r.revision {
		if set == nil {
			return objects, condition.Waiting(v1alpha1.ReasonWaitingForMigration, "servers start after the migration")
		}
		p.Status.Servers.Image = build.RevisionOf(set).Image
		return objects, condition.Waiting(v1alpha1.ReasonWaitingForMigration, "%s ready; their update waits for the migration", p.Status.Servers.Summary)
	}
	return append(objects, build.Servers(p, r.revision)), serversState(r)
}

// reach is what leads to servers.
func reach(p *v1alpha1.ChatPool) []any {
	objects := []any{build.DisruptionBudget(p)}
	for _, s := range build.Services(p) {
		objects = append(objects, s)
	}
	return objects
}

// standby keeps everything ready for servers in the site that follows, and runs none: they could not serve anybody.
func standby(r *round) ([]any, condition.State) {
	p := r.pool
	p.Status.Servers = v1alpha1.ServersStatus{
		Summary: "0/0", Selector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: naming.Selector(p, naming.Chat)}),
	}
	objects, wrong := configure(r)
	if wrong != nil {
		return nil, *wrong
	}
	p.Status.Servers.Image = r.revision.Image
	set := build.Servers(p, r.revision)
	none := int32(0)
	set.Spec.Replicas = &none
	return slices.Concat(objects, reach(p), []any{set}), condition.True(v1alpha1.ReasonSitesNotActive,
		"the pool lives in site %s; no server runs in site %s", r.place.Peer.Name, r.place.Self.Name)
}

func serversState(r *round) condition.State {
	set, want, sum := r.seen.servers, convert.Replicas(r.pool), r.pool.Status.Servers.Summary
	look := fmt.Sprintf("look: kubectl -n %s get pods -l %s", r.pool.Namespace, r.pool.Status.Servers.Selector)
	switch {
	case set == nil || set.Status.ObservedGeneration < set.Generation || build.RevisionOf(set) != r.revision ||
		set.Spec.Replicas == nil || *set.Spec.Replicas != want:
		return condition.Waiting(v1alpha1.ReasonProgressing, "%s ready, the change has just been made", sum)
	case set.Status.UpdatedReplicas < want || set.Status.UpdateRevision != set.Status.CurrentRevision:
		return condition.Waiting(v1alpha1.ReasonProgressing, "%s ready, %d of %d updated; %s", sum, set.Status.UpdatedReplicas, want, look)
	case set.Status.ReadyReplicas < want:
		return condition.Waiting(v1alpha1.ReasonDegraded, "%s ready; %s", sum, look)
	}
	return condition.True(v1alpha1.ReasonReady, "%s ready", sum)
}
