package moves

import (
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/sites"
)

func cluster(primary, source string) *cnpg.Cluster {
	c := &cnpg.Cluster{}
	c.Spec.Replica = &cnpg.Replica{Self: "home", Primary: primary, Source: source}
	c.Status.CurrentPrimary = "trading-db-1"
	return c
}

// CloudNativePG is given no new order before it is done with the last one: one that is called off in the middle leaves the
// database fenced for good.
func TestADemotionIsCalledOffOnlyWhenItHasEnded(t *testing.T) {
	back := cnpg.Replica{Primary: "home", Source: "backup"}
	for sentence, c := range map[string]struct {
		inProgress, closing bool
		want                cnpg.Replica
		waits               bool
	}{
		"nothing is under way":                     {false, false, back, false},
		"the database is still open":               {false, true, back, true},
		"CloudNativePG turns it around":            {true, false, back, true},
		"both":                                     {true, true, back, true},
		"to demote it once more is the same order": {false, true, cnpg.Replica{Primary: "backup", Source: naming.Nobody}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			r := &round{pair: sites.Pair{Self: v1alpha1.Site{Name: "home"}, Peer: v1alpha1.Site{Name: "backup"}}}
			r.seen.own.cluster = cluster("backup", naming.Nobody)
			r.seen.own.cluster.Status.SwitchReplicaClusterStatus.InProgress = c.inProgress
			r.observed.Database.Closing = c.closing
			if got := r.turning(c.want); got != c.waits {
				t.Errorf("turning() = %t, want %t", got, c.waits)
			}
		})
	}
}

// What a database is follows from its own word and from what its Cluster was told, never from a phase.
func TestWhatTheOwnDatabaseIs(t *testing.T) {
	lsn, timeline := adminapi.LSN(100), int64(3)
	open := &adminapi.DatabaseFacts{Timeline: &timeline, CurrentLSN: &lsn, Epochs: []adminapi.Epoch{{Epoch: 1}}}
	follows := &adminapi.DatabaseFacts{InRecovery: true, Timeline: &timeline, ReceivedLSN: &lsn, ReplayedLSN: &lsn, Epochs: []adminapi.Epoch{{Epoch: 1}}}
	empty := *open
	empty.Epochs = nil
	copying := cluster("backup", "backup")
	copying.Spec.Bootstrap.PGBaseBackup, copying.Status.CurrentPrimary = &cnpg.PGBaseBackup{}, ""
	for sentence, c := range map[string]struct {
		cluster *cnpg.Cluster
		volumes int
		facts   *adminapi.DatabaseFacts
		known   bool
		data    failover.Data
		mode    failover.Mode
		closing bool
	}{
		"there is nothing":                          {nil, 0, nil, true, failover.DataEmpty, "", false},
		"its volumes are gone":                      {cluster("home", "backup"), 0, nil, true, failover.DataEmpty, "", false},
		"it does not answer: that is not down":      {cluster("home", "backup"), 2, nil, false, "", "", false},
		"a copy has begun":                          {copying, 1, nil, true, failover.DataPartial, "", false},
		"it takes writes":                           {cluster("home", "backup"), 2, open, true, failover.DataPresent, failover.Open, false},
		"it takes writes, and was told to stop":     {cluster("backup", naming.Nobody), 2, open, true, failover.DataPresent, failover.Open, true},
		"it follows":                                {cluster("backup", "backup"), 2, follows, true, failover.DataPresent, failover.Following, false},
		"it stands still":                           {cluster("backup", naming.Nobody), 2, follows, true, failover.DataPresent, failover.Isolated, false},
		"it is being promoted":                      {cluster("home", "backup"), 2, follows, true, failover.DataPresent, failover.Following, false},
		"its schema is not there yet":               {cluster("home", "backup"), 2, &empty, false, failover.DataPresent, failover.Open, false},
		"somebody answers, but there is no Cluster": {nil, 2, open, false, "", "", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := (&own{cluster: c.cluster, volumes: c.volumes, facts: c.facts}).database()
			if got.Known != c.known || got.Data != c.data || got.Mode != c.mode || got.Closing != c.closing {
				t.Errorf("got known %t, data %q, mode %q, closing %t", got.Known, got.Data, got.Mode, got.Closing)
			}
		})
	}
}
