package twosites

import (
	"errors"
	"fmt"
	"testing"

	"chatpool.dev/api/v1alpha1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
}
