package integrations

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

// rule is an alert of charts/chatpool-operator/monitoring/alerts.yaml.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func rules(t *testing.T) map[string]rule {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "charts/chatpool-operator/monitoring/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.UnmarshalStrict(b, &file); err != nil {
		t.Fatal(err)
	}
	out := map[string]rule{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if _, twice := out[r.Alert]; twice {
				t.Errorf("there are two alerts %s", r.Alert)
			}
			out[r.Alert] = r
		}
	}
	return out
}

func (r rule) hold(t *testing.T) time.Duration {
	t.Helper()
	if r.For == "" {
		return 0
	}
	d, err := model.ParseDuration(r.For)
	if err != nil {
		t.Fatalf("%s: for: %v", r.Alert, err)
	}
	return time.Duration(d)
}

const (
	pool      = `namespace="chat",pool="trading"`
	condition = `chatpool_operator_pool_condition{` + pool + `,type=%q,status=%q}`
)

func cond(name, status string) string { return fmt.Sprintf(condition, name, status) }

func site(metric, more string) string {
	return fmt.Sprintf("chatpool_operator_%s{%s,site=\"home\"%s}", metric, pool, more)
}

// plays are stories for each alert: series with one value every 15 s, as promtool writes them ("1+0x40" is 1, 41 times),
// and when the alert is firing. Of a time at which it is pending, it is not.
var plays = []struct {
	sentence, alert string
	series          []string
	at              time.Duration
	firing          bool
}{
	{"a pool that is not ready for a while", "ChatPoolNotReady", []string{cond("Ready", "True") + " 0x40"}, 4 * time.Minute, false},
	{"a pool that is not ready for long", "ChatPoolNotReady", []string{cond("Ready", "True") + " 0x40"}, 6 * time.Minute, true},
	{"a pool that is ready", "ChatPoolNotReady", []string{cond("Ready", "True") + " 1x40"}, 9 * time.Minute, false},
	{"a mirror that is lost", "ChatPoolMirrorLost", []string{cond("MirrorInSync", "False") + " 1x40"}, 2 * time.Minute, true},
	{"a mirror of which nothing is known", "ChatPoolMirrorLost", []string{cond("MirrorInSync", "False") + " 0x40", cond("MirrorInSync", "Unknown") + " 1x40"}, 9 * time.Minute, false},

	{"DR is not ready", "ChatPoolFailoverNotReady", []string{cond("FailoverReady", "True") + " 0x40"}, 6 * time.Minute, true},
	{"DR is not known", "ChatPoolFailoverNotReady", []string{cond("FailbackReady", "True") + " 0x40", cond("FailbackReady", "Unknown") + " 1x40"}, 6 * time.Minute, true},
	{"DR is not ready during a move", "ChatPoolFailoverNotReady", []string{cond("FailoverReady", "True") + " 1x4 0x12 1x20"}, 5 * time.Minute, false},

	{"lag within bounds", "ChatPoolReplicationLag", []string{site("replication_lag_seconds", "") + " 10x40", site("max_data_loss_seconds", "") + " 5x40"}, 9 * time.Minute, false},
	{"lag above twice", "ChatPoolReplicationLag", []string{site("replication_lag_seconds", "") + " 11x40", site("max_data_loss_seconds", "") + " 5x40"}, 2 * time.Minute, true},
	{"lag above twice is not above thrice", "ChatPoolReplicationLagCritical", []string{site("replication_lag_seconds", "") + " 15x40", site("max_data_loss_seconds", "") + " 5x40"}, 9 * time.Minute, false},
	{"lag above thrice", "ChatPoolReplicationLagCritical", []string{site("replication_lag_seconds", "") + " 16x40", site("max_data_loss_seconds", "") + " 5x40"}, 2 * time.Minute, true},
	{"lag that grows", "ChatPoolReplicationLag", []string{site("replication_lag_seconds", "") + " 0+1x40", site("max_data_loss_seconds", "") + " 5x40"}, 3*time.Minute + 30*time.Second, false},
	{"lag that has grown", "ChatPoolReplicationLag", []string{site("replication_lag_seconds", "") + " 0+1x40", site("max_data_loss_seconds", "") + " 5x40"}, 4 * time.Minute, true},
	{"lag of another pool, which may lose more", "ChatPoolReplicationLag", []string{
		site("replication_lag_seconds", "") + " 11x40", site("max_data_loss_seconds", "") + " 60x40", strings.Replace(site("max_data_loss_seconds", ""), "trading", "legal", 1) + " 5x40",
	}, 9 * time.Minute, false},
	{"lag that is not known", "ChatPoolReplicationLag", []string{site("max_data_loss_seconds", "") + " 5x40"}, 9 * time.Minute, false},

	{"a peer that beats", "ChatPoolPeerSilent", []string{site("peer_silent_seconds", "") + " 2x40"}, 9 * time.Minute, false},
	{"a peer that is silent", "ChatPoolPeerSilent", []string{site("peer_silent_seconds", "") + " 0+15x40"}, 5 * time.Minute, true},
	{"an operator that restarts", "ChatPoolPeerSilent", []string{site("peer_silent_seconds", "") + " 2x8 17 32 47 2x30"}, 3 * time.Minute, false},

	{"a move in time", "ChatPoolTransitionStuck", []string{site("transition_step_seconds", `,kind="Planned",step="DemotingOld"`) + " 0+15x10"}, 2 * time.Minute, false},
	{"a step that stays", "ChatPoolTransitionStuck", []string{site("transition_step_seconds", `,kind="Planned",step="Granting"`) + " 0+15x40"}, 6 * time.Minute, true},
	{"a large copy", "ChatPoolTransitionStuck", []string{site("transition_step_seconds", `,kind="Return",step="Rejoining"`) + " 0+15x40"}, 9 * time.Minute, false},
	{"a copy that never ends", "ChatPoolTransitionStuck", []string{site("transition_step_seconds", `,kind="Return",step="Rejoining"`) + " 3500+15x40"}, 9 * time.Minute, true},

	{"a salvage that goes on", "ChatPoolSalvageWaiting", []string{site("salvage_waiting", "") + " 0x40", site("transition_step_seconds", `,kind="Return",step="Salvaging"`) + " 0+15x40"}, 9 * time.Minute, false},
	{"a salvage that waits", "ChatPoolSalvageWaiting", []string{site("salvage_waiting", "") + " 1x40"}, 3 * time.Minute, true},
	{"a tail that nobody salvages", "ChatPoolSalvageWaiting", []string{site("transition_step_seconds", `,kind="Return",step="Salvaging"`) + " 500+15x40"}, 9 * time.Minute, true},

	{"no witness was ever wanted", "ChatPoolSplitBrainGuardLost", []string{cond("SplitBrainGuard", "False") + " 1x40", cond("SplitBrainGuard", "Unknown") + " 0x40"}, 9 * time.Minute, false},
	{"the witness is silent", "ChatPoolSplitBrainGuardLost", []string{cond("SplitBrainGuard", "Unknown") + " 1x40"}, 2 * time.Minute, true},

	{"probation after a restart", "ChatPoolSiteInProbation", []string{site("epoch", `,role="Probation"`) + " 3x2 _x40"}, time.Minute, false},
	{"probation that stays", "ChatPoolSiteInProbation", []string{site("epoch", `,role="Probation"`) + " 3x40"}, 2 * time.Minute, true},
	{"a pool that is yet to be made", "ChatPoolSiteInProbation", []string{site("epoch", `,role="Probation"`) + " 0x40"}, 9 * time.Minute, false},

	{"a word that is refused", "ChatPoolWordRefused", []string{cond("ForceRefused", "True") + " 1x40"}, 2 * time.Minute, true},
	{"nothing is refused", "ChatPoolWordRefused", []string{cond("ForceRefused", "True") + " 0x40"}, 9 * time.Minute, false},
	{"manifests that differ while they are synced", "ChatPoolManifestsDiffer", []string{cond("PoolStateAgrees", "False") + " 1x80"}, 10 * time.Minute, false},
	{"manifests that differ", "ChatPoolManifestsDiffer", []string{cond("PoolStateAgrees", "False") + " 1x80"}, 16 * time.Minute, true},
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	all, played := rules(t), map[string]bool{}
	for _, p := range plays {
		t.Run(p.sentence, func(t *testing.T) {
			r, ok := all[p.alert]
			if !ok {
				t.Fatalf("there is no alert %s", p.alert)
			}
			found := newStage(t, p.series...).firing(t, r.Expr, r.hold(t), p.at)
			if got := len(found) > 0; got != p.firing {
				t.Errorf("after %s it is firing: %t, want %t", p.at, got, p.firing)
			}
			for _, f := range found {
				says(t, r, f)
			}
			if p.firing {
				played[p.alert] = true
			}
		})
	}
	for name := range all {
		if !played[name] {
			t.Errorf("no play has alert %s fire", name)
		}
	}
}

// says tries the templates of an alert that fires: everything that they name must be there.
func says(t *testing.T, r rule, f sample) {
	t.Helper()
	for name, text := range r.Annotations {
		tmpl, err := template.New(name).Option("missingkey=error").Parse("{{$labels := .Labels}}{{$value := .Value}}" + text)
		if err != nil {
			t.Fatalf("%s: %s: %v", r.Alert, name, err)
		}
		var out strings.Builder
		if err := tmpl.Execute(&out, f); err != nil {
			t.Errorf("%s: %s: %v", r.Alert, name, err)
		}
	}
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	for name, r := range rules(t) {
		for _, a := range []string{"summary", "description", "runbook_url"} {
			if r.Annotations[a] == "" {
				t.Errorf("%s has no %s", name, a)
			}
		}
		if s := r.Labels["severity"]; s != "warning" && s != "critical" {
			t.Errorf("%s has severity %q", name, s)
		}
	}
}

// Grafana's variables stand where PromQL takes a text or a duration.
var variable = regexp.MustCompile(`\$\{?\w+\}?`)

func TestDashboardsExpressionsAreValid(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "charts/chatpool-operator/monitoring/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title, Description string
			ID                 int
			Targets            []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q: its id %d is used twice, or it has no description or nothing to show", p.Title, p.ID)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			expr, err := promQL.ParseExpr(variable.ReplaceAllString(target.Expr, "x"))
			if err != nil {
				t.Errorf("panel %q: %v", p.Title, err)
				continue
			}
			// What the legend names must be left by the aggregation.
			var kept []string
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				if a, ok := n.(*parser.AggregateExpr); ok && kept == nil {
					kept = a.Grouping
				}
				return nil
			})
			for _, m := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !contains(kept, m[1]) {
					t.Errorf("panel %q: the legend names %s, which %v has not", p.Title, m[1], kept)
				}
			}
		}
	}
	if len(ids) < 6 {
		t.Errorf("only %d panels", len(ids))
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
