package chatpool

import (
	"fmt"

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
	if set := r.seen.servers; !r.holds(v1alpha1.ConditionSchemaReady) && build.RevisionOf(set) != r.revision {
		r.countServers()
		if set == nil {
			return reach(r.pool), condition.Waiting(v1alpha1.ReasonWaitingForMigration, "servers start after the migration")
		}
		r.pool.Status.Servers.Image = build.RevisionOf(set).Image
		return reach(r.pool), condition.Waiting(v1alpha1.ReasonWaitingForMigration, "%s ready; their update waits for the migration", r.pool.Status.Servers.Summary)
	}
	return runServers(r)
}

func runServers(r *round) ([]any, condition.State) {
	r.countServers()
	return append(reach(r.pool), build.Servers(r.pool, r.revision)), serversState(r)
}

// countServers says in the status how many there are.
func (r *round) countServers() {
	p := r.pool
	want := convert.Replicas(p)
	r.pool.Status.Servers = v1alpha1.ServersStatus{
		Summary: fmt.Sprintf("0/%d", want), Image: r.revision.Image,
		Selector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: naming.Selector(p, naming.Chat)}),
	}
	if set := r.seen.servers; set != nil {
		p.Status.Servers.Replicas, p.Status.Servers.Ready = set.Status.Replicas, set.Status.ReadyReplicas
		p.Status.Servers.Summary = fmt.Sprintf("%d/%d", set.Status.ReadyReplicas, want)
	}
}

// reach is what leads to servers.
func reach(p *v1alpha1.ChatPool) []any {
	objects := []any{build.DisruptionBudget(p)}
	for _, s := range build.Services(p) {
		objects = append(objects, s)
	}
	return objects
}

// warmServers runs them in a site that follows: they answer with where the pool is, and are ready for a move.
func warmServers(r *round) ([]any, condition.State) {
	objects, wrong := configure(r)
	if wrong != nil {
		return nil, *wrong
	}
	more, state := runServers(r)
	return append(objects, more...), state
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
