package moves

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/sites"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

// statuses are where the ChatPools of this test stand; hack/integrations has tools that others use read them.
const statuses = "../../../hack/integrations/testdata/statuses"

// at is what an observer at the side sees: the pool lives at home in epoch 1, backup follows, all is well.
func at(side failover.Side, changes ...func(*failover.Observation)) failover.Observation {
	home := failover.Database{
		Known: true, Data: failover.DataPresent, Mode: failover.Open, System: 7, Timeline: 1, LSN: 1000, Applied: true,
		Epochs: []failover.Epoch{{Number: 1}}, Beat: 50, Mirror: true, Followed: true,
	}
	backup := home
	backup.Mode, backup.Streaming, backup.Followed, backup.Mirror = failover.Following, true, false, true
	active := failover.Status{Role: failover.Active, Epoch: 1, Data: failover.DataPresent, Held: 1}
	standby := failover.Status{Role: failover.Standby, Epoch: 1, Data: failover.DataPresent, Held: 1, Shut: true}
	o := failover.Observation{
		Pool: "trading", Self: side, Names: map[failover.Side]string{failover.Home: "home", failover.Backup: "backup"}, Limits: failover.DefaultLimits(),
		Spec: failover.Spec{PoolState: failover.Normal, Self: side}, Status: active, Database: home,
		Servers: failover.Servers{Known: true, Epoch: 1, Drained: true}, Address: true, Lag: failover.Lag{Bytes: -1},
		Peer: failover.Peer{Live: true, Known: true, Confirming: true, Status: standby, Database: backup},
	}
	if side == failover.Backup {
		o.Status, o.Database, o.Servers, o.Address = standby, backup, failover.Servers{Known: true, Drained: true}, false
		o.Lag = failover.Lag{Known: true, Time: time.Second, Bytes: 120}
		o.Peer.Status, o.Peer.Database = active, home
	}
	o.Peer.Spec = failover.Spec{PoolState: failover.Normal, Self: side.Other()}
	for _, c := range changes {
		c(&o)
	}
	return o
}

func flipped(o *failover.Observation) {
	o.Spec.PoolState, o.Peer.Spec.PoolState = failover.FailedOver, failover.FailedOver
}

func silent(o *failover.Observation) { o.Peer.Live, o.Peer.SilentFor = false, 41*time.Second }

func begun(k failover.Kind, s failover.Step) func(*failover.Observation) {
	return func(o *failover.Observation) { o.Status.Transition = failover.Transition{Kind: k, Step: s, From: 1} }
}

func quiesced(o *failover.Observation) { o.Servers.Quiesced = true }

func serversShut(o *failover.Observation) { o.Servers.Epoch = 0 }

func standsStill(o *failover.Observation) {
	o.Database.Mode, o.Database.Streaming = failover.Isolated, false
}

func demoted(o *failover.Observation) {
	standsStill(o)
	o.Database.Token = failover.Token{Text: "end-of-epoch-1", Timeline: 1}
}

func databaseAway(o *failover.Observation) {
	o.Database = failover.Database{SilentFor: time.Minute}
}

func orderedDown(o *failover.Observation) { o.Database = failover.Database{Fenced: true} }

// released: home gave up epoch 1.
func released(o *failover.Observation) {
	o.Peer.Status.Role, o.Peer.Status.Released, o.Peer.Status.Shut = failover.Fenced, 1, true
	o.Peer.Database = failover.Database{}
}

func claims(timeline int64) func(*failover.Observation) {
	return func(o *failover.Observation) {
		o.Status.Claim = failover.Claim{Kind: failover.Activating, Epoch: 2, Timeline: timeline}
	}
}

// opened: backup's database is open on a new timeline; recorded: in epoch 2.
func opened(o *failover.Observation) {
	o.Database.Mode, o.Database.Timeline, o.Database.Streaming = failover.Open, 2, false
}

func recorded(o *failover.Observation) {
	opened(o)
	o.Status.Epoch, o.Status.Held, o.Database.Epochs = 2, 2, second
}

func serving(o *failover.Observation) { o.Servers.Epoch = 2 }

var second = []failover.Epoch{{Number: 1}, {Number: 2, ForkTimeline: 1, ForkLSN: 900, ForkBeat: 40}}

// overtaken: backup serves epoch 2, and home is back.
func overtaken(o *failover.Observation) {
	o.Servers.Epoch, o.Address = 0, false
	o.Status.Role, o.Status.Epoch = failover.Fenced, 2
	o.Spec.PoolState, o.Peer.Spec.PoolState = failover.FailedOver, failover.FailedOver
	o.Peer.Status = failover.Status{Role: failover.Active, Epoch: 2, Data: failover.DataPresent, Held: 2}
	o.Peer.Database.Mode, o.Peer.Database.Timeline, o.Peer.Database.Streaming, o.Peer.Database.Epochs, o.Peer.Database.LSN = failover.Open, 2, false, second, 2000
}

func confirmed(o *failover.Observation) {
	silent(o)
	o.Spec.PoolState, o.Spec.Confirm = failover.FailedOver, failover.Attestation{Epoch: 2}
}

func empty(o *failover.Observation) {
	o.Database = failover.Database{Known: true, Data: failover.DataEmpty}
	o.Status = failover.Status{Role: failover.Probation, Data: failover.DataEmpty}
	o.Servers, o.Address = failover.Servers{Known: true, Drained: true}, false
	o.Peer.Status = failover.Status{Role: failover.Probation, Data: failover.DataEmpty, Shut: true}
	o.Peer.Database = failover.Database{}
}

// scenes are a pool at every step, as either site comes to it; the step is what is decided.
var scenes = []struct {
	name    string
	side    failover.Side
	changes []func(*failover.Observation)
	step    failover.Step
}{
	{"home-serves", failover.Home, nil, ""},
	{"backup-follows", failover.Backup, nil, ""},
	{"home-one-manifest-wants-backup", failover.Home, []func(*failover.Observation){func(o *failover.Observation) { o.Spec.PoolState = failover.FailedOver }}, ""},
	{"backup-bare-flip-and-home-silent", failover.Backup, []func(*failover.Observation){silent, flipped}, ""},
	{"home-planned-quiesces", failover.Home, []func(*failover.Observation){flipped}, failover.QuiescingChat},
	{"home-planned-drains", failover.Home, []func(*failover.Observation){flipped, begun(failover.Planned, failover.QuiescingChat), quiesced, func(o *failover.Observation) { o.Servers.Drained = false }}, failover.DrainingCompliance},
	{"home-planned-demotes", failover.Home, []func(*failover.Observation){flipped, begun(failover.Planned, failover.QuiescingChat), quiesced}, failover.DemotingOld},
	{"home-planned-waits-to-grant", failover.Home, []func(*failover.Observation){flipped, begun(failover.Planned, failover.DemotingOld), quiesced, demoted, func(o *failover.Observation) { o.Peer.Database.LSN = 900 }}, failover.Granting},
	{"home-planned-granted", failover.Home, []func(*failover.Observation){flipped, begun(failover.Planned, failover.Granting), serversShut, demoted, func(o *failover.Observation) { o.Status.Grant = failover.Grant{Epoch: 2, Token: "end-of-epoch-1"} }}, failover.Granting},
	{"home-planned-rolls-back", failover.Home, []func(*failover.Observation){flipped, begun(failover.Planned, failover.DemotingOld), quiesced, demoted, func(o *failover.Observation) { o.StepFor = 2 * time.Minute }}, failover.RollingBack},
	{"home-assisted-shuts", failover.Home, []func(*failover.Observation){flipped, databaseAway}, failover.ShuttingChat},
	{"home-assisted-fences", failover.Home, []func(*failover.Observation){flipped, databaseAway, serversShut}, failover.FencingDatabase},
	{"home-assisted-releases", failover.Home, []func(*failover.Observation){flipped, begun(failover.Assisted, failover.FencingDatabase), orderedDown, serversShut}, failover.Releasing},
	{"backup-assisted-stops-following", failover.Backup, []func(*failover.Observation){flipped, released}, failover.RemovingLogShipping},
	{"backup-assisted-applies", failover.Backup, []func(*failover.Observation){flipped, released, standsStill, func(o *failover.Observation) { o.Database.Applied = false }}, failover.ApplyingReceivedWAL},
	{"backup-assisted-claims", failover.Backup, []func(*failover.Observation){flipped, released, standsStill}, failover.Claiming},
	{"backup-assisted-promotes", failover.Backup, []func(*failover.Observation){flipped, released, standsStill, claims(1), begun(failover.Assisted, failover.Claiming)}, failover.Promoting},
	{"backup-assisted-records", failover.Backup, []func(*failover.Observation){flipped, released, opened, claims(1), begun(failover.Assisted, failover.Promoting)}, failover.RecordingEpoch},
	{"backup-assisted-builds-its-mirror", failover.Backup, []func(*failover.Observation){flipped, released, recorded, claims(1), begun(failover.Assisted, failover.RecordingEpoch), func(o *failover.Observation) { o.Spec.NeedsMirror, o.Database.Mirror = true, false }}, failover.BuildingMirror},
	{"backup-assisted-activates", failover.Backup, []func(*failover.Observation){flipped, released, recorded, claims(1), begun(failover.Assisted, failover.RecordingEpoch)}, failover.ActivatingServers},
	{"backup-assisted-switches-the-address", failover.Backup, []func(*failover.Observation){flipped, released, recorded, serving, begun(failover.Assisted, failover.ActivatingServers)}, failover.SwitchingAddress},
	{"backup-planned-waits-for-home-to-follow", failover.Backup, []func(*failover.Observation){flipped, recorded, serving, begun(failover.Planned, failover.SwitchingAddress), func(o *failover.Observation) {
		o.Address, o.Peer.Status.Role, o.Peer.Status.Epoch, o.Peer.Status.Shut, o.Peer.Database.Mode = true, failover.Fenced, 2, true, failover.Isolated
		o.Peer.Database.LSN, o.Peer.Database.Beat = 900, 40
	}}, failover.OldFollows},
	{"backup-salvages-what-home-had-not-sent", failover.Backup, []func(*failover.Observation){flipped, recorded, serving, func(o *failover.Observation) {
		o.Address, o.Peer.Status.Role, o.Peer.Status.Epoch, o.Peer.Status.Shut, o.Peer.Database.Mode = true, failover.Fenced, 2, true, failover.Isolated
	}}, ""},
	{"home-serves-and-its-witness-is-silent", failover.Home, []func(*failover.Observation){func(o *failover.Observation) { o.Spec.Witness, o.Peer.Spec.Witness = true, true }}, ""},
	{"backup-forced-claims", failover.Backup, []func(*failover.Observation){confirmed, standsStill}, failover.Claiming},
	{"backup-forced-promotes", failover.Backup, []func(*failover.Observation){confirmed, standsStill, begun(failover.Forced, failover.Claiming), func(o *failover.Observation) {
		o.Status.Claim = failover.Claim{Kind: failover.Forcing, Epoch: 2, Timeline: 1}
	}}, failover.Promoting},
	{"home-waits-for-proof", failover.Home, []func(*failover.Observation){serversShut, silent, claims(1), func(o *failover.Observation) { o.Status.Claim.Epoch, o.Status.Role = 1, failover.Probation }}, failover.ActivatingServers},
	{"home-creates-the-pool", failover.Home, []func(*failover.Observation){empty, func(o *failover.Observation) { o.Status.Claim = failover.Claim{Kind: failover.Activating, Epoch: 1} }}, failover.Initialising},
	{"home-returns-and-is-isolated", failover.Home, []func(*failover.Observation){overtaken}, failover.Isolating},
	{"home-returns-with-a-tail", failover.Home, []func(*failover.Observation){overtaken, standsStill}, failover.Salvaging},
	{"home-returns-and-rejoins", failover.Home, []func(*failover.Observation){overtaken, standsStill, func(o *failover.Observation) { o.Database.LSN, o.Database.Beat = 900, 40 }}, failover.Rejoining},
}

// fill's statuses are what everybody else reads: they are shown at every step, and hack/integrations holds tools to them.
func TestStatusesAtEveryStep(t *testing.T) {
	var want []string
	for _, s := range scenes {
		want = append(want, s.name+".yaml")
		t.Run(s.name, func(t *testing.T) {
			p := filled(at(s.side, s.changes...))
			if got := stepOf(p); got != s.step {
				t.Fatalf("the step is %q, want %q", got, s.step)
			}
			file := filepath.Join(statuses, s.name+".yaml")
			got, err := yaml.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			is, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(is), string(got)); d != "" {
				t.Errorf("%s, -update takes it over (-want +got):\n%s", file, d)
			}
		})
	}
	files, err := filepath.Glob(statuses + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.Contains(want, filepath.Base(f)) {
			t.Errorf("%s is of no scene", f)
		}
	}
}

// Every step is shown but the one at which nothing has begun yet.
func TestScenesHaveEveryStep(t *testing.T) {
	seen := map[string]bool{string(failover.CheckingPrerequisites): true}
	for _, s := range scenes {
		seen[string(s.step)] = true
	}
	source, err := os.ReadFile("../failover/status.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(source)) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == "Step" && f[2] == "=" {
			if n++; !seen[strings.Trim(f[3], `"`)] {
				t.Errorf("no scene has step %s", f[3])
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d steps were found", n)
	}
}

func stepOf(p *v1alpha1.ChatPool) failover.Step {
	if p.Status.Transition == nil {
		return ""
	}
	return failover.Step(p.Status.Transition.Step)
}

// filled is the ChatPool as it stands after a round that has seen this.
func filled(o failover.Observation) *v1alpha1.ChatPool {
	site := func(s failover.Side, role v1alpha1.SiteRole) v1alpha1.Site {
		return v1alpha1.Site{Name: string(s), Role: role}
	}
	home, backup := site(failover.Home, v1alpha1.SitePrimary), site(failover.Backup, v1alpha1.SiteBackup)
	p := &v1alpha1.ChatPool{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ChatPool"}}
	p.Name, p.Namespace, p.Generation, p.Status.ObservedGeneration = "trading", "chat", 3, 3
	p.Spec.Domain, p.Spec.Sites = "example.com", []v1alpha1.Site{home, backup}
	p.Spec.PoolState = v1alpha1.PoolState(o.Spec.PoolState)
	p.Spec.Database.Provider, p.Spec.Database.Durability = v1alpha1.CloudNativePG, v1alpha1.Mirror
	r := &round{Controller: &Controller{Limits: o.Limits}, memory: &memory{}, pool: p, pair: sites.Pair{Self: home, Peer: backup}, observed: o, decision: failover.Decide(o)}
	if o.Self == failover.Backup {
		r.pair = sites.Pair{Self: backup, Peer: home}
	}
	if o.Database.Followed {
		r.seen.own.facts = &adminapi.DatabaseFacts{Followers: []adminapi.Follower{{Name: r.pair.Peer.Name}}}
	}
	if o.Peer.Live {
		r.seen.peer = &v1alpha1.ChatPool{Status: v1alpha1.ChatPoolStatus{Role: string(o.Peer.Status.Role), Epoch: o.Peer.Status.Epoch}}
	}
	r.fill()
	summarize(p, o)
	for i := range p.Status.Conditions {
		p.Status.Conditions[i].LastTransitionTime = someTime
	}
	if p.Status.Transition != nil {
		p.Status.Transition.StartedAt = &someTime
	}
	p.Status.Peer.Since = &someTime
	if p.Status.Salvage != nil {
		p.Status.Salvage.StartedAt = &someTime
	}
	return p
}

var someTime = metav1.NewTime(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))

// summarize adds what the reconciler of ChatPools says beside package moves, when nothing else is wrong.
func summarize(p *v1alpha1.ChatPool, o failover.Observation) {
	fine := condition.True(v1alpha1.ReasonReady, "")
	states := map[string]condition.State{}
	for _, name := range []string{
		v1alpha1.ConditionCertificatesReady, v1alpha1.ConditionDirectoryReady, v1alpha1.ConditionDatabaseReady,
		v1alpha1.ConditionMirrorInSync, v1alpha1.ConditionSchemaReady, v1alpha1.ConditionServersReady,
	} {
		states[name] = fine
	}
	if !o.Database.Known || o.Database.Data != failover.DataPresent {
		states[v1alpha1.ConditionDatabaseReady] = condition.Waiting(v1alpha1.ReasonProgressing, "there is no primary")
	}
	for _, c := range p.Status.Conditions {
		if c.Type == v1alpha1.ConditionServing {
			states[c.Type] = condition.State{Status: c.Status, Reason: c.Reason, Message: c.Message}
		}
	}
	condition.Summarize(p, states, "all is well")
}
