//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

// TestOneManifestAloneMovesNothing promises: a manifest of one site that wants something else, fresh or stale, on either
// side, moves nothing while the other one answers, and the condition says why; both at once move the pool; and what is
// turned back in the middle is rolled back or finished, without a post being lost.
func TestOneManifestAloneMovesNothing(t *testing.T) {
	d := makeDesk(t)
	d.underMoves(t, func(load *loadcheck.Run) {
		for _, site := range siteNames {
			load.Mark("%s alone wants FailedOver", site)
			d.flipAt(t, site, "FailedOver")
			d.mustStay(t, load, "home")
			d.flipAt(t, site, "Normal")
			d.awaitRoles(t, "home", time.Minute)
		}
		load.Mark("both want FailedOver within a second")
		d.flip(t, "FailedOver")
		d.awaitRoles(t, "backup", 2*time.Minute)
		accepts(t, load, time.Minute)
		load.Mark("last year's manifest comes back in home")
		d.flipAt(t, "home", "Normal")
		d.mustStay(t, load, "backup")
		d.flipAt(t, "home", "FailedOver")
		d.awaitRoles(t, "backup", time.Minute)
	})
	t.Run("turned back in the middle", func(t *testing.T) {
		for _, step := range []string{"QuiescingChat", "DemotingOld", "Granting"} {
			if step != "DemotingOld" && os.Getenv("EVERY_STEP") == "" {
				continue // every step is turned back at in the tests of two played sites
			}
			t.Run(step, func(t *testing.T) {
				d.move(t, "backup")
				d.underMoves(t, func(load *loadcheck.Run) {
					accepts(t, load, time.Minute)
					d.flip(t, "Normal")
					d.awaitStep(t, "backup", step)
					load.Mark("turned back at %s", step)
					d.flip(t, "FailedOver")
					accepts(t, load, 2*time.Minute)
				})
				d.awaitRoles(t, "backup", 3*time.Minute)
			})
		}
	})
}

// mustStay sees the condition that says why nothing moves, and that posts go on.
func (d *desk) mustStay(t *testing.T, load *loadcheck.Run, active string) {
	t.Helper()
	for _, site := range siteNames {
		eventually(t, 20*time.Second, site+" to say that the manifests differ", func() (bool, string) {
			v, err := d.look(site)
			status, reason, message := v.condition("PoolStateAgrees")
			return err == nil && status == "False" && reason == "WaitingForPeerSpec" && strings.Contains(message, "nothing moves"), fmt.Sprint(v, err, message)
		})
	}
	accepts(t, load, 20*time.Second)
	if v, err := d.look(active); err != nil || v.Role != "Active" || v.Transition != nil {
		t.Errorf("%s is not simply active any more: %v %v", active, v, err)
	}
}

// awaitStep waits until a site is at a step, or past it.
func (d *desk) awaitStep(t *testing.T, site, step string) {
	t.Helper()
	eventually(t, 30*time.Second, site+" to be at "+step, func() (bool, string) {
		v, err := d.look(site)
		past := v.Transition != nil && (v.Transition.Step == step || v.Transition.Step == "Granting") || v.Role == "Fenced"
		return err == nil && past, fmt.Sprint(v, err)
	})
}
