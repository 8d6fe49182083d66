package pg_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

func (p *pod) changes(since int64) pg.Changes {
	p.t.Helper()
	var c pg.Changes
	eventually(p.t, "the catalog is readable", func() (ok bool) {
		var err error
		c, err = p.Catalog(p.t.Context(), since)
		return err == nil
	})
	return c
}

// field checks an error's kind and field.
func field(t *testing.T, err error, kind chat.Kind, name string) {
	t.Helper()
	var e *chat.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Field != name {
		t.Errorf("%v: want %s of field %q", err, kind, name)
	}
}

func TestTheSameContentChangesNothing(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	ctx := t.Context()
	c, err := p.PutCategory(ctx, "ns/c", category("c"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.PutRoom(ctx, "ns/r", "ns/c", room("r"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	before := p.changes(0)
	c2, err := p.PutCategory(ctx, "ns/c", category("c"), "", nil)
	if diff := cmp.Diff(c.Category, c2.Category, cmpopts.EquateEmpty()); diff != "" || err != nil || c2.Rooms != 1 {
		t.Errorf("category: %s%v", diff, err)
	}
	r2, err := p.PutRoom(ctx, "ns/r", "ns/c", room("r"), "", nil)
	if diff := cmp.Diff(r, r2, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("room: %s%v", diff, err)
	}
	got, err := p.Room(ctx, "ns/r")
	if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("read room: %s%v", diff, err)
	}
	if after := p.changes(before.Revision); after.Revision != before.Revision || after.Full || len(after.Rooms)+len(after.Categories) > 0 {
		t.Errorf("changes: %+v", after)
	}
}

func TestChangesSinceARevision(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	ctx := t.Context()
	rs := p.rooms(3)
	full := p.changes(0)
	if !full.Full || len(full.Categories) != 1 || len(full.Rooms) != 3 {
		t.Fatalf("%+v", full)
	}
	changed := room("room 1")
	changed.Description = "new"
	if _, err := p.PutRoom(ctx, "ns/room-1", "ns/cat", changed, "", nil); err != nil {
		t.Fatal(err)
	}
	if err := p.DeleteRoom(ctx, "ns/room-2", false); err != nil {
		t.Fatal(err)
	}
	c := p.changes(full.Revision)
	if c.Full || len(c.Categories) != 0 || len(c.Rooms) != 1 || c.Rooms[0].Description != "new" || c.Rooms[0].Version <= rs[1].Version {
		t.Errorf("%+v", c)
	}
	if diff := cmp.Diff([]chat.ID{rs[2].ID}, c.RemovedRooms); diff != "" {
		t.Error(diff)
	}
	if back := p.changes(c.Revision + 100); !back.Full || len(back.Rooms) != 2 {
		t.Errorf("after the database went back: %+v", back)
	}
}

func TestAScopeThatShrinksEndsRightsAtOnce(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	ctx := t.Context()
	const traders, sales = chat.Principal("group:traders"), chat.Principal("group:sales")
	groups := func(u chat.Principal) []chat.Principal {
		if u == bob {
			return []chat.Principal{traders}
		}
		return nil
	}
	c := category("c")
	c.Allowed = []chat.Principal{alice, traders}
	if _, err := p.PutCategory(ctx, "ns/c", c, "", groups); err != nil {
		t.Fatal(err)
	}
	r := room("r")
	r.Privacy = chat.Secret
	r.Members, r.Managers = []chat.Principal{alice, bob, sales, "sip:eve@example.com"}, []chat.Principal{alice, sales}
	rec, err := p.PutRoom(ctx, "ns/r", "ns/c", r, "", groups)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]chat.Principal{sales, "sip:eve@example.com"}, rec.OutOfScope); diff != "" {
		t.Error(diff)
	}
	before := p.changes(0)
	if diff := cmp.Diff([]chat.Principal{alice, bob}, before.Rooms[0].Members); diff != "" {
		t.Error(diff)
	}
	c.Allowed = []chat.Principal{traders, sales}
	if _, err := p.PutCategory(ctx, "ns/c", c, "", groups); err != nil {
		t.Fatal(err)
	}
	if got := result(t, p.post(draft(rec.Room.ID, alice, 1), rec.Room.Version)); !errors.Is(got.Err, pg.ErrStale) || !chat.Is(got.Err, chat.Conflict) {
		t.Errorf("a post that was authorized before the scope shrank: %+v", got)
	}
	after := p.changes(before.Revision)
	if len(after.Rooms) != 1 || after.Rooms[0].Version <= rec.Room.Version {
		t.Fatalf("%+v", after)
	}
	if diff := cmp.Diff([]chat.Principal{bob, sales}, after.Rooms[0].Members); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]chat.Principal{sales}, after.Rooms[0].Managers); diff != "" {
		t.Error(diff)
	}
	now, err := p.Room(ctx, "ns/r")
	if diff := cmp.Diff([]chat.Principal{alice, "sip:eve@example.com"}, now.OutOfScope); diff != "" || err != nil {
		t.Error(diff, err)
	}
	p.mustPost(draft(rec.Room.ID, bob, 1), after.Rooms[0].Version)
}

func TestKeysAndNames(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	ctx := t.Context()
	_, err := p.PutRoom(ctx, "ns/r", "ns/none", room("r"), "", nil)
	field(t, err, chat.NotFound, "category")
	rs := p.rooms(2)
	_, err = p.PutRoom(ctx, "other/r", "ns/cat", room("room 0"), "", nil)
	field(t, err, chat.Conflict, "name")
	_, err = p.PutRoom(ctx, "ns/room-1", "ns/cat", room("room 0"), "", nil)
	field(t, err, chat.Conflict, "name")
	_, err = p.PutCategory(ctx, "other/cat", category("cat"), "", nil)
	field(t, err, chat.Conflict, "name")
	_, err = p.PutRoom(ctx, "ns/r", "ns/cat", room(" "), "", nil)
	field(t, err, chat.Invalid, "name")
	err = p.DeleteCategory(ctx, "ns/cat", false)
	field(t, err, chat.Conflict, "")
	_, err = p.Room(ctx, "ns/none")
	field(t, err, chat.NotFound, "")
	_, err = p.Category(ctx, "ns/none")
	field(t, err, chat.NotFound, "")
	field(t, p.DeleteRoom(ctx, "ns/none", false), chat.NotFound, "")
	if renamed, err := p.PutRoom(ctx, "ns/room-1", "ns/cat", room("another name"), "", nil); err != nil || renamed.Room.ID != rs[1].ID {
		t.Errorf("%+v %v", renamed, err)
	}
	if c, err := p.Category(ctx, "ns/cat"); err != nil || c.Rooms != 2 || c.Key != "ns/cat" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestWhatIsRetainedIsAdoptedByName(t *testing.T) {
	t.Parallel()
	p := run(t, "a", pgtest.Database(t), nil)
	ctx := t.Context()
	r := p.rooms(1)[0]
	p.mustPost(draft(r.ID, alice, 1), r.Version)
	if err := p.DeleteRoom(ctx, "ns/room-0", true); err != nil {
		t.Fatal(err)
	}
	if err := p.DeleteCategory(ctx, "ns/cat", true); err != nil {
		t.Fatal(err)
	}
	c := p.changes(0)
	if len(c.Rooms) != 1 || !c.Rooms[0].Disabled {
		t.Fatalf("%+v", c)
	}
	if got := result(t, p.post(draft(r.ID, alice, 2), r.Version)); !errors.Is(got.Err, pg.ErrStale) {
		t.Errorf("a post into a room that was disabled meanwhile: %+v", got)
	}
	if _, err := p.PutCategory(ctx, "new/cat", category("cat"), "", nil); err != nil {
		t.Fatal(err)
	}
	adopted, err := p.PutRoom(ctx, "new/r", "new/cat", room("room 0"), "", nil)
	if err != nil || adopted.Room.ID != r.ID || adopted.Room.Disabled || adopted.Head != chat.At(1, 1) {
		t.Fatalf("%+v %v", adopted, err)
	}
	if ms := p.history(r.ID); len(ms) != 1 {
		t.Errorf("%d messages: want the one from before", len(ms))
	}
}

func TestARemovedRoomLeavesNothing(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	p := run(t, "a", conn, nil)
	ctx := t.Context()
	r := p.rooms(1)[0]
	p.mustPost(draft(r.ID, alice, 1), r.Version)
	if err := p.Join(ctx, r.ID, pg.Participant{User: alice, Name: "Alice", Endpoint: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := p.DeleteRoom(ctx, "ns/room-0", false); err != nil {
		t.Fatal(err)
	}
	if got := result(t, p.post(draft(r.ID, alice, 2), r.Version)); !chat.Is(got.Err, chat.NotFound) {
		t.Errorf("%+v", got)
	}
	if err := p.Join(ctx, r.ID, pg.Participant{User: alice, Endpoint: "x"}); !chat.Is(err, chat.NotFound) {
		t.Error(err)
	}
	eventually(t, "its messages are deleted", func() bool {
		return pgtest.Scalar[int](t, conn, `SELECT count(*) FROM message`) == 0 && pgtest.Scalar[bool](t, conn, `SELECT emptied FROM tombstone`)
	})
	if err := p.DeleteCategory(ctx, "ns/cat", false); err != nil {
		t.Error(err)
	}
	if c := p.changes(1); len(c.RemovedCategories) != 1 || len(c.RemovedRooms) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestACatalogChangeThatWaitsForTheMirrorIsThereAfterwards(t *testing.T) {
	t.Parallel()
	server, conn, a, b, _ := mirrored(t)
	server.Freeze(t)
	ctx, cancel := context.WithCancel(t.Context())
	put := make(chan error, 1)
	go func() {
		_, err := a.PutRoom(ctx, "ns/late", "ns/cat", room("late"), "", nil)
		put <- err
	}()
	eventually(t, "its commit waits", func() bool { return waiting(t, conn) == 1 })
	cancel()
	if err := <-put; !chat.Is(err, chat.Unavailable) {
		t.Fatalf("without the mirror: %v", err)
	}
	if waiting(t, conn) != 1 {
		t.Fatal("its commit does not wait any more")
	}
	server.Thaw(t)
	eventually(t, "another pod sees it", func() bool {
		_, err := b.Room(t.Context(), "ns/late")
		return err == nil
	})
	again, err := a.PutRoom(t.Context(), "ns/late", "ns/cat", room("late"), "", nil)
	if err != nil || again.Room.Version != 1 {
		t.Errorf("the same again: %+v %v", again, err)
	}
}

func TestOtherPodsGetHints(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := run(t, "a", conn, nil), run(t, "b", conn, nil)
	eventually(t, "b listens", b.heard(func(h pg.Hint) bool { return h.Kind == pg.HintAll }))
	a.rooms(1)
	b.changes(0) // b's witness has proven the server, so it listens
	r := a.rooms(2)[0]
	eventually(t, "a hint at the catalog", b.heard(func(h pg.Hint) bool { return h.Kind == pg.HintCatalog }))
	for n := range 300 {
		a.post(draft(r.ID, alice, n), r.Version)
	}
	m := a.mustPost(draft(r.ID, bob, 1), r.Version)
	eventually(t, "a hint at the newest message", b.heard(func(h pg.Hint) bool {
		return h.Kind == pg.HintMessage && h.Room == r.ID && h.Head == m.Pos
	}))
	if err := a.Join(t.Context(), r.ID, pg.Participant{User: alice, Name: "Alice", Endpoint: "x"}); err != nil {
		t.Fatal(err)
	}
	presence := func(h pg.Hint) bool { return h.Kind == pg.HintPresence && h.Room == r.ID }
	eventually(t, "a hint at who is there", b.heard(presence))
	if a.heard(presence)() {
		t.Error("a pod got its own hint")
	}
}

func TestHintsOfManyRoomsFitIntoNotifications(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	a, b := run(t, "a", conn, nil), run(t, "b", conn, nil)
	rs := a.rooms(250)
	b.changes(0)
	want := map[chat.ID]bool{}
	for i := range rs {
		want[rs[i].ID] = true
		go a.Post(draft(rs[i].ID, alice, 1), rs[i].Version, true, func(r pg.PostResult) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
	eventually(t, "hints at all rooms", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, h := range b.hints {
			if h.Kind == pg.HintMessage {
				delete(want, h.Room)
			}
		}
		return len(want) == 0
	})
}

func TestALargeCategoryIsEvaluatedAgainInOneGo(t *testing.T) {
	t.Parallel()
	conn := pgtest.Database(t)
	p := run(t, "a", conn, nil)
	p.rooms(1)
	pgtest.Scalar[int](t, conn, `
		WITH r AS (INSERT INTO room SELECT gen_random_uuid(), category_id, 'k' || n, 'n' || n, '', privacy, type, invitations, false,
			'{sip:alice@example.com}', '{}', '{}', '{}', revision FROM room, generate_series(1, 5000) n RETURNING id),
		s AS (INSERT INTO room_seq (room_id) SELECT id FROM r) SELECT count(*) FROM r`)
	c := category("cat")
	c.Denied = []chat.Principal{alice}
	start := time.Now()
	rec, err := p.PutCategory(t.Context(), "ns/cat", c, "", nil)
	if err != nil || rec.Rooms != 5001 {
		t.Fatal(rec.Rooms, err)
	}
	t.Logf("5001 rooms in %s", time.Since(start).Round(time.Millisecond))
	r, err := p.Room(t.Context(), fmt.Sprintf("k%d", 77))
	if diff := cmp.Diff([]chat.Principal{alice}, r.OutOfScope); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
