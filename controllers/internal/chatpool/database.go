package chatpool

import (
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/naming"
)

// +kubebuilder:rbac:groups=postgresql.cnpg.io,resources=clusters;databases,verbs=create;patch

// database has CloudNativePG run PostgreSQL, or checks the connection to an External one.
func database(r *round) ([]any, condition.State) {
	p := r.pool
	if p.Spec.Database.Provider == v1alpha1.External {
		return nil, externalDatabase(r)
	}
	var objects []any
	if r.copies() {
		for _, role := range []string{naming.RoleSecret(p, naming.ChatRole), naming.RoleSecret(p, naming.ComplianceRole), naming.SharedCASecret(p)} {
			if r.seen.secrets[role] == nil {
				return nil, condition.Waiting(v1alpha1.ReasonSecretMissing, "Secret %s is not copied from site %s yet", role, r.place.Peer.Name)
			}
		}
	} else {
		objects = append(objects,
			build.RoleSecret(p, naming.ChatRole, rolePassword(r, naming.ChatRole)),
			build.RoleSecret(p, naming.ComplianceRole, rolePassword(r, naming.ComplianceRole)))
	}
	if r.seen.noCNPG {
		return objects, condition.Stuck(v1alpha1.ReasonNoCloudNativePG,
			"CloudNativePG is not installed in this cluster: install its operator, version 1.30 (https://cloudnative-pg.io), or use provider External")
	}
	if r.place != nil {
		more, err := siteObjects(r)
		if err != nil {
			return objects, condition.Stuck(v1alpha1.ReasonSecretIncomplete, "Secret %s: %v; restore it from the other site, or delete it in both for a new CA", naming.SharedCASecret(p), err)
		}
		objects = append(objects, more...)
	}
	if r.place != nil && r.seen.cluster == nil {
		return objects, condition.Waiting(v1alpha1.ReasonProgressing, "the database is to be made, %s", orSoon(p.Status.Transition))
	}
	c := build.Cluster(p, r.config.PostgresImage, r.place)
	if r.place != nil {
		// Exactly the one that was seen: one that goes meanwhile is not made anew, and who is written is not turned back.
		c.UID, c.ResourceVersion = r.seen.cluster.UID, r.seen.cluster.ResourceVersion
	}
	objects = append(objects, c)
	if !r.copies() {
		objects = append(objects, build.ComplianceDatabase(p))
	}
	return objects, databaseState(p, r.seen.cluster)
}

// siteObjects are what the database needs in one of two sites. A CA that CloudNativePG made for it when it was alone
// stays trusted.
func siteObjects(r *round) ([]any, error) {
	p := r.pool
	objects, err := build.SiteObjects(p, r.place)
	if err != nil || r.copies() {
		return objects, err
	}
	var former []byte
	if s := r.seen.secrets[naming.OwnDatabaseCASecret(p)]; s != nil {
		former = s.Data[build.KeyCACert]
	}
	ca, err := authority(r, naming.SharedCASecret(p), fmt.Sprintf("%s.%s", naming.Cluster(p), p.Namespace), former)
	if err != nil {
		return nil, err
	}
	return append(objects, build.SharedCASecret(p, ca)), nil
}

// orSoon is what a transition waits for.
func orSoon(t *v1alpha1.TransitionStatus) string {
	if t == nil || t.WaitingFor == "" {
		return "as soon as its Secrets are there"
	}
	return t.WaitingFor
}

func externalDatabase(r *round) condition.State {
	name := naming.DatabaseSecret(r.pool)
	s := r.seen.secrets[name]
	r.pool.Status.Database = v1alpha1.DatabaseStatus{Summary: "External"}
	switch {
	case s == nil:
		return condition.Stuck(v1alpha1.ReasonSecretMissing,
			"spec.database.externalSecretName: there is no Secret %s; make it with key uri, postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full", name)
	case len(s.Data["uri"]) == 0:
		return condition.Stuck(v1alpha1.ReasonSecretIncomplete, "Secret %s has no key uri; add the database's connection URI", name)
	}
	return condition.True(v1alpha1.ReasonExternal, "run by others, connection from Secret %s", name)
}

func databaseState(p *v1alpha1.ChatPool, c *cnpg.Cluster) condition.State {
	want := p.Spec.Database.Instances
	st := v1alpha1.DatabaseStatus{Summary: fmt.Sprintf("0/%d", want)}
	if c != nil {
		st = v1alpha1.DatabaseStatus{
			Instances: c.Status.ReadyInstances, Primary: c.Status.CurrentPrimary,
			Summary: fmt.Sprintf("%d/%d", c.Status.ReadyInstances, want),
		}
	}
	st.Mirror = p.Status.Database.Mirror
	p.Status.Database = st
	switch {
	case c == nil || c.Status.Phase == "":
		return condition.Waiting(v1alpha1.ReasonProgressing, "waiting for CloudNativePG to begin with Cluster %s", naming.Cluster(p))
	case c.PrimaryReady():
		return condition.True(v1alpha1.ReasonReady, "%s instances ready, primary %s", st.Summary, st.Primary)
	}
	phase := c.Status.Phase
	if c.Status.PhaseReason != "" {
		phase += " (" + c.Status.PhaseReason + ")"
	}
	return condition.Waiting(v1alpha1.ReasonProgressing, "no primary is ready, CloudNativePG says: %s; look: kubectl -n %s get cluster.postgresql.cnpg.io,pods -l %s=%s",
		phase, p.Namespace, naming.LabelPool, p.Name)
}

// rolePassword is the one that exists, or a new one.
func rolePassword(r *round, role string) []byte {
	if s := r.seen.secrets[naming.RoleSecret(r.pool, role)]; s != nil && len(s.Data[build.KeyPassword]) > 0 {
		return s.Data[build.KeyPassword]
	}
	return password()
}

// Words for how the mirror is, in the status.
const (
	mirrorInSync  = "InSync"
	mirrorLost    = "Lost"
	mirrorNone    = "None"
	mirrorUnknown = "Unknown"
)

// mirror says whether commits are flushed on a mirror, too: CloudNativePG counts a mirror as ready while it follows.
func mirror(r *round) ([]any, condition.State) {
	word, state := mirrorState(r.pool, r.seen.cluster)
	r.pool.Status.Database.Mirror = word
	return nil, state
}

func mirrorState(p *v1alpha1.ChatPool, c *cnpg.Cluster) (string, condition.State) {
	d := p.Spec.Database
	switch {
	case d.Provider == v1alpha1.External:
		return mirrorUnknown, condition.Unknown(v1alpha1.ReasonExternal, "the database is run by others, who know its mirrors")
	case d.Instances < 2:
		return mirrorNone, condition.Waiting(v1alpha1.ReasonSingleInstance, "one instance has no mirror: set spec.database.instances to 2 or more")
	case c == nil || !c.PrimaryReady():
		return mirrorUnknown, condition.Unknown(v1alpha1.ReasonProgressing, "no primary is ready")
	case c.Mirrors() > 0:
		return mirrorInSync, condition.True(v1alpha1.ReasonReady, "%d of %d mirrors follow", c.Mirrors(), d.Instances-1)
	}
	what := "posts wait until one is back"
	if d.Durability == v1alpha1.PreferMirror {
		what = "posts are stored on the primary alone"
	}
	return mirrorLost, condition.Waiting(v1alpha1.ReasonMirrorLost, "no mirror follows, %s; look: kubectl -n %s get pods -o wide -l %s=%s",
		what, p.Namespace, naming.LabelCNPGCluster, naming.Cluster(p))
}
