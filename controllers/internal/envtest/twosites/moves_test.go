package twosites

import (
	"fmt"
	"os"
	"testing"

	"chatpool.dev/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A planned move there and back, as people see it at both sites.
func TestAPlannedMoveThereAndBack(t *testing.T) {
	c := upright(t)
	h, b := c.watch(home), c.watch(backup)
	c.want(v1alpha1.FailedOver, home, backup)
	c.lives(backup, 2)
	h.tells(t, "home", "Active 1 Planned/QuiescingChat", "Active 1 Planned/DemotingOld", "Fenced 1 Planned/Granting", "Standby 2")
	b.tells(t, "backup", "Standby 1", "Standby 1 Planned/Claiming", "Standby 1 Planned/Promoting", "Fenced 1 Planned/RecordingEpoch",
		"Probation 2 Planned/ActivatingServers", "Active 2 Planned/SwitchingAddress", "Active 2 Planned/OldFollows", "Active 2")
	c.want(v1alpha1.Normal, home, backup)
	c.lives(home, 3)
	h.tells(t, "home", "Standby 2 Planned/Promoting", "Active 3")
	b.tells(t, "backup", "Active 2 Planned/QuiescingChat", "Standby 3")
	ask(c.world, func() any {
		a, z := c.world.sides["home"].db, c.world.sides["backup"].db
		if len(z.log) > len(a.log) || !z.beginsAs(a) {
			t.Errorf("home %s, backup %s", c.world.sides["home"], c.world.sides["backup"])
		}
		for i, want := range []int64{3, 2, 1} {
			if a.epochs[i].Epoch != want || want > 1 && a.epochs[i].Fork == nil {
				t.Errorf("epochs %+v", a.epochs)
			}
		}
		return nil
	})
}

// One site's manifest alone moves nothing, and both sites say why.
func TestAManifestChangedInOneSiteMovesNothing(t *testing.T) {
	c := upright(t)
	for _, s := range []*site{backup, home} {
		c.want(v1alpha1.FailedOver, s)
		for _, x := range []*site{home, backup} {
			c.eventually(x.name+" to say why it stays", func() error {
				return c.says(x, v1alpha1.ConditionPoolStateAgrees, metav1.ConditionFalse, "until both say the same")
			})
		}
		c.throughout("the pool stays at home", func() error {
			if err := c.is(home, v1alpha1.RoleActive, 1); err != nil {
				return err
			}
			return c.is(backup, v1alpha1.RoleStandby, 1)
		})
		c.want(v1alpha1.Normal, s)
		c.lives(home, 1)
	}
}

// A manifest from before the move, applied again in one site, turns nothing back.
func TestAStaleManifestTurnsNothingBack(t *testing.T) {
	c := upright(t)
	c.want(v1alpha1.FailedOver, home, backup)
	c.lives(backup, 2)
	c.want(v1alpha1.Normal, home)
	c.throughout("the pool stays in backup", func() error {
		if err := c.is(backup, v1alpha1.RoleActive, 2); err != nil {
			return err
		}
		return c.is(home, v1alpha1.RoleStandby, 2)
	})
	c.want(v1alpha1.FailedOver, home)
	c.lives(backup, 2)
}

// few are the points that every run of the tests takes, EVERY_POINT=1 takes all: each needs a pool of its own.
var few = map[string]bool{"home after Quiesce": true, "home after Demote": true, "home after publish Grant": true}

// A move that is turned back at each of its points is rolled back, or finished and then made again the other way: the
// pool is at home in the end.
func TestAFlipTurnedBackMidWay(t *testing.T) {
	for _, point := range []string{
		"home after publish Begin", "home before Quiesce", "home after Quiesce", "home after Demote", "home before Shut", "home after Shut",
		"home after publish Grant", "backup after publish Claim", "backup after Promote", "backup after RecordEpoch", "backup before Activate",
	} {
		if !few[point] && os.Getenv("EVERY_POINT") == "" {
			continue
		}
		t.Run(point, func(t *testing.T) {
			c := upright(t)
			passed := make(chan struct{})
			c.killing(func(site, at string) []*operator {
				if passed != nil && site+" "+at == point {
					close(passed)
					passed = nil
				}
				return nil
			})
			wait := passed
			c.want(v1alpha1.FailedOver, home, backup)
			<-wait
			c.want(v1alpha1.Normal, home, backup)
			c.eventually("the pool to be at home", func() error {
				p, err := home.pool(c.ns)
				if err != nil {
					return err
				}
				if p.Status.Epoch != 1 && p.Status.Epoch != 3 {
					return fmt.Errorf("epoch %d", p.Status.Epoch)
				}
				return c.settled(home, p.Status.Epoch)
			})
		})
	}
}
