package envtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func testCategory(ns string, allowed ...v1alpha1.Principal) *v1alpha1.Category {
	return &v1alpha1.Category{
		ObjectMeta: metav1.ObjectMeta{Name: "desks", Namespace: ns},
		Spec:       v1alpha1.CategorySpec{PoolName: "demo", Name: "Trading desks", AllowedMembers: allowed},
	}
}

func testRoom(ns, name string, members ...v1alpha1.Principal) *v1alpha1.Room {
	return &v1alpha1.Room{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns},
		Spec:       v1alpha1.RoomSpec{PoolName: "demo", CategoryName: "desks", Members: members},
	}
}

// ready brings a pool up, with a played chat server.
func ready(t *testing.T) (ns string, server *chatServer) {
	t.Helper()
	ns = namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	return ns, startChatServer(t, ns)
}

func roomSays(t *testing.T, ns, name, condition string, status metav1.ConditionStatus, reason string) *v1alpha1.Room {
	t.Helper()
	var room *v1alpha1.Room
	eventually(t, "room "+name+" to say "+reason, func() error {
		room = get(t, ns, name, &v1alpha1.Room{})
		return says(room.Status.Conditions, condition, status, reason)
	})
	return room
}

func TestACategoryAndARoomReachThePool(t *testing.T) {
	ns, server := ready(t)
	create(t, testCategory(ns, "group:Traders", "sip:Carol@Example.com"))
	create(t, testRoom(ns, "fx", "group:traders"))
	room := roomSays(t, ns, "fx", v1alpha1.ConditionReady, "True", v1alpha1.ReasonReady)
	if room.Status.ID == "" || room.Status.URI != "ma-chan://example.com/y" || room.Status.ObservedGeneration != room.Generation {
		t.Errorf("status %+v", room.Status)
	}
	eventually(t, "the category to be ready", func() error {
		c := get(t, ns, "desks", &v1alpha1.Category{})
		if c.Status.Rooms != 1 {
			return fmt.Errorf("it has %d rooms", c.Status.Rooms)
		}
		return says(c.Status.Conditions, v1alpha1.ConditionReady, "True", v1alpha1.ReasonReady)
	})
	put := look(server, func(s *chatServer) adminapi.Room { return s.rooms[ns+"/fx"] })
	if put.Category != ns+"/desks" || put.Name != "fx" || put.Privacy != chat.Closed || put.Type != chat.Normal || put.Invitations != chat.Inherit {
		t.Errorf("the pool got %+v", put)
	}
	in := look(server, func(s *chatServer) adminapi.Category { return s.categories[ns+"/desks"] })
	if fmt.Sprint(in.AllowedMembers) != "[group:traders sip:carol@example.com]" || in.ChatHistory == nil || !*in.ChatHistory {
		t.Errorf("the pool got %+v", in)
	}
}

func TestARoomInAMissingCategoryWaits(t *testing.T) {
	ns, _ := ready(t)
	create(t, testRoom(ns, "fx"))
	room := roomSays(t, ns, "fx", v1alpha1.ConditionApplied, "False", v1alpha1.ReasonCategoryNotFound)
	if m := message(room.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(m, "no Category desks") || !strings.Contains(m, "make it") {
		t.Errorf("the message names neither the category nor the cure: %s", m)
	}
	if err := says(room.Status.Conditions, v1alpha1.ConditionStalled, "True", ""); err != nil {
		t.Error(err)
	}
	create(t, testCategory(ns, "domain:example.com"))
	roomSays(t, ns, "fx", v1alpha1.ConditionReady, "True", "")
}

func TestMembersOutsideTheCategoryAreNamed(t *testing.T) {
	ns, _ := ready(t)
	category := testCategory(ns, "group:traders")
	create(t, category)
	create(t, testRoom(ns, "fx", "group:traders", "sip:eve@example.com", "group:it"))
	room := roomSays(t, ns, "fx", v1alpha1.ConditionScopeSatisfied, "False", v1alpha1.ReasonOutOfScope)
	if m := message(room.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(m, "group:it, sip:eve@example.com") {
		t.Errorf("the message does not name them: %s", m)
	}
	if err := says(room.Status.Conditions, v1alpha1.ConditionApplied, "True", ""); err != nil {
		t.Errorf("the others must be let in: %v", err)
	}
	// A change of the category alone puts it right, and wrong again.
	patch(t, category, func(c *v1alpha1.Category) {
		c.Spec.AllowedMembers = []v1alpha1.Principal{"group:traders", "group:it", "sip:eve@example.com"}
	})
	began := time.Now()
	roomSays(t, ns, "fx", v1alpha1.ConditionReady, "True", "")
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("the room followed its category after %v", d)
	}
	patch(t, category, func(c *v1alpha1.Category) { c.Spec.DeniedMembers = []v1alpha1.Principal{"group:it"} })
	room = roomSays(t, ns, "fx", v1alpha1.ConditionReady, "False", v1alpha1.ReasonOutOfScope)
	if fmt.Sprint(room.Status.OutOfScope) != "[group:it]" {
		t.Errorf("out of scope are %v", room.Status.OutOfScope)
	}
}

func TestObjectsOfAPoolThatIsNotReadyWait(t *testing.T) {
	ns := namespace(t)
	create(t, testCategory(ns, "domain:example.com"))
	eventually(t, "the category to miss its pool", func() error {
		c := get(t, ns, "desks", &v1alpha1.Category{})
		return says(c.Status.Conditions, v1alpha1.ConditionApplied, "False", v1alpha1.ReasonPoolNotFound)
	})
	create(t, testPool(ns))
	eventually(t, "the category to wait for its pool", func() error {
		c := get(t, ns, "desks", &v1alpha1.Category{})
		return says(c.Status.Conditions, v1alpha1.ConditionApplied, "False", v1alpha1.ReasonPoolNotReady)
	})
	playDatabase(t, ns, "demo-db", "demo-db-1", "demo-db-2")
	playMigration(t, ns, operator.Image, true)
	startChatServer(t, ns)
	playServers(t, ns, "demo-chat", 2)
	eventually(t, "the category to be applied when the first server is ready", func() error {
		c := get(t, ns, "desks", &v1alpha1.Category{})
		return says(c.Status.Conditions, v1alpha1.ConditionReady, "True", "")
	})
}

func TestWhatThePoolRefusesIsTold(t *testing.T) {
	ns, server := ready(t)
	create(t, testCategory(ns, "domain:example.com"))
	look(server, func(s *chatServer) error {
		s.problem = &adminapi.Problem{Kind: chat.Conflict, Field: "name", Text: "the name is taken by other/room"}
		return nil
	})
	create(t, testRoom(ns, "fx"))
	room := roomSays(t, ns, "fx", v1alpha1.ConditionApplied, "False", v1alpha1.ReasonRefused)
	if m := message(room.Status.Conditions, v1alpha1.ConditionStalled); !strings.Contains(m, "taken by other/room") {
		t.Errorf("the message lacks the pool's: %s", m)
	}
	look(server, func(s *chatServer) error { s.problem = nil; return nil })
	roomSays(t, ns, "fx", v1alpha1.ConditionReady, "True", "")
}

func TestDeletingFollowsThePolicy(t *testing.T) {
	ns, server := ready(t)
	category := testCategory(ns, "domain:example.com")
	category.Spec.DeletionPolicy = v1alpha1.Delete
	kept, dropped := testRoom(ns, "kept"), testRoom(ns, "dropped")
	dropped.Spec.DeletionPolicy = v1alpha1.Delete
	create(t, category)
	create(t, kept)
	create(t, dropped)
	roomSays(t, ns, "kept", v1alpha1.ConditionReady, "True", "")
	roomSays(t, ns, "dropped", v1alpha1.ConditionReady, "True", "")

	if err := k8s.Delete(t.Context(), category); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the category to say that it has rooms", func() error {
		c := get(t, ns, "desks", &v1alpha1.Category{})
		return errors.Join(says(c.Status.Conditions, v1alpha1.ConditionReady, "False", v1alpha1.ReasonHasRooms),
			says(c.Status.Conditions, v1alpha1.ConditionStalled, "True", ""))
	})
	for room, retain := range map[*v1alpha1.Room]string{kept: "true", dropped: "false"} {
		if err := k8s.Delete(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		eventually(t, room.Name+" to be gone", func() error { return gone(t, room) })
		if err := server.wasDeleted("rooms " + ns + "/" + room.Name + " retain=" + retain); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the category to be gone after its rooms", func() error { return gone(t, category) })
	if err := server.wasDeleted("categories " + ns + "/desks retain=false"); err != nil {
		t.Error(err)
	}
}

// A pool that goes takes no object hostage.
func TestObjectsCanBeDeletedAfterTheirPool(t *testing.T) {
	ns, _ := ready(t)
	category, room := testCategory(ns, "domain:example.com"), testRoom(ns, "fx")
	create(t, category)
	create(t, room)
	roomSays(t, ns, "fx", v1alpha1.ConditionReady, "True", "")
	pool := testPool(ns)
	if err := k8s.Delete(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pool to be gone", func() error { return gone(t, pool) })
	for _, err := range []error{k8s.Delete(t.Context(), room), k8s.Delete(t.Context(), category)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the room to be gone", func() error { return gone(t, room) })
	eventually(t, "the category to be gone", func() error { return gone(t, category) })
}

// The answer to a put may be lost, so the pool may have a room although the status knows nothing of it.
func TestARoomWhoseAnswerWasLostIsTakenOut(t *testing.T) {
	ns, server := ready(t)
	create(t, testCategory(ns, "domain:example.com"))
	look(server, func(s *chatServer) error {
		s.problem = &adminapi.Problem{Kind: chat.Unavailable, Text: "ask again"}
		return nil
	})
	room := testRoom(ns, "fx")
	create(t, room)
	if r := roomSays(t, ns, "fx", v1alpha1.ConditionApplied, "False", v1alpha1.ReasonPoolNotReady); r.Status.ID != "" {
		t.Fatalf("the status has an id: %+v", r.Status)
	}
	if err := k8s.Delete(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the room to be gone", func() error { return gone(t, room) })
	if err := server.wasDeleted("rooms " + ns + "/fx retain=true"); err != nil {
		t.Error(err)
	}
}
