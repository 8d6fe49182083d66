package twosites

import (
	"errors"
	"fmt"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// destroy loses the Cluster of a site and its volumes.
func (c *cast) destroy(s *site) {
	c.t.Helper()
	c.eventually("the database of "+s.name+" to be gone", func() error {
		u := clusterObject(c.ns)
		err := s.Client.Get(c.t.Context(), client.ObjectKeyFromObject(u), u)
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		e := &engine{site: s, ns: c.ns, world: c.world}
		if err == nil {
			return errors.Join(e.destroy(c.t.Context()), release(c.t.Context(), s.Client, u), errors.New("it was there"))
		}
		return e.destroy(c.t.Context())
	})
}

// powerCut has all chat servers of a site start anew.
func (c *cast) powerCut(s *site) {
	ask(c.world, func() any {
		for _, v := range c.world.sides[s.name].servers {
			v.restart()
		}
		return nil
	})
}

// shut objects to a server of the site that is activated.
func (c *cast) shut(s *site) error {
	return ask(c.world, func() error {
		for _, v := range c.world.sides[s.name].servers {
			if v.epoch != 0 {
				return fmt.Errorf("server %s of %s is activated for %d", v.name, s.name, v.epoch)
			}
		}
		return nil
	})
}

// Home's database is gone, its operator lives: backup takes over with what it received, and home joins it by a copy.
func TestAnAssistedMoveAndHomeComesBackByACopy(t *testing.T) {
	c := upright(t)
	h, b := c.watch(home), c.watch(backup)
	c.destroy(home)
	c.eventually("home to say that it lost its database", func() error {
		p, err := home.pool(c.ns)
		if err != nil {
			return err
		}
		if p.Status.Failover.Data != "Empty" {
			return fmt.Errorf("%+v", p.Status.Failover)
		}
		return c.none(home)
	})
	c.throughout("nobody makes an empty pool of it", func() error { return c.none(home) })
	c.want(v1alpha1.FailedOver, home, backup)
	c.lives(backup, 2)
	h.tells(t, "home", "Fenced 1 Assisted/Releasing", "Fenced 2 Creation/Rejoining", "Standby 2")
	b.tells(t, "backup", "Standby 1 Assisted/RemovingLogShipping", "Standby 1 Assisted/Claiming", "Standby 1 Assisted/Promoting", "Active 2")
	k, err := home.database(c.ns)
	if err != nil || k == nil || k.Spec.Bootstrap.PGBaseBackup == nil {
		t.Errorf("home is not a copy: %+v, %v", k, err)
	}
	c.want(v1alpha1.Normal, home, backup)
	c.lives(home, 3)
}

// All servers of home start anew, as after a power cut: home serves again once backup has confirmed that it does not.
func TestAPowerCutAtHomeNeedsProof(t *testing.T) {
	c := upright(t)
	h := c.watch(home)
	c.powerCut(home)
	c.eventually("home to notice", func() error {
		h.lock.Lock()
		defer h.lock.Unlock()
		for _, l := range h.lines {
			if l == "Probation 1 Return/Claiming" {
				return nil
			}
		}
		return fmt.Errorf("%q", h.lines)
	})
	c.lives(home, 1)
}

// The same without backup: home stays shut, and its condition names what a person can say. Once he has said it, home
// serves in a new epoch, and backup follows when it is back.
func TestAPowerCutWithoutTheOtherSiteNeedsAPerson(t *testing.T) {
	c := upright(t, quick())
	c.backup.stop()
	c.eventually("home to miss backup", func() error {
		return c.says(home, v1alpha1.ConditionPeerReachable, metav1.ConditionFalse, "silent")
	})
	c.powerCut(home)
	c.eventually("home to name the command", func() error {
		return errors.Join(c.is(home, v1alpha1.RoleProbation, 1),
			c.says(home, v1alpha1.ConditionServing, metav1.ConditionFalse, "kubectl chatpool activate demo --epoch 3"),
			c.says(home, v1alpha1.ConditionReady, metav1.ConditionFalse, "kubectl chatpool activate demo --epoch 3"))
	})
	from := home.beat(c.ns)
	c.eventually("home to have looked three times more", func() error {
		if err := c.shut(home); err != nil {
			t.Fatal(err)
		}
		if n := home.beat(c.ns); n < from+3 {
			return fmt.Errorf("at %d, from %d", n, from)
		}
		return nil
	})
	c.say(home, naming.AnnotationActivate, naming.Word{Epoch: 3})
	c.eventually("home to serve", func() error { return c.is(home, v1alpha1.RoleActive, 3) })
	c.backup.start()
	c.lives(home, 3)
}

// A person shuts home, and backup takes over with what it has received.
func TestHomeIsReleasedByHand(t *testing.T) {
	c := upright(t)
	c.want(v1alpha1.FailedOver, backup)
	c.say(home, naming.AnnotationRelease, naming.Word{Epoch: 1})
	c.eventually("backup to serve", func() error { return c.is(backup, v1alpha1.RoleActive, 2) })
	if err := c.shut(home); err != nil {
		t.Error(err)
	}
	c.want(v1alpha1.FailedOver, home)
	c.lives(backup, 2)
}

// Home is dead, all of it. Backup says what is missing, and goes on by the confirmation in its manifest. Home comes back
// shut, keeps what it alone has until that is salvaged, and follows.
func TestAForcedMoveAndHomeComesBack(t *testing.T) {
	c := homeComesBackWithATail(t)
	ask(c.world, func() any { c.world.bridged = true; return nil })
	c.lives(backup, 2)
	c.eventually("backup to say what it found", func() error {
		p, err := backup.pool(c.ns)
		if err != nil {
			return err
		}
		if s := p.Status.Salvage; s == nil || s.State != v1alpha1.SalvageCompleted || s.FromSite != "home" || s.Epoch != 1 || s.Recovered != 3 || s.CompletedAt == nil {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	c.isCopy(home)
}

// So it does when a person does without what it alone has.
func TestATailIsAbandoned(t *testing.T) {
	c := homeComesBackWithATail(t)
	c.say(home, naming.AnnotationAbandonTail, naming.Word{Epoch: 1})
	c.lives(backup, 2)
	c.isCopy(home)
}

func homeComesBackWithATail(t *testing.T) *cast {
	t.Helper()
	c := upright(t, quick())
	c.home.stop()
	c.powerCut(home)
	c.want(v1alpha1.FailedOver, backup)
	c.eventually("backup to say what is missing", func() error {
		return c.says(backup, v1alpha1.ConditionForceRefused, metav1.ConditionTrue, "kubectl chatpool failover demo --confirm 2")
	})
	c.change(backup, func(p *v1alpha1.ChatPool) { p.Spec.Failover = &v1alpha1.FailoverSpec{ConfirmEpoch: 2} })
	c.eventually("backup to serve", func() error { return c.is(backup, v1alpha1.RoleActive, 2) })
	c.home.start()
	c.want(v1alpha1.FailedOver, home)
	c.eventually("home to keep its tail", func() error {
		p, err := home.pool(c.ns)
		if err != nil {
			return err
		}
		if tr := p.Status.Transition; tr == nil || tr.Step != "Salvaging" {
			return fmt.Errorf("%s, %+v", p.Status.Role, tr)
		}
		return c.shut(home)
	})
	return c
}

// isCopy sees that a site's database was made as a copy of the other one's.
func (c *cast) isCopy(s *site) {
	c.t.Helper()
	if k, err := s.database(c.ns); err != nil || k == nil || k.Spec.Bootstrap.PGBaseBackup == nil {
		c.t.Errorf("%s is not a copy: %+v, %v", s.name, k, err)
	}
}

// A pool on which nothing happens is not written: a watch of it reads as a story.
func TestAnIdlePoolIsNotWritten(t *testing.T) {
	c := upright(t)
	at := map[*site]int64{home: home.beat(c.ns), backup: backup.beat(c.ns)}
	settle := func(more int64) {
		t.Helper()
		for s, from := range at {
			c.eventually(s.name+" to look again", func() error {
				if n := s.beat(c.ns); n < from+more {
					return fmt.Errorf("at %d, from %d", n, from)
				}
				return nil
			})
			at[s] = s.beat(c.ns)
		}
	}
	settle(6)
	h, b := c.watch(home), c.watch(backup)
	settle(6) // twelve seconds
	for who, s := range map[string]*story{"home": h, "backup": b} {
		if n := s.count(); n > 2 {
			t.Errorf("the ChatPool in %s was written %d times while nothing happened: %q", who, n, s.lines)
		}
	}
}
