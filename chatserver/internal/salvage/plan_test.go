package salvage

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

const (
	desk  = chat.ID("00000000-0000-4000-8000-000000000001")
	lunch = chat.ID("00000000-0000-4000-8000-000000000002")
	trade = chat.ID("00000000-0000-4000-8000-0000000000aa")
)

// alike is a move by force in which nothing was lost: both sites have the room Desk with 10 messages.
func alike() *gathered {
	side := func() pg.Holdings {
		return pg.Holdings{
			Categories: map[chat.ID]pg.CategoryRecord{trade: {Category: chat.Category{ID: trade, Name: "Trading"}}},
			Rooms: map[chat.ID]pg.RoomRecord{desk: {Room: chat.Room{ID: desk, CategoryID: trade, Name: "Desk", Members: []chat.Principal{alice},
				Privacy: chat.Closed}}},
			Revised: map[chat.ID]int64{trade: 2, desk: 3}, Removed: map[chat.ID]bool{},
		}
	}
	return &gathered{
		site: "home", here: side(), there: side(), heads: map[chat.ID]chat.Position{desk: chat.At(1, 10)},
		fork:        pg.Fork{Next: 2, Rooms: map[chat.ID]chat.Position{desk: chat.At(1, 10)}, Revision: 3},
		extentsHere: map[chat.ID]pg.Extent{desk: {Upto: 10, Sum: 7}}, extentsThere: map[chat.ID]pg.Extent{desk: {Upto: 10, Sum: 7}},
	}
}

// put gives a room to a side.
func put(h *pg.Holdings, revision int64, change func(*chat.Room)) {
	r := h.Rooms[desk].Room
	change(&r)
	h.Rooms[r.ID], h.Revised[r.ID] = pg.RoomRecord{Room: r}, revision
}

func second(r *chat.Room) { r.ID, r.Name = lunch, "Lunch" }

func TestWhatIsLookedThroughAndTold(t *testing.T) {
	beyond := func(g *gathered, id chat.ID, n int64) {
		g.heads[id] = chat.At(1, g.fork.Rooms[id].Seq()+n)
		e := g.extentsThere[id]
		e.Beyond = n
		g.extentsThere[id] = e
	}
	for sentence, c := range map[string]struct {
		change func(*gathered)
		want   plan
	}{
		"nothing was lost": {func(*gathered) {}, plan{}},
		"posts beyond the fork": {func(g *gathered) { beyond(g, desk, 2) },
			plan{rooms: []pg.SalvageRoom{{ID: desk, Name: "Desk", From: chat.At(1, 10), At: chat.At(1, 10)}}}},
		"another message before the fork": {func(g *gathered) { g.extentsHere[desk] = pg.Extent{Upto: 10, Sum: 8} },
			plan{rooms: []pg.SalvageRoom{{ID: desk, Name: "Desk"}}}},
		"one message fewer here": {func(g *gathered) { g.extentsHere[desk] = pg.Extent{Upto: 9, Sum: 7} },
			plan{rooms: []pg.SalvageRoom{{ID: desk, Name: "Desk"}}}},
		"an epoch that nothing followed is compared as a whole": {func(g *gathered) {
			g.fork = pg.Fork{Revision: 3}
			g.extentsHere[desk] = pg.Extent{Upto: 9, Sum: 7}
		}, plan{rooms: []pg.SalvageRoom{{ID: desk, Name: "Desk"}}}},
		"a room that only the tail has": {func(g *gathered) { put(&g.there, 4, second); beyond(g, lunch, 1) },
			plan{rooms: []pg.SalvageRoom{{ID: lunch, Name: "Lunch", Recreated: true}}, differences: []string{`room "Lunch" was made at home: it is made anew here, disabled`}}},
		"a room that only the tail has, without posts": {func(g *gathered) { put(&g.there, 4, second) },
			plan{rooms: []pg.SalvageRoom{{ID: lunch, Name: "Lunch", Recreated: true}}, differences: []string{`room "Lunch" was made at home: it is made anew here, disabled`}}},
		"a room that was removed here, with posts": {func(g *gathered) {
			put(&g.there, 2, second)
			g.here.Removed[lunch] = true
			beyond(g, lunch, 1)
		}, plan{differences: []string{`room "Lunch" was removed here since the fork: 1 post of home went with it`}}},
		"a room that was removed here, unchanged": {func(g *gathered) { put(&g.there, 2, second); g.here.Removed[lunch] = true }, plan{}},
		"a room that was removed before the fork, whose messages are not all gone": {func(g *gathered) {
			g.here.Removed[lunch], g.there.Removed[lunch] = true, true
			beyond(g, lunch, 5)
		}, plan{}},
		"a room that was made and removed there": {func(g *gathered) { g.there.Removed[lunch] = true; beyond(g, lunch, 5) },
			plan{differences: []string{"a room was made at home and removed there: 5 posts went with it"}}},
		"a room that was removed there": {func(g *gathered) {
			delete(g.there.Rooms, desk)
			g.there.Removed[desk] = true
			beyond(g, desk, 2)
		}, plan{rooms: []pg.SalvageRoom{{ID: desk, Name: "Desk", From: chat.At(1, 10), At: chat.At(1, 10)}}, differences: []string{`room "Desk" was removed at home`}}},
		"a room that was changed there": {func(g *gathered) {
			put(&g.there, 4, func(r *chat.Room) {
				r.Name, r.Privacy, r.Disabled, r.Members = "Big Desk", chat.Open, true, []chat.Principal{bob}
			})
		}, plan{differences: []string{`room "Big Desk" was changed at home: name there "Big Desk"; privacy there "Open"; disabled there true; ` +
			`members there also sip:bob@example.test; members there without sip:alice@example.test`}}},
		"a room that was changed here":           {func(g *gathered) { put(&g.here, 9, func(r *chat.Room) { r.Name = "Small Desk" }) }, plan{}},
		"a room that was changed there and back": {func(g *gathered) { put(&g.there, 5, func(*chat.Room) {}) }, plan{}},
		"a room that was made here":              {func(g *gathered) { put(&g.here, 9, second) }, plan{}},
		"a category that was made there":         {func(g *gathered) { g.there.Categories[lunch] = pg.CategoryRecord{Category: chat.Category{Name: "New"}} }, plan{differences: []string{`category "New" was made at home`}}},
		"a category that was removed there":      {func(g *gathered) { delete(g.there.Categories, trade); g.there.Removed[trade] = true }, plan{differences: []string{`category "Trading" was removed at home`}}},
		"a category that was removed here":       {func(g *gathered) { delete(g.here.Categories, trade); g.here.Removed[trade] = true }, plan{}},
		"a category removed here, changed there": {func(g *gathered) {
			delete(g.here.Categories, trade)
			g.here.Removed[trade], g.there.Revised[trade] = true, 4
		}, plan{differences: []string{`category "Trading" was removed here since the fork, and changed at home`}}},
		"a category that was changed there": {func(g *gathered) {
			g.there.Categories[trade] = pg.CategoryRecord{Category: chat.Category{ID: trade, Name: "Trading", ChatHistory: true, Denied: []chat.Principal{"a", "b", "c", "d", "e", "f", "g"}}}
			g.there.Revised[trade] = 4
		}, plan{differences: []string{`category "Trading" was changed at home: denied members there also a, b, c, d, e and 2 more; chat history there true`}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			g := alike()
			c.change(g)
			if diff := cmp.Diff(c.want, decide(g), cmp.AllowUnexported(plan{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDifferencesAreBounded(t *testing.T) {
	g := alike()
	for i := range 2 * mostDifferences {
		g.there.Categories[chat.ID(fmt.Sprintf("%03d", i))] = pg.CategoryRecord{Category: chat.Category{Name: fmt.Sprint(i)}}
	}
	if d := decide(g).differences; len(d) != mostDifferences || d[mostDifferences-1] != "and 51 more" {
		t.Errorf("%d: %q", len(d), d[len(d)-1])
	}
}
