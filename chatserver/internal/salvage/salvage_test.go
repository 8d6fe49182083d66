package salvage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// One move by force with everything that can happen, in one database.
func TestATailComesBack(t *testing.T) {
	t.Parallel()
	var desk, lunch, quiet, gone, fresh, lost, unkept chat.Room
	f, conns := newFork(t, 1, func(_ int, p *pod, conn string) {
		p.category("Trading")
		desk, lunch, quiet, gone = p.room("Trading", "Desk"), p.room("Trading", "Lunch"), p.room("Trading", "Quiet"), p.room("Trading", "Gone")
		c := categoryNamed("Talk")
		c.ChatHistory = false
		if _, err := p.PutCategory(t.Context(), "ns/Talk", c, "", nil); err != nil {
			t.Fatal(err)
		}
		unkept = p.room("Talk", "Coffee")
		for _, r := range []chat.Room{desk, quiet, gone} {
			p.post(r, true, numbers(0, 10)...)
		}
	}, func(_ int, p *pod, conn string) {
		p.post(desk, true, numbers(10, 450)...)
		p.post(lunch, true, numbers(0, 5)...)
		p.post(gone, true, numbers(10, 7)...)
		p.post(unkept, false, 1, 2)
		p.category("New")
		fresh, lost = p.room("Trading", "Fresh"), p.room("New", "Lost")
		p.post(fresh, true, numbers(0, 3)...)
		if _, err := p.PutRoom(t.Context(), "ns/Quiet", "ns/Trading", chat.Room{Name: "Quiet", Members: []chat.Principal{alice}, Description: "hush",
			Privacy: chat.Closed, Type: chat.Normal, Invitations: chat.Inherit}, "", nil); err != nil {
			t.Fatal(err)
		}
		// The schema of the version before.
		sql(t, conn, `DROP TABLE salvage_room, salvage; ALTER TABLE message DROP COLUMN origin_epoch, DROP COLUMN origin_seq, DROP COLUMN recovered_at`)
	})
	in := f.salvaging(conns[0])
	p := start(t, "b", f.home(conns[0]), 2)
	f.record(p)
	p.category("Other")
	taken := p.room("Other", "Fresh")
	p.post(taken, true, 1)
	p.post(desk, true, 1000, 12, 1001, 300) // 12 and 300 of the tail, sent again
	if err := p.DeleteRoom(t.Context(), "ns/Gone", false); err != nil {
		t.Fatal(err)
	}
	before := history(t, f.home(conns[0]), desk.ID)

	got := p.salvage(in)
	if got.Found != 460 || got.Recovered != 458 || got.Resent != 2 || got.Rooms != 5 || got.RoomsDone != 5 || got.Waiting != "" {
		t.Errorf("%+v", got)
	}
	if d := got.Details[0]; d != (adminapi.RoomSalvage{Room: "Desk", Found: 450, Recovered: 448, Resent: 2, Done: true}) {
		t.Errorf("%+v", d)
	}
	if !slices.Contains(got.Details, adminapi.RoomSalvage{Room: "Fresh (recovered 1)", Found: 3, Recovered: 3, Recreated: true, Done: true}) {
		t.Errorf("%+v", got.Details)
	}
	for _, want := range []string{
		`room "Gone" was removed here since the fork: 7 posts of home went with it`,
		`room "Fresh" was made at home: it is made anew here, disabled`,
		`category "New" was made at home`,
		`room "Quiet" was changed at home: description there "hush"; members there without sip:bob@example.test`,
	} {
		if !slices.Contains(got.Differences, want) {
			t.Errorf("not told: %s\namong %s", want, strings.Join(got.Differences, "\n"))
		}
	}
	if len(got.Differences) != 5 {
		t.Errorf("told: %s", strings.Join(got.Differences, "\n"))
	}
	after := history(t, f.home(conns[0]), desk.ID)
	if !slices.Equal(before, after[:len(before)]) || len(after) != len(before)+448 {
		t.Errorf("%d messages before, %d after", len(before), len(after))
	}
	was := p.whole(in, desk.ID)
	for i, m := range after[len(before):] {
		if want := was[m.Origin.Seq()-1]; m.Text != want.Text || !m.At.Equal(want.At) || m.RTF != want.RTF || m.Alert != want.Alert || m.Author != string(alice) || m.Name != "Alice" || !m.Kept {
			t.Errorf("%+v: want %+v", m, want)
		}
		if m.Pos != chat.At(2, int64(15+i)) || i > 0 && m.Origin <= after[len(before)+i-1].Origin || m.Origin.Epoch() != 1 {
			t.Errorf("%s of %s comes after %s", m.Pos, m.Origin, after[len(before)+i-1].Origin)
		}
	}
	home := f.home(conns[0])
	if name := pgtest.Scalar[string](t, home, `SELECT name || ' ' || disabled || ' ' || (key IS NULL) FROM room WHERE id = $1`, string(fresh.ID)); name != "Fresh (recovered 1) true true" {
		t.Error(name)
	}
	if name := pgtest.Scalar[string](t, home, `SELECT r.name || ' in ' || c.name || ' for ' || array_to_string(r.members, ' ') FROM room r JOIN category c ON c.id = r.category_id WHERE r.id = $1`,
		string(lost.ID)); name != "Lost in New for sip:alice@example.test sip:bob@example.test" {
		t.Error(name)
	}
	if n := len(history(t, home, fresh.ID)); n != 3 {
		t.Errorf("%d messages in the room that was made anew", n)
	}
	if ms, err := p.After(t.Context(), unkept.ID, 0, 10); err != nil || len(ms) != 2 || ms[0].Origin != chat.At(1, 1) {
		t.Errorf("what is not kept can be read for a while: %+v, %v", ms, err)
	}
	if ms, err := p.Last(t.Context(), desk.ID, 0, 1); err != nil || ms[0].Origin != chat.At(1, 460) {
		t.Errorf("%+v, %v", ms, err)
	}
	// It stays done, is listed, and is a fact of the database.
	if again, err := p.salvor.Salvage(t.Context(), in); err != nil || again.State != adminapi.SalvageDone || again.Found != 460 {
		t.Errorf("%+v, %v", again, err)
	}
	if all, err := p.salvor.Salvages(t.Context()); err != nil || len(all.Salvages) != 1 || all.Salvages[0].Tail != in.Tail {
		t.Errorf("%+v, %v", all, err)
	}
	if facts, err := p.Facts(t.Context()); err != nil || len(facts.Salvaged) != 1 || facts.Salvaged[0] != in.Tail {
		t.Errorf("%+v, %v", facts, err)
	}
	p.strays(f, conns[0], in, desk)
}

// whole reads a room of the overtaken database.
func (p *pod) whole(in adminapi.Salvaging, room chat.ID) []row {
	p.t.Helper()
	c, err := p.Overtaken(context.Background(), in.Host, in.Port)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	var out []row
	for at, more := chat.Position(0), true; more; {
		page, again, err := c.Rows(context.Background(), room, at, 100)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, r := range page {
			m := row{Pos: r.Pos, Author: r.Author, Name: r.Name, Envelope: r.Envelope, Text: *r.Text, At: r.At, Alert: r.Alert, Kept: r.Kept}
			if r.RTF != nil {
				m.RTF = *r.RTF
			}
			out, at = append(out, m), r.Pos
		}
		more = again
	}
	return out
}

// Who is asked for something that is not so refuses, and what the databases should have in common is not taken for granted.
func (p *pod) strays(f *fork, conn string, in adminapi.Salvaging, desk chat.Room) {
	t := p.t
	for name, c := range map[string]struct {
		spoil func(*adminapi.Salvaging)
		field string
	}{
		"another end":      {func(s *adminapi.Salvaging) { s.LSN++ }, "tail"},
		"another timeline": {func(s *adminapi.Salvaging) { s.Timeline++ }, "tail"},
		"another epoch":    {func(s *adminapi.Salvaging) { s.Epoch++ }, "tail"},
		"one that takes writes": {func(s *adminapi.Salvaging) {
			s.LSN++
			s.Host = strings.Replace(s.Host, "primary.s", "mirror.s", 1)
		}, "tail"},
		"one that is not there": {func(s *adminapi.Salvaging) { s.LSN++; s.Host += "x" }, ""},
	} {
		other := in
		c.spoil(&other)
		var e *chat.Error
		var err error
		eventually(t, name+" is refused", func() bool {
			_, err = p.salvor.Salvage(context.Background(), other)
			return err != nil
		})
		if !chat.Is(err, chat.Unavailable) || !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.right.epoch.Store(0)
	if _, err := p.salvor.Salvage(context.Background(), in); !chat.Is(err, chat.Conflict) {
		t.Errorf("not activated: %v", err)
	}
	p.right.epoch.Store(2)

	home := f.home(conn)
	sql(t, home, `DELETE FROM salvage_room`)
	sql(t, home, `DELETE FROM salvage`)
	sql(t, home, `DELETE FROM message WHERE room_id = '`+string(desk.ID)+`' AND epoch = 1 AND seq = 3`)
	sql(t, home, `UPDATE message SET body_hash = '\x00' WHERE room_id = '`+string(desk.ID)+`' AND epoch = 1 AND seq = 5`)
	n := len(history(t, home, desk.ID))
	if got := p.salvage(in); got.Recovered != 460 || got.Resent != 2 {
		t.Errorf("%+v", got)
	}
	list := history(t, home, desk.ID)
	if len(list) != n+2 || list[n].Origin != chat.At(1, 3) || list[n+1].Origin != chat.At(1, 5) {
		t.Errorf("%d after %d: %+v", len(list), n, list[n:])
	}
}
