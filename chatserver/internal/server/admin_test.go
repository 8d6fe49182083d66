package server_test

import (
	"errors"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"github.com/google/go-cmp/cmp"
)

// wantError checks kind and field of an error.
func (p *pool) wantError(what string, err error, kind chat.Kind, field string) {
	p.t.Helper()
	var e *chat.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Field != field {
		p.t.Errorf("%s: %v; want %s of field %q", what, err, kind, field)
	}
}

func TestDeclaredCategoriesAndRooms(t *testing.T) {
	p := newPool(t)
	one := p.startPod("a")
	api := p.admin(one)
	ctx := p.context()

	room := adminapi.Room{
		Category: categoryKey, Name: "Vault", Privacy: chat.Secret,
		Members: []chat.Principal{"sip:alice@example.test", "sip:mallory@example.org"},
	}
	_, err := api.PutRoom(ctx, roomKey, room)
	p.wantError("a room before its category", err, chat.NotFound, "category")

	category, err := api.PutCategory(ctx, categoryKey, staff)
	p.check(err)
	again, err := api.PutCategory(ctx, categoryKey, staff)
	p.check(err)
	if again.Version != category.Version || again.ID != category.ID {
		t.Errorf("the same category again: %+v, then %+v", category, again)
	}
	first, err := api.PutRoom(ctx, roomKey, room)
	p.check(err)
	if diff := cmp.Diff([]chat.Principal{"sip:mallory@example.org"}, first.OutOfScope); diff != "" {
		t.Errorf("out of scope (-want +got):\n%s", diff)
	}
	second, err := api.PutRoom(ctx, roomKey, room)
	p.check(err)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same room again (-first +second):\n%s", diff)
	}

	_, err = api.PutRoom(ctx, "chat/other", room)
	p.wantError("a name that is taken", err, chat.Conflict, "name")
	p.wantError("a category with rooms is removed", api.DeleteCategory(ctx, categoryKey, false), chat.Conflict, "")

	alice, bob := p.dial("alice", one), p.dial("bob", one)
	p.join(alice, first.URI)
	p.post(alice, first.URI, "kept")
	_, err = bob.Join(ctx, first.URI)
	p.wantError("bob joins the secret room", err, chat.Denied, "")
	state, err := api.Room(ctx, roomKey)
	p.check(err)
	if state.Participants != 1 || state.LastPosition.Seq() != 1 || state.Category != categoryKey {
		t.Errorf("state %+v", state)
	}

	p.check(api.DeleteRoom(ctx, roomKey, true))
	gone, err := api.Room(ctx, roomKey)
	p.check(err)
	if gone.Withdrawn == nil || gone.ID != "" {
		t.Errorf("a room that is not declared any more is %+v", gone)
	}
	_, err = alice.Join(ctx, first.URI)
	p.wantError("alice joins the disabled room", err, chat.Denied, "")
	back, err := api.PutRoom(ctx, roomKey, room)
	p.check(err)
	if back.ID != first.ID || back.LastPosition != state.LastPosition {
		t.Errorf("the room that was kept comes back as %+v, was %+v", back, first)
	}

	p.check(api.DeleteRoom(ctx, roomKey, false))
	p.check(api.DeleteCategory(ctx, categoryKey, false))
	_, err = alice.Join(ctx, first.URI)
	p.wantError("alice joins the removed room", err, chat.NotFound, "")
}
