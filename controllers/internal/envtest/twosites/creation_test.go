package twosites

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"testing"

	"chatpool.dev/api/v1alpha1"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// none objects to there being a database.
func (c *cast) none(s *site) error {
	k, err := s.database(c.ns)
	if err == nil && k != nil {
		err = fmt.Errorf("%s has a database: %+v", s.name, k.Spec.Bootstrap)
	}
	return err
}

// Home makes the pool and backup joins; before they can read each other, nobody makes anything.
func TestHomeMakesThePoolAndBackupJoins(t *testing.T) {
	c := assemble(t)
	c.create(home)
	c.create(backup)
	for _, s := range []*site{home, backup} {
		c.eventually(s.name+" to say what it waits for", func() error {
			return errors.Join(c.is(s, v1alpha1.RoleProbation, 0), c.says(s, v1alpha1.ConditionServing, metav1.ConditionFalse, ""))
		})
	}
	c.throughout("nobody makes a database alone", func() error { return errors.Join(c.none(home), c.none(backup)) })
	c.peer()
	c.lives(home, 1)
	h, err := home.database(c.ns)
	if err != nil || h == nil || h.Spec.Bootstrap.InitDB == nil || h.Follows() {
		t.Errorf("home: %+v, %v", h, err)
	}
	b, err := backup.database(c.ns)
	if err != nil || b == nil || b.Spec.Bootstrap.PGBaseBackup == nil || b.Spec.Bootstrap.InitDB != nil || !b.Follows() {
		t.Errorf("backup: %+v, %v", b, err)
	}
	for _, name := range []string{"demo-ca", "demo-db-shared-ca", "demo-db-chat", "demo-db-compliance", "demo-users"} {
		there, here := &corev1.Secret{}, &corev1.Secret{}
		key := client.ObjectKey{Namespace: c.ns, Name: name}
		if err := errors.Join(home.Client.Get(t.Context(), key, there), backup.Client.Get(t.Context(), key, here)); err != nil {
			t.Error(err)
		} else if len(there.Data) == 0 || !maps.EqualFunc(there.Data, here.Data, bytes.Equal) {
			t.Errorf("Secret %s differs between the sites", name)
		}
	}
}

// Backup makes no pool by itself.
func TestBackupAloneMakesNothing(t *testing.T) {
	c := assemble(t, quick())
	c.create(backup)
	c.eventually("backup to miss home", func() error {
		return c.says(backup, v1alpha1.ConditionPeerReachable, metav1.ConditionFalse, "silent")
	})
	from := backup.beat(c.ns)
	c.eventually("backup to have looked three times more", func() error {
		if err := c.none(backup); err != nil {
			t.Fatal(err)
		}
		if n := backup.beat(c.ns); n < from+3 {
			return fmt.Errorf("at %d, from %d", n, from)
		}
		return nil
	})
}

// A standby that needs a log that is gone is copied anew by itself.
func TestAStandbyThatFellBehindIsCopiedAnew(t *testing.T) {
	c := upright(t)
	old, err := backup.database(c.ns)
	if err != nil || old == nil {
		t.Fatal(old, err)
	}
	ask(c.world, func() any {
		h := c.world.sides["home"]
		h.oldest = len(h.db.log) + 5
		return nil
	})
	c.eventually("another database in backup", func() error {
		k, err := backup.database(c.ns)
		if err != nil || k == nil || k.UID == old.UID || k.Spec.Bootstrap.PGBaseBackup == nil {
			return fmt.Errorf("%+v, %w", k, err)
		}
		return nil
	})
	c.lives(home, 1)
}
