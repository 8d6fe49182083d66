//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

// deaths are the points of a planned move at which an operator dies: of the site that gives, or of the one that takes.
var deaths = []struct{ whose, point string }{
	{"old", "before publish Begin"},
	{"old", "after publish Begin"},
	{"old", "before Quiesce"},
	{"old", "after Quiesce"},
	{"old", "before Demote"},
	{"old", "after Demote"},
	{"old", "before Shut"},
	{"old", "after Shut"},
	{"old", "before publish Grant"},
	{"old", "after publish Grant"},
	{"new", "before publish Claim"},
	{"new", "after publish Claim"},
	{"new", "before Promote"},
	{"new", "after Promote"},
	{"new", "before RecordEpoch"},
	{"new", "after RecordEpoch"},
	{"new", "before Activate"},
	{"new", "after Activate"},
	{"new", "before PublishAddress"},
	{"new", "after PublishAddress"},
	{"old", "before Follow"},
	{"old", "after Follow"},
}

// few are those that every run of the tests takes; the others are for EVERY_DEATH=1 and make soak.
var few = map[string]bool{"after publish Grant": true, "after Promote": true}

// TestOperatorsDie promises: wherever an operator of ours dies in a planned move, and CloudNativePG's of the same site with
// it, the move finishes or is rolled back by itself, and nothing is lost.
func TestOperatorsDie(t *testing.T) {
	d := makeDesk(t)
	for _, site := range siteNames {
		failpoints(t, site, true)
		t.Cleanup(func() { failpoints(t, site, false) })
	}
	at := "home"
	for _, death := range deaths {
		if !few[death.point] && os.Getenv("EVERY_DEATH") == "" {
			continue
		}
		to := other(at)
		t.Run(fmt.Sprintf("%s %s, to %s", death.whose, death.point, to), func(t *testing.T) {
			d.awaitRoles(t, at, 3*time.Minute)
			victim := at
			if death.whose == "new" {
				victim = to
			}
			freshOperator(t, victim)
			d.underMoves(t, func(load *loadcheck.Run) {
				accepts(t, load, time.Minute)
				d.dieAt(t, victim, death.point)
				load.Mark("the operator of %s dies %s", victim, death.point)
				d.flip(t, stateIn[to])
				d.awaitDeath(t, victim)
				killCloudNativePG(t, victim)
				accepts(t, load, 3*time.Minute)
				d.awaitRoles(t, to, 4*time.Minute)
			})
		})
		at = to
	}
}

var stateIn = map[string]string{"home": "Normal", "backup": "FailedOver"}

func other(site string) string {
	if site == "home" {
		return "backup"
	}
	return "home"
}

const operator = "chatpool-operator"

// failpoints has a site's operator look at failpoints, or not any more.
func failpoints(t testing.TB, site string, on bool) {
	t.Helper()
	patch := `[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--failpoints"}]`
	if !on {
		args := at(t, site, "-n", "chatpool-system", "get", "deployment", operator, "-o", "jsonpath={.spec.template.spec.containers[0].args}")
		patch = fmt.Sprintf(`[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":%s}]`, without(args, "--failpoints"))
	}
	at(t, site, "-n", "chatpool-system", "patch", "deployment", operator, "--type=json", "-p", patch)
	at(t, site, "-n", "chatpool-system", "rollout", "status", "deployment/"+operator, "--timeout=55s")
}

// freshOperator replaces a site's operator: Kubernetes lets a pod that has died before wait longer each time.
func freshOperator(t testing.TB, site string) {
	t.Helper()
	at(t, site, "-n", "chatpool-system", "delete", "pod", "-l", "app.kubernetes.io/name="+operator)
	at(t, site, "-n", "chatpool-system", "rollout", "status", "deployment/"+operator, "--timeout=55s")
}

// dieAt marks where the site's operator is to die, once.
func (d *desk) dieAt(t testing.TB, site, point string) {
	t.Helper()
	at(t, site, "-n", d.namespace, "annotate", "chatpool", poolName, "--overwrite", "chatpool.dev/failpoint="+point)
}

// awaitDeath waits until the operator has taken its mark and died.
func (d *desk) awaitDeath(t *testing.T, site string) {
	t.Helper()
	eventually(t, time.Minute, "the operator of "+site+" to die", func() (bool, string) {
		mark := at(t, site, "-n", d.namespace, "get", "chatpool", poolName, "-o", `jsonpath={.metadata.annotations.chatpool\.dev/failpoint}`)
		return mark == "", "it is to die " + mark
	})
}

func killCloudNativePG(t testing.TB, site string) {
	t.Helper()
	at(t, site, "-n", "cnpg-system", "delete", "pod", "-l", "app.kubernetes.io/name=cloudnative-pg", "--force", "--grace-period=0")
}

// without takes a word out of a JSON list.
func without(list, word string) string {
	var words, kept []string
	if err := json.Unmarshal([]byte(list), &words); err != nil {
		return list
	}
	for _, w := range words {
		if w != word {
			kept = append(kept, w)
		}
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return list
	}
	return string(out)
}
