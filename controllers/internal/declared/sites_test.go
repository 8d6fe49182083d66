package declared_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const alice, eve, bob = v1alpha1.Principal("sip:alice@x.test"), v1alpha1.Principal("sip:eve@x.test"), v1alpha1.Principal("sip:bob@x.test")

// has checks the members of the pool's room; none at all: there is no room.
func (p *poolAPI) has(t *testing.T, want ...v1alpha1.Principal) {
	t.Helper()
	o, there := p.objects["rooms/chat/fx"]
	var got []v1alpha1.Principal
	list, _ := o["members"].([]any)
	for _, m := range list {
		got = append(got, v1alpha1.Principal(fmt.Sprint(m)))
	}
	if !slices.Equal(got, want) || there != (len(want) > 0) {
		t.Errorf("the pool's room has %v, want %v", got, want)
	}
}

// drift is what people do in the database.
func (p *poolAPI) drift() { p.objects["rooms/chat/fx"]["members"] = []any{string(bob)} }

// says checks the room's conditions.
func (s *site) says(applied bool, reason string) *v1alpha1.Room {
	s.t.Helper()
	r := &v1alpha1.Room{}
	s.must(s.k8s.Get(s.t.Context(), fx, r))
	c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionDeclarationDiffers)
	if c == nil || c.Reason != reason || condition.IsTrue(r, v1alpha1.ConditionApplied) != applied || (c.Status == "True") == applied {
		s.t.Errorf("the conditions are %+v, want %s, applied %t", r.Status.Conditions, reason, applied)
	}
	return r
}

func TestABranchThatLagsReaddsNobody(t *testing.T) {
	pool, home, backup := twoSites(t)
	home.declare(alice, eve)
	backup.declare(alice, eve)
	home.declare(alice)
	pool.has(t, alice)

	move(2, home, backup)
	backup.work()
	pool.has(t, alice)
	room := backup.says(false, v1alpha1.ReasonChangedElsewhere)
	ready := meta.FindStatusCondition(room.Status.Conditions, v1alpha1.ConditionReady)
	if !strings.Contains(ready.Message, "another members;") || !strings.HasSuffix(ready.Message, "kubectl -n chat annotate room fx --overwrite chatpool.dev/apply=2") {
		t.Errorf("the message is %q", ready.Message)
	}
	if room.Status.ID == "" || !condition.IsTrue(room, v1alpha1.ConditionStalled) || !slices.Contains(backup.events, v1alpha1.ReasonChangedElsewhere) {
		t.Errorf("status %+v, events %v", room.Status, backup.events)
	}
	pool.drift()
	backup.work()
	pool.has(t, bob)

	backup.declare(alice, bob)
	pool.has(t, alice, bob)
	backup.says(true, v1alpha1.ReasonNothingDiffers)
	pool.drift()
	backup.work()
	pool.has(t, alice, bob)
	backup.declare(alice, eve)
	pool.has(t, alice, eve)

	// Now home lags, although it applied that very content before.
	move(3, backup, home)
	home.work()
	pool.has(t, alice, eve)
	home.says(false, v1alpha1.ReasonChangedElsewhere)
}

func TestWhatChangedAtTheStandbyIsHeldAfterTheMove(t *testing.T) {
	pool, home, backup := twoSites(t)
	home.declare(alice)
	move(2, home, backup)
	backup.declare(alice)
	home.declare(alice, eve)
	pool.has(t, alice)
	move(3, backup, home)
	home.work()
	pool.has(t, alice)
	home.says(false, v1alpha1.ReasonChangedElsewhere)
}

func TestAPersonsWordAppliesWhatIsHeld(t *testing.T) {
	pool, home, backup := twoSites(t)
	home.declare(alice)
	backup.declare(alice, eve)
	move(2, home, backup)
	word := func(value string) {
		backup.edit(func(r *v1alpha1.Room) { r.Annotations = map[string]string{v1alpha1.AnnotationApply: value} })
		backup.work()
	}
	word("1")
	pool.has(t, alice)
	word("2")
	pool.has(t, alice, eve)
	backup.says(true, v1alpha1.ReasonNothingDiffers)
	// The word stays in the manifest and means nothing after another move.
	move(3, backup, home)
	home.work()
	pool.has(t, alice, eve)
	home.declare(alice, bob)
	move(4, home, backup)
	backup.work()
	pool.has(t, alice, bob)
}

func TestTheSameContentIsAppliedAndDriftRepaired(t *testing.T) {
	pool, home, backup := twoSites(t)
	home.declare(alice)
	backup.declare(alice)
	move(2, home, backup)
	pool.drift()
	backup.work()
	pool.has(t, alice)
	backup.says(true, v1alpha1.ReasonNothingDiffers)
}

func TestANewObjectIsApplied(t *testing.T) {
	pool, home, backup := twoSites(t)
	backup.declare(alice)
	pool.has(t)
	move(2, home, backup)
	backup.work()
	pool.has(t, alice)
}

func TestRoomsOfACategoryThatDiffersAreApplied(t *testing.T) {
	pool, home, backup := twoSites(t)
	home.declare(alice)
	pool.objects["categories/chat/desks"]["description"], pool.objects["categories/chat/desks"]["declared"] = "other", "other"
	move(2, home, backup)
	backup.declare(alice)
	category := &v1alpha1.Category{}
	backup.must(backup.k8s.Get(t.Context(), desks, category))
	if m := meta.FindStatusCondition(category.Status.Conditions, v1alpha1.ConditionDeclarationDiffers); m == nil || !strings.Contains(m.Message, "another description;") {
		t.Errorf("the category says %+v", category.Status.Conditions)
	}
	backup.says(true, v1alpha1.ReasonNothingDiffers)
}

func TestWhatWasDeletedInTheOtherSiteIsHeld(t *testing.T) {
	pool, home, backup := twoSites(t)
	home.declare(alice)
	backup.declare(alice)
	home.delete()
	pool.has(t)
	pool.withdrawn["rooms/chat/fx"] = time.Now().Add(time.Hour)
	move(2, home, backup)
	backup.work()
	pool.has(t)
	backup.says(false, v1alpha1.ReasonDeletedElsewhere)

	backup.delete()
	pool.withdrawn["rooms/chat/fx"] = time.Now()
	backup.declare(alice)
	pool.has(t, alice)
}

// delete deletes the room, which must go.
func (s *site) delete() {
	s.t.Helper()
	r := &v1alpha1.Room{}
	s.must(s.k8s.Get(s.t.Context(), fx, r))
	s.must(s.k8s.Delete(s.t.Context(), r))
	s.work()
	if err := s.k8s.Get(s.t.Context(), fx, r); !apierrors.IsNotFound(err) {
		s.t.Errorf("the room is there: %v %+v", err, r.Status.Conditions)
	}
}

func TestDeletingAtTheStandbyTouchesNothing(t *testing.T) {
	for _, role := range []string{v1alpha1.RoleStandby, v1alpha1.RoleFenced} {
		pool, home, backup := twoSites(t)
		home.declare(alice)
		backup.declare(alice)
		backup.is(role, 2)
		backup.delete()
		pool.has(t, alice)
		if !slices.Contains(backup.events, v1alpha1.ReasonDeleting) {
			t.Errorf("nobody is told: %v", backup.events)
		}
	}
}

func TestWhatWasDeletedBeforeTheSiteBecameActiveStays(t *testing.T) {
	pool, home, backup := twoSites(t)
	home.declare(alice)
	backup.declare(alice)
	r := &v1alpha1.Room{}
	backup.must(backup.k8s.Get(t.Context(), fx, r))
	backup.must(backup.k8s.Delete(t.Context(), r)) // and its operator is down
	move(2, home, backup)
	backup.work()
	if err := backup.k8s.Get(t.Context(), fx, r); !apierrors.IsNotFound(err) {
		t.Errorf("the room is there: %v", err)
	}
	pool.has(t, alice)
}

func TestDeletingAtTheActiveSiteReachesThePool(t *testing.T) {
	pool, home, _ := twoSites(t)
	home.declare(alice)
	home.delete()
	pool.has(t)
}

func TestASiteWithoutProofNeitherAppliesNorLetsGo(t *testing.T) {
	pool, home, _ := twoSites(t)
	home.declare(alice)
	home.is(v1alpha1.RoleProbation, 1)
	home.declare(alice, eve)
	pool.has(t, alice)
	r := &v1alpha1.Room{}
	home.must(home.k8s.Get(t.Context(), fx, r))
	home.must(home.k8s.Delete(t.Context(), r))
	home.work()
	home.must(home.k8s.Get(t.Context(), fx, r))
	home.is(v1alpha1.RoleActive, 1)
	home.work()
	pool.has(t)
}

func TestAPoolWithOneSiteIsPutRight(t *testing.T) {
	pool, home, _ := twoSites(t)
	home.declare(alice)
	demo := &v1alpha1.ChatPool{}
	home.must(home.k8s.Get(t.Context(), client.ObjectKey{Namespace: "chat", Name: "demo"}, demo))
	demo.Spec.Sites = nil
	home.must(home.k8s.Update(t.Context(), demo))
	home.is("", 0)
	pool.drift()
	pool.objects["rooms/chat/fx"]["declared"] = "another"
	home.work()
	pool.has(t, alice)
	r := &v1alpha1.Room{}
	home.must(home.k8s.Get(t.Context(), fx, r))
	if meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionDeclarationDiffers) != nil || r.Status.Declaration.AppliedHash == "" {
		t.Errorf("status %+v", r.Status)
	}
}
