package pg_test

import (
	"testing"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// declared reads what is known of the declarations of a category and a room.
func (p *pod) declared(category, room string) (pg.CategoryRecord, pg.RoomRecord) {
	p.t.Helper()
	c, err := p.Category(p.t.Context(), category)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := p.Room(p.t.Context(), room)
	if err != nil {
		p.t.Fatal(err)
	}
	return c, r
}

func TestTheHashOfADeclarationIsKeptAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	var revision int64
	var version int64
	for i, hash := range []string{"one", "one", "two", "", "three"} {
		c, err := p.PutCategory(t.Context(), "ns/c", category("c"), hash, nil)
		if err != nil || c.Declared != hash {
			t.Fatalf("%+v %v", c, err)
		}
		r, err := p.PutRoom(t.Context(), "ns/r", "ns/c", room("r"), hash, nil)
		if err != nil || r.Declared != hash {
			t.Fatalf("%+v %v", r, err)
		}
		if c, r := p.declared("ns/c", "ns/r"); c.Declared != hash || r.Declared != hash || !c.Withdrawn.IsZero() || !r.Withdrawn.IsZero() {
			t.Errorf("after %q the category has %q, the room %q", hash, c.Declared, r.Declared)
		}
		now := p.changes(0).Revision
		if i > 0 && (now != revision || r.Room.Version != version) {
			t.Errorf("hash %q made revision %d of %d, version %d of %d", hash, now, revision, r.Room.Version, version)
		}
		revision, version = now, r.Room.Version
	}
	changed := room("r")
	changed.Description = "new"
	if _, err := p.PutRoom(t.Context(), "ns/r", "ns/c", changed, "four", nil); err != nil {
		t.Fatal(err)
	}
	if _, r := p.declared("ns/c", "ns/r"); r.Declared != "four" || r.Room.Version <= version {
		t.Errorf("a change: %+v", r)
	}
}

func TestADeletedDeclarationIsRemembered(t *testing.T) {
	t.Parallel()
	for _, retain := range []bool{true, false} {
		p := run(t, "a", pgtest.Database(t), nil)
		ctx := t.Context()
		put := func() {
			t.Helper()
			if _, err := p.PutCategory(ctx, "ns/c", category("c"), "h", nil); err != nil {
				t.Fatal(err)
			}
			if _, err := p.PutRoom(ctx, "ns/r", "ns/c", room("r"), "h", nil); err != nil {
				t.Fatal(err)
			}
		}
		remove := func() {
			t.Helper()
			if err := p.DeleteRoom(ctx, "ns/r", retain); err != nil {
				t.Fatal(err)
			}
			if err := p.DeleteCategory(ctx, "ns/c", retain); err != nil {
				t.Fatal(err)
			}
		}
		put()
		before := time.Now().Add(-time.Minute)
		remove()
		c, r := p.declared("ns/c", "ns/r")
		if c.Withdrawn.Before(before) || r.Withdrawn.Before(before) || c.Category.ID != "" || r.Room.ID != "" || c.Declared != "" {
			t.Errorf("retain %t: %+v %+v", retain, c, r)
		}
		field(t, p.DeleteRoom(ctx, "ns/r", retain), chat.NotFound, "")
		put()
		if c, r := p.declared("ns/c", "ns/r"); !c.Withdrawn.IsZero() || !r.Withdrawn.IsZero() || c.Declared != "h" || r.Declared != "h" || r.Room.Disabled {
			t.Errorf("retain %t, declared again: %+v %+v", retain, c, r)
		}
		remove()
		if c, r := p.declared("ns/c", "ns/r"); c.Withdrawn.IsZero() || r.Withdrawn.IsZero() {
			t.Errorf("retain %t, deleted again: %+v %+v", retain, c, r)
		}
	}
}
