package chatpool

import (
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/naming"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// +kubebuilder:rbac:groups="",resources=serviceaccounts;configmaps,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete

// failedFor is how long a migration that failed stays, with its logs, before it is tried again: what was in its way may
// have been the database's outage.
const failedFor = 5 * time.Minute

// schema brings the database to what the wanted revision needs, by a Job of its own for each revision. Servers change
// to a revision only after its Job has succeeded.
func schema(r *round) ([]any, condition.State) {
	p := r.pool
	objects, wrong := configure(r)
	if wrong != nil {
		return nil, *wrong
	}
	name := naming.Migration(p, r.revision.Hash())
	job := find(r.seen.migrations, name)
	switch {
	case job == nil && !r.holds(v1alpha1.ConditionDatabaseReady):
		return objects, condition.Waiting(v1alpha1.ReasonWaitingForDatabase, "migrations begin when the database is ready")
	case job == nil:
		return append(objects, build.Migration(p, r.revision)), running(p, name)
	case is(job, batchv1.JobFailed):
		if r.now.Sub(since(job, batchv1.JobFailed)) > failedFor {
			r.remove = append(r.remove, job)
		}
		return objects, condition.Stuck(v1alpha1.ReasonMigrationFailed,
			"the migration failed, servers stay as they are; why: kubectl -n %s logs job/%s; it is tried again after %d minutes, or at once: kubectl -n %s delete job/%s",
			p.Namespace, name, int(failedFor.Minutes()), p.Namespace, name)
	case is(job, batchv1.JobComplete):
		r.forgetOthers(name)
		return objects, condition.True(v1alpha1.ReasonReady, "migrated for %s", r.revision.Image)
	}
	return objects, running(p, name)
}

// configure makes what pods need before they can start, and says what a roll-out would be about.
func configure(r *round) ([]any, *condition.State) {
	p := r.pool
	c, err := convert.PoolConfig(p, r.config.Site)
	if err != nil {
		return nil, because(condition.Stuck(v1alpha1.ReasonRefused, "%v", err))
	}
	r.revision.Image = r.config.Image
	if r.configJSON, err = convert.JSON(c); err != nil {
		return nil, because(condition.Failed(err))
	}
	if r.revision.ConfigHash, err = convert.RestartHash(c); err != nil {
		return nil, because(condition.Failed(err))
	}
	objects := []any{build.ServiceAccount(p), build.ConfigMap(p, r.configJSON)}
	for _, n := range build.NetworkPolicies(p, r.config.Namespace) {
		objects = append(objects, n)
	}
	return objects, nil
}

func because(s condition.State) *condition.State { return &s }

func running(p *v1alpha1.ChatPool, job string) condition.State {
	return condition.Waiting(v1alpha1.ReasonMigrationRunning, "the database is being migrated; follow it: kubectl -n %s logs -f job/%s", p.Namespace, job)
}

// forgetOthers removes the Jobs of other revisions.
func (r *round) forgetOthers(name string) {
	for i := range r.seen.migrations {
		if j := &r.seen.migrations[i]; j.Name != name {
			r.remove = append(r.remove, j)
		}
	}
}

func find(jobs []batchv1.Job, name string) *batchv1.Job {
	for i := range jobs {
		if jobs[i].Name == name && jobs[i].DeletionTimestamp.IsZero() {
			return &jobs[i]
		}
	}
	return nil
}

func is(j *batchv1.Job, t batchv1.JobConditionType) bool { return !since(j, t).IsZero() }

// since is when the condition came true; the zero time if it is not.
func since(j *batchv1.Job, t batchv1.JobConditionType) time.Time {
	for _, c := range j.Status.Conditions {
		if c.Type == t && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}
