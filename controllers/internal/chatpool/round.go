package chatpool

import (
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/condition"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// round is one look at a pool: what was observed, and what the phases have decided so far.
type round struct {
	pool   *v1alpha1.ChatPool
	config Config
	now    time.Time
	seen   observed
	states map[string]condition.State
	// place is what this site's database is, in a pool with two sites; nil with one.
	place *build.Place

	// configJSON and revision are set by the configuration, before any phase needs them.
	configJSON string
	revision   build.Revision
	// remove are objects that are not needed any more.
	remove []client.Object
}

// holds tells whether an earlier phase's condition came out True.
func (r *round) holds(name string) bool { return r.states[name].Status == "True" }

// phase decides one condition, and which objects make it true.
type phase struct {
	condition string
	decide    func(*round) ([]any, condition.State)
}

// phases in the order in which they run, for a pool with one site.
var phases = []phase{
	{v1alpha1.ConditionCertificatesReady, certificates},
	{v1alpha1.ConditionDirectoryReady, directory},
	{v1alpha1.ConditionDatabaseReady, database},
	{v1alpha1.ConditionMirrorInSync, mirror},
	{v1alpha1.ConditionSchemaReady, schema},
	{v1alpha1.ConditionServersReady, servers},
}

// standbyPhases are those of a site that follows. Its servers run warm, to send clients to the active site and to serve at
// once after a move; nothing is migrated there, the schema comes with the data.
var standbyPhases = []phase{
	{v1alpha1.ConditionCertificatesReady, certificates},
	{v1alpha1.ConditionDirectoryReady, directory},
	{v1alpha1.ConditionDatabaseReady, database},
	{v1alpha1.ConditionServersReady, warmServers},
}

// copies tells whether Secrets that both sites share come from the other one.
func (r *round) copies() bool { return r.place != nil && r.place.Standby() }
