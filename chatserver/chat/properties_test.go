package chat_test

import (
	"slices"
	"testing"

	"chatpool.dev/chatserver/chat"
	"pgregory.net/rapid"
)

// A small world, so that subjects and lists meet often.
var principals = []chat.Principal{
	"sip:a@x.test", "sip:b@x.test", "sip:c@y.test", "group:g", "group:h", "ou:u", "domain:x.test", "domain:y.test",
}

func lists() *rapid.Generator[[]chat.Principal] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(principals), 0, 4, rapid.ID[chat.Principal])
}

func subjects() *rapid.Generator[chat.Subject] {
	return rapid.Custom(func(t *rapid.T) chat.Subject {
		return chat.Subject{
			User:     rapid.SampledFrom(principals[:3]).Draw(t, "user"),
			Groups:   rapid.SliceOfNDistinct(rapid.SampledFrom(principals[3:6]), 0, 3, rapid.ID[chat.Principal]).Draw(t, "groups"),
			Disabled: rapid.IntRange(0, 5).Draw(t, "disabled") == 0,
			Admin:    rapid.IntRange(0, 5).Draw(t, "admin") == 0,
		}
	})
}

func categories() *rapid.Generator[chat.Category] {
	return rapid.Custom(func(t *rapid.T) chat.Category {
		return chat.Category{
			Allowed: lists().Draw(t, "allowed"), Denied: lists().Draw(t, "denied"), Creators: lists().Draw(t, "creators"),
		}
	})
}

func rooms() *rapid.Generator[chat.Room] {
	return rapid.Custom(func(t *rapid.T) chat.Room {
		return chat.Room{
			Privacy:    rapid.SampledFrom([]chat.Privacy{chat.Open, chat.Closed, chat.Secret}).Draw(t, "privacy"),
			Type:       rapid.SampledFrom([]chat.RoomType{chat.Normal, chat.Auditorium}).Draw(t, "type"),
			Disabled:   rapid.IntRange(0, 3).Draw(t, "disabled") == 0,
			Members:    lists().Draw(t, "members"),
			Managers:   lists().Draw(t, "managers"),
			Presenters: lists().Draw(t, "presenters"),
		}
	})
}

func rights(s chat.Subject, c chat.Category, r chat.Room) map[chat.Right]bool {
	m := map[chat.Right]bool{}
	for _, right := range chat.Rights {
		m[right] = chat.Authorize(s, &c, &r, right).Allowed
	}
	return m
}

func TestAddingAGrantNeverRemovesARight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c, r := subjects().Draw(t, "subject"), categories().Draw(t, "category"), rooms().Draw(t, "room")
		before := rights(s, c, r)
		grant := rapid.SampledFrom(principals).Draw(t, "grant")
		list := rapid.SampledFrom([]*[]chat.Principal{&c.Allowed, &r.Members, &r.Managers, &r.Presenters}).Draw(t, "list")
		*list = append(slices.Clone(*list), grant)
		for right, had := range before {
			if had && !rights(s, c, r)[right] {
				t.Fatalf("the right %s is gone", right)
			}
		}
	})
}

func TestDenyingNeverAddsARight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c, r := subjects().Draw(t, "subject"), categories().Draw(t, "category"), rooms().Draw(t, "room")
		before := rights(s, c, r)
		c.Denied = append(slices.Clone(c.Denied), rapid.SampledFrom(principals).Draw(t, "denied"))
		for right, has := range rights(s, c, r) {
			if has && !before[right] {
				t.Fatalf("the right %s appeared", right)
			}
		}
	})
}

func TestNobodyOutOfScopeHasAnyRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c, r := subjects().Draw(t, "subject"), categories().Draw(t, "category"), rooms().Draw(t, "room")
		if s.Admin || c.InScope(s) {
			t.Skip("in scope, or an administrator")
		}
		for right, has := range rights(s, c, r) {
			if has {
				t.Fatalf("has the right %s", right)
			}
		}
		if chat.CanCreate(s, &c).Allowed {
			t.Fatal("may create rooms")
		}
	})
}

func TestRightsImplyEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c, r := subjects().Draw(t, "subject"), categories().Draw(t, "category"), rooms().Draw(t, "room")
		has := rights(s, c, r)
		for _, rule := range []struct {
			words   string
			if_, so bool
		}{
			{"who posts may join", has[chat.Post], has[chat.Join]},
			{"who joins finds the room", has[chat.Join], has[chat.Find]},
			{"who joins sees who is in it", has[chat.Join], has[chat.SeeParticipants]},
			{"nobody is in a disabled room", r.Disabled, !has[chat.Find] && !has[chat.Join] && !has[chat.Post] && !has[chat.SeeParticipants]},
			{"only presenters post in an auditorium", has[chat.Post] && r.Type == chat.Auditorium, s.In(r.Presenters)},
			{"a secret room is found by its people alone", has[chat.Find] && r.Privacy == chat.Secret, s.Admin || s.In(r.Members) || s.In(r.Managers)},
			{"a disabled user has no right", s.Disabled, !slices.ContainsFunc(chat.Rights, func(x chat.Right) bool { return has[x] })},
		} {
			if rule.if_ && !rule.so {
				t.Fatalf("broken: %s", rule.words)
			}
		}
	})
}

func TestOutOfScopeNamesExactlyWhoIsNotCovered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, r := categories().Draw(t, "category"), rooms().Draw(t, "room")
		inGroups := map[chat.Principal][]chat.Principal{}
		for _, p := range principals[:3] {
			inGroups[p] = rapid.SliceOfNDistinct(rapid.SampledFrom(principals[3:6]), 0, 3, rapid.ID[chat.Principal]).Draw(t, string(p))
		}
		groups := func(p chat.Principal) []chat.Principal { return inGroups[p] }
		out := c.OutOfScope(&r, groups)
		if !slices.IsSorted(out) || len(slices.Compact(slices.Clone(out))) != len(out) {
			t.Fatalf("%v is not sorted, or names somebody twice", out)
		}
		for _, p := range slices.Concat(r.Members, r.Managers, r.Presenters) {
			if c.Covers(p, groups) == slices.Contains(out, p) {
				t.Fatalf("%s: covered %t, named in %v", p, c.Covers(p, groups), out)
			}
		}
	})
}

func TestPositionsTakeApartWhatTheyAreMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		epoch, seq := rapid.Int64Range(0, chat.MaxEpoch).Draw(t, "epoch"), rapid.Int64Range(0, chat.MaxSeq).Draw(t, "seq")
		p := chat.At(epoch, seq)
		if p < 0 || p.Epoch() != epoch || p.Seq() != seq {
			t.Fatalf("%d: epoch %d, seq %d", int64(p), p.Epoch(), p.Seq())
		}
		if seq < chat.MaxSeq && chat.At(epoch, seq+1) != p+1 {
			t.Fatal("the next position is not one more")
		}
		if epoch < chat.MaxEpoch && chat.At(epoch+1, 0) <= p {
			t.Fatal("a later epoch does not sort later")
		}
	})
}

func TestKeysTellDraftsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draft := func() chat.Draft {
			few := rapid.SampledFrom([]string{"", "a", "b", "ab"})
			return chat.Draft{
				Room: chat.ID(few.Draw(t, "room")), Author: chat.Principal(few.Draw(t, "author")), Name: few.Draw(t, "name"),
				Endpoint: few.Draw(t, "endpoint"), Envelope: few.Draw(t, "envelope"),
				Stamp: few.Draw(t, "stamp"), Text: few.Draw(t, "text"), RTF: few.Draw(t, "rtf"), Alert: rapid.Bool().Draw(t, "alert"),
			}
		}
		a, b := draft(), draft()
		same := a
		same.Name = b.Name // the display name may change between two tries
		if same == b != (a.Key() == b.Key()) {
			t.Fatalf("%+v and %+v: same key %t", a, b, a.Key() == b.Key())
		}
	})
}
