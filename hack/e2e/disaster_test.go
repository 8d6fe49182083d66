//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

// TestAssistedMove promises: when home's database is gone for good while its operator lives, the pool goes on in backup
// with what backup received; home comes back by itself as a copy, and the pool can move home.
func TestAssistedMove(t *testing.T) {
	d := makeDesk(t)
	d.underMoves(t, func(load *loadcheck.Run) {
		accepts(t, load, time.Minute)
		load.Mark("home's database is destroyed")
		d.destroyDatabase(t, "home")
		d.flip(t, "FailedOver")
		start := time.Now()
		accepts(t, load, 2*time.Minute)
		t.Logf("backup accepts posts %v after the flip", time.Since(start).Round(100*time.Millisecond))
		t.Logf("home is a copy again after %v", d.awaitRoles(t, "backup", 4*time.Minute).Round(time.Second))
		load.Mark("moves home")
		d.flip(t, "Normal")
		d.awaitRoles(t, "home", followsWithin)
		accepts(t, load, time.Minute)
	})
}

// destroyDatabase takes a site's database with its volumes, while everything else lives.
func (d *desk) destroyDatabase(t *testing.T, site string) {
	t.Helper()
	for _, kind := range []string{"pvc", "pod"} {
		at(t, site, "-n", d.namespace, "delete", kind, "-l", "cnpg.io/cluster="+poolName+"-db", "--force", "--grace-period=0", "--wait=false")
	}
}

// TestARebuiltHomeJoins promises: a home of which nothing is left, neither etcd nor volumes, and which is made anew from
// the same manifests, follows backup and never begins an empty database; then the pool moves home and nothing is lost.
func TestARebuiltHomeJoins(t *testing.T) {
	d := makeDesk(t)
	d.move(t, "backup")
	d.underMoves(t, func(load *loadcheck.Run) {
		accepts(t, load, time.Minute)
		load.Mark("home is destroyed")
		d.rebuild(t, "home")
		start := time.Now()
		applyAt(t, "home", d.manifest())
		d.plugin(t, "peer", poolName)
		d.awaitRoles(t, "backup", 5*time.Minute)
		t.Logf("home follows %v after it was applied again", time.Since(start).Round(time.Second))
		load.Mark("moves home")
		d.flip(t, "Normal")
		d.awaitRoles(t, "home", followsWithin)
		accepts(t, load, time.Minute)
	})
}

// rebuild makes a site anew from nothing.
func (d *desk) rebuild(t *testing.T, site string) {
	t.Helper()
	run(t, 3*time.Minute, filepath.Join(root, "hack/cluster/power-cut.sh"), site)
	run(t, time.Minute, filepath.Join(root, "hack/cluster/forget.sh"), site)
	run(t, 10*time.Minute, filepath.Join(root, "hack/cluster/up.sh"), "--site", site, "--no-pool")
}

// TestPowerReturns promises: a site whose power was cut accepts no post before the other site has confirmed that it may;
// while that one is dead it waits, and says so.
func TestPowerReturns(t *testing.T) {
	d := makeDesk(t)
	t.Run("with the other site alive", func(t *testing.T) {
		d.underMoves(t, func(load *loadcheck.Run) {
			accepts(t, load, time.Minute)
			load.Mark("home loses its power")
			d.powerCycle(t, "home")
			start := time.Now()
			accepts(t, load, 3*time.Minute)
			t.Logf("home has accepted 1000 posts %v after its power came back", time.Since(start).Round(time.Second))
		})
		d.awaitRoles(t, "home", 3*time.Minute)
	})
	t.Run("with the other site dead", func(t *testing.T) {
		power(t, "cut", "backup")
		defer func() { power(t, "on", "backup"); d.awaitRoles(t, "home", 5*time.Minute) }()
		d.powerCycle(t, "home")
		// As long as it takes until the operator calls backup silent, and some more.
		eventually(t, 3*time.Minute, "home to say what it waits for", func() (bool, string) {
			v, err := d.look("home")
			status, _, message := v.condition("Serving")
			return err == nil && v.Role == "Probation" && status == "False" && v.is("PeerReachable") == false && message != "" && v.command() != "", fmt.Sprint(v, err, message)
		})
		d.mustNotAccept(t)
		power(t, "on", "backup")
		t.Logf("home serves %v after backup's power came back", d.awaitRoles(t, "home", 4*time.Minute).Round(time.Second))
	})
	t.Run("a single pod's restart waits for nobody", func(t *testing.T) {
		power(t, "cut", "backup")
		defer func() { power(t, "on", "backup"); d.awaitRoles(t, "home", 5*time.Minute) }()
		d.underMoves(t, func(load *loadcheck.Run) {
			accepts(t, load, time.Minute)
			at(t, "home", "-n", d.namespace, "delete", "pod", poolName+"-chat-0", "--force", "--grace-period=0")
			start := time.Now()
			eventually(t, time.Minute, "the new pod to be activated by its neighbour", func() (bool, string) {
				out, err := try(t.Context(), 5*time.Second, "", kubectlPath, siteArgs("home", []string{"-n", d.namespace, "logs", poolName + "-chat-0", "--tail=200"})...)
				return err == nil && activatedByNeighbour.MatchString(out), "not activated yet"
			})
			t.Logf("activated by its neighbour after %v", time.Since(start).Round(100*time.Millisecond))
			accepts(t, load, time.Minute)
		})
	})
}
