package chatpool

import (
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// db makes what CloudNativePG says: the healthy pods, the primary and the one that is to be primary.
func db(primary, target string, healthy ...string) *cnpg.Cluster {
	c := &cnpg.Cluster{}
	c.Status = cnpg.ClusterStatus{
		Phase: "something", CurrentPrimary: primary, TargetPrimary: target, ReadyInstances: int32(len(healthy)),
		InstancesStatus: map[string][]string{"healthy": healthy},
	}
	return c
}

func TestDatabaseAndMirror(t *testing.T) {
	for sentence, c := range map[string]struct {
		instances        int32
		durability       v1alpha1.Durability
		cluster          *cnpg.Cluster
		database, mirror metav1.ConditionStatus
		word, reason     string
	}{
		"nothing is there yet":             {2, v1alpha1.Mirror, nil, "False", "Unknown", "Unknown", "Progressing"},
		"CloudNativePG has not begun":      {2, v1alpha1.Mirror, &cnpg.Cluster{}, "False", "Unknown", "Unknown", "Progressing"},
		"primary and mirror":               {2, v1alpha1.Mirror, db("a", "a", "a", "b"), "True", "True", "InSync", "Ready"},
		"one of two mirrors is enough":     {3, v1alpha1.Mirror, db("a", "a", "a", "c"), "True", "True", "InSync", "Ready"},
		"the mirror is away":               {2, v1alpha1.Mirror, db("a", "a", "a"), "True", "False", "Lost", "MirrorLost"},
		"the mirror is away, it goes on":   {2, v1alpha1.PreferMirror, db("a", "a", "a"), "True", "False", "Lost", "MirrorLost"},
		"the primary is away":              {2, v1alpha1.Mirror, db("a", "a", "b"), "False", "Unknown", "Unknown", "Progressing"},
		"the mirror is about to take over": {2, v1alpha1.Mirror, db("a", "b", "a", "b"), "False", "Unknown", "Unknown", "Progressing"},
		"a failover has just begun":        {2, v1alpha1.Mirror, db("a", "pending", "b"), "False", "Unknown", "Unknown", "Progressing"},
		"a single instance":                {1, v1alpha1.PreferMirror, db("a", "a", "a"), "True", "False", "None", "SingleInstance"},
	} {
		t.Run(sentence, func(t *testing.T) {
			p := &v1alpha1.ChatPool{}
			p.Spec.Database = v1alpha1.DatabaseSpec{Provider: v1alpha1.CloudNativePG, Instances: c.instances, Durability: c.durability}
			if got := databaseState(p, c.cluster); got.Status != c.database || got.Stalled {
				t.Errorf("the database is %+v, want %s", got, c.database)
			}
			word, got := mirrorState(p, c.cluster)
			if got.Status != c.mirror || got.Reason != c.reason || word != c.word {
				t.Errorf("the mirror is %s, %+v; want %s, %s, %s", word, got, c.word, c.mirror, c.reason)
			}
		})
	}
}

func TestWhereAPoolLives(t *testing.T) {
	two := []v1alpha1.Site{{Name: "a", Role: v1alpha1.SitePrimary}, {Name: "b", Role: v1alpha1.SiteBackup}}
	for sentence, c := range map[string]struct {
		sites []v1alpha1.Site
		state v1alpha1.PoolState
		self  string
		here  bool
	}{
		"no sites, so here":               {nil, v1alpha1.Normal, "a", true},
		"normal, we are the primary":      {two, v1alpha1.Normal, "a", true},
		"normal, we are the backup":       {two, v1alpha1.Normal, "b", false},
		"failed over, we are the backup":  {two, v1alpha1.FailedOver, "b", false},
		"failed over, we are the primary": {two, v1alpha1.FailedOver, "a", true},
		"we are neither":                  {two, v1alpha1.Normal, "c", false},
		"one site, it is us":              {two[:1], v1alpha1.Normal, "a", true},
		"one site, it is another":         {two[:1], v1alpha1.Normal, "b", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			p := &v1alpha1.ChatPool{}
			p.Spec.Sites, p.Spec.PoolState = c.sites, c.state
			if _, here := livesHere(p, c.self); here != c.here {
				t.Errorf("lives here: %t, want %t", here, c.here)
			}
		})
	}
}
