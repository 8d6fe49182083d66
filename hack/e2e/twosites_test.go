//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/loadcheck"
)

// desk is a pool in both sites: in a namespace of its own, with the users and rooms of every pool of these tests.
type desk struct {
	*pool
	t testing.TB
}

// The sites, and where each is reached from the other one and by clients.
var (
	siteNames = []string{"home", "backup"}
	nodeOf    = map[string]string{"home": "10.90.1.11", "backup": "10.90.2.11"}
)

const (
	deskNamespace = "e2e-sites"
	deskPort      = 30161 // of TLS, in both sites
	deskDatabase  = 30432
)

// at asks a site.
func at(t testing.TB, site string, args ...string) string {
	t.Helper()
	return run(t, time.Minute, kubectlPath, siteArgs(site, args)...)
}

func siteArgs(site string, args []string) []string {
	return append([]string{"--kubeconfig", filepath.Join(root, ".run", site, "admin.conf")}, args...)
}

func applyAt(t testing.TB, site, manifest string) {
	t.Helper()
	if out, err := try(t.Context(), time.Minute, manifest, kubectlPath, siteArgs(site, []string{"apply", "-f", "-"})...); err != nil {
		t.Fatalf("apply in %s: %v\n%s", site, err, out)
	}
}

// makeDesk applies the one manifest in both sites, pairs them, and waits until one serves and the other follows.
func makeDesk(t *testing.T) *desk {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".run/backup/admin.conf")); err != nil {
		t.Fatal("the local site backup does not run: use make test-dr, or hack/cluster/up.sh --no-pool first")
	}
	d := &desk{t: t, pool: &pool{namespace: deskNamespace, instances: 2, nodePort: deskPort, domain: "e2e.test", ca: filepath.Join(t.TempDir(), "ca.crt")}}
	for _, site := range siteNames {
		applyAt(t, site, d.manifest())
	}
	d.plugin(t, "peer", poolName)
	d.flip(t, "Normal") // where a test before may have left it
	d.awaitRoles(t, "home", 6*time.Minute)
	d.keepCA(t)
	return d
}

// manifest is the one of both sites.
func (d *desk) manifest() string {
	var sites strings.Builder
	sites.WriteString("spec:\n  sites:\n")
	for i, name := range siteNames {
		fmt.Fprintf(&sites, "  - {name: %s, role: %s, sipName: \"%s:%d\", databaseEndpoint: \"%s:%d\", databaseService: {type: NodePort, nodePort: %d}}\n",
			name, []string{"Primary", "Backup"}[i], nodeOf[name], deskPort, nodeOf[name], deskDatabase, deskDatabase)
	}
	m := strings.Replace(d.pool.manifest(), "spec:\n", sites.String(), 1)
	// One worker in backup: two instances there share it.
	return m
}

// plugin runs kubectl chatpool for both sites.
func (d *desk) plugin(t testing.TB, args ...string) string {
	t.Helper()
	all := append([]string{"-n", d.namespace,
		"--kubeconfig", filepath.Join(root, ".run/home/admin.conf"), "--site", "home",
		"--peer-kubeconfig", filepath.Join(root, ".run/backup/admin.conf"), "--peer-site", "backup"}, args...)
	return run(t, 5*time.Minute, filepath.Join(root, "bin/kubectl-chatpool"), all...)
}

// view is what a site says of the pool.
type view struct {
	Role, ActiveSite, DR, State string
	Epoch                       int64
	Transition                  *struct{ Kind, Step, WaitingFor, NextCommand, DataLoss string }
	Replication                 *struct{ State, Lag string }
	Conditions                  []struct{ Type, Status, Reason, Message string }
}

func (v view) String() string {
	s := fmt.Sprintf("%s epoch %d active %s dr %s", v.Role, v.Epoch, v.ActiveSite, v.DR)
	if v.Transition != nil {
		s += fmt.Sprintf(", %s/%s waits for %q", v.Transition.Kind, v.Transition.Step, v.Transition.WaitingFor)
	}
	for _, c := range v.Conditions {
		if c.Type == "Ready" && c.Status != "True" {
			s += ", not ready: " + c.Message
		}
	}
	return s
}

func (v view) condition(name string) (status, reason, message string) {
	for _, c := range v.Conditions {
		if c.Type == name {
			return c.Status, c.Reason, c.Message
		}
	}
	return "", "", ""
}

func (v view) is(name string) bool {
	status, _, _ := v.condition(name)
	return status == "True"
}

// look reads a site's status; a site that does not answer gives the error.
func (d *desk) look(site string) (view, error) {
	out, err := try(d.t.Context(), 10*time.Second, "", kubectlPath, siteArgs(site, []string{"-n", d.namespace, "get", "chatpool", poolName, "-o", "json"})...)
	var o struct{ Status view }
	if err == nil {
		err = json.Unmarshal([]byte(out), &o)
	}
	return o.Status, err
}

// awaitRoles waits until active serves, the other site follows it, and both are Ready; it tells how long that took.
func (d *desk) awaitRoles(t testing.TB, active string, limit time.Duration) time.Duration {
	t.Helper()
	return eventually(t, limit, active+" to serve and the other site to follow", func() (bool, string) {
		ok, text := true, ""
		for _, site := range siteNames {
			v, err := d.look(site)
			want := "Standby"
			if site == active {
				want = "Active"
			}
			ok = ok && err == nil && v.Role == want && v.is("Ready") && v.DR == "Ready" && v.Transition == nil
			text += fmt.Sprintf("\n  %s: %v %v", site, v, err)
		}
		return ok, text
	})
}

// flip wants the pool in a state, in both manifests.
func (d *desk) flip(t testing.TB, state string) {
	t.Helper()
	for _, site := range siteNames {
		d.flipAt(t, site, state)
	}
}

func (d *desk) flipAt(t testing.TB, site, state string) {
	t.Helper()
	at(t, site, "-n", d.namespace, "patch", "chatpool", poolName, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"poolState":%q}}`, state))
}

// bothServers are where clients try: the active site, then the other one.
func (d *desk) bothServers() []string {
	var out []string
	for _, site := range siteNames {
		out = append(out, fmt.Sprintf("%s:%d", nodeOf[site], deskPort))
	}
	return out
}

// underMoves runs f while a load goes on against both sites, and checks every promise.
func (d *desk) underMoves(t *testing.T, f func(*loadcheck.Run)) *loadcheck.Report {
	t.Helper()
	cfg := d.loadConfig(t)
	cfg.Servers = d.bothServers()
	cfg.MaxAnswer = 0 // while the pool moves, an answer is "try again", and where it comes from changes
	return d.underLoadOf(t, cfg, f)
}

// move has the pool live in a site, and waits until it does and the other one follows.
func (d *desk) move(t *testing.T, to string) {
	t.Helper()
	d.flip(t, map[string]string{"home": "Normal", "backup": "FailedOver"}[to])
	d.awaitRoles(t, to, 5*time.Minute)
}

// power cuts the power of a site, or brings it back.
func power(t testing.TB, verb, site string) {
	t.Helper()
	run(t, 5*time.Minute, filepath.Join(root, "hack/cluster/power-"+verb+".sh"), site)
}

// powerCycle cuts a site's power and brings it back.
func (d *desk) powerCycle(t testing.TB, site string) {
	t.Helper()
	power(t, "cut", site)
	power(t, "on", site)
}

// command is what the site says would help.
func (v view) command() string {
	if v.Transition != nil && v.Transition.NextCommand != "" {
		return v.Transition.NextCommand
	}
	_, _, message := v.condition("Serving")
	_, command, _ := strings.Cut(message, "to help: ")
	return command
}

var activatedByNeighbour = regexp.MustCompile(`"msg":"activated".*"how":"Neighbour"`)

// mustNotAccept tries to post in either site, for a while: nobody may take a post.
func (d *desk) mustNotAccept(t *testing.T) {
	t.Helper()
	user := d.accounts(t)[0]
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{
		Servers: d.bothServers(), ServerName: d.serverName(), RootCAs: d.roots(t), User: user.Address, Password: user.Password, Patient: true,
	})
	if err != nil {
		return // nobody even signs in
	}
	defer c.Close()
	if _, err := c.Join(ctx, "room0"); err != nil {
		return
	}
	if _, err := c.Post(ctx, "room0", "is anybody there?"); err == nil {
		t.Error("a post was accepted by a site that has no proof")
	}
}
