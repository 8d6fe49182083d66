package session

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/wire"
)

// search answers with the rooms whose names contain the text, as far as the user may find them.
func (n *session) search(ctx context.Context, c wire.Command, q wire.Search) {
	text := strings.ToLower(strings.TrimSpace(q.Text))
	n.list(ctx, c, q.Max, func(r *chat.Room) bool {
		return strings.Contains(strings.ToLower(r.Name), text) ||
			q.Descriptions && strings.Contains(strings.ToLower(r.Description), text)
	})
}

// associations answers with the rooms that the user is a member of, or manages.
func (n *session) associations(ctx context.Context, c wire.Command, q wire.Associations) {
	s := n.subject()
	n.list(ctx, c, q.Max, func(r *chat.Room) bool {
		if q.Managed {
			return s.In(r.Managers)
		}
		return s.In(r.Members)
	})
}

// list answers with the rooms that are wanted and that the user may find, by name, up to the limit.
func (n *session) list(ctx context.Context, c wire.Command, most int, wanted func(*chat.Room) bool) {
	catalog, subject := n.server.Hub.Catalog(), n.subject()
	if err := catalog.Err(); err != nil {
		n.fail(c, err)
		return
	}
	var rooms []wire.Room
	for r, category := range catalog.Rooms() {
		if wanted(r) && chat.Authorize(subject, category, r, chat.Find).Allowed {
			rooms = append(rooms, wire.Room{Room: r, Category: category})
		}
	}
	slices.SortFunc(rooms, func(a, b wire.Room) int { return cmp.Compare(a.Room.Name, b.Room.Name) })
	limit := n.server.Config().Limits.SearchResults
	if most > 0 {
		limit = min(limit, most)
	}
	rooms = rooms[:min(limit, len(rooms))]
	n.count(ctx, rooms)
	n.send(n.server.Encoder.Rooms(c.Ref, c.Name, rooms)...)
}

// count fills in how many are in the rooms. Without the database the answer goes out without numbers.
func (n *session) count(ctx context.Context, rooms []wire.Room) {
	if len(rooms) == 0 {
		return
	}
	ids := make([]chat.ID, len(rooms))
	for i := range rooms {
		ids[i] = rooms[i].Room.ID
	}
	counts, err := n.server.Hub.Counts(ctx, ids)
	if err != nil {
		n.server.Log.Warn("rooms are listed without the number of participants", "err", err)
		return
	}
	for i := range rooms {
		rooms[i].Count = counts[rooms[i].Room.ID]
	}
}
