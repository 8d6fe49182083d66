package pg

import (
	"slices"

	"chatpool.dev/chatserver/chat"
)

// Groups tells the groups and organisational units of a user, nested ones included. It is called inside of a
// transaction and must answer from memory.
type Groups func(user chat.Principal) []chat.Principal

// effective is the room with the lists as they count.
func (r *RoomRecord) effective() chat.Room {
	e := r.Room
	e.Members, e.Managers, e.Presenters = r.inScope(e.Members), r.inScope(e.Managers), r.inScope(e.Presenters)
	return e
}

func (r *RoomRecord) inScope(list []chat.Principal) []chat.Principal {
	if len(r.OutOfScope) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(p chat.Principal) bool { return slices.Contains(r.OutOfScope, p) })
}

// outOfScope is chat.Category.OutOfScope, empty rather than nil, as the database wants it.
func outOfScope(c *chat.Category, r *chat.Room, g Groups) []chat.Principal {
	return append([]chat.Principal{}, c.OutOfScope(r, g)...)
}

// sameCategory compares what can be declared.
func sameCategory(a, b *chat.Category) bool {
	return a.Name == b.Name && a.Description == b.Description && a.FileUpload == b.FileUpload && a.Invitations == b.Invitations &&
		slices.Equal(a.Creators, b.Creators) && sameRights(a, b)
}

// sameRights tells whether the rights of everybody in the category's rooms, and what happens to posts, are the same.
func sameRights(a, b *chat.Category) bool {
	return a.ChatHistory == b.ChatHistory && slices.Equal(a.Allowed, b.Allowed) && slices.Equal(a.Denied, b.Denied)
}

// sameRoom compares what can be declared, and what counts of it.
func sameRoom(a, b *RoomRecord) bool {
	x, y := &a.Room, &b.Room
	return x.CategoryID == y.CategoryID && x.Name == y.Name && x.Description == y.Description && x.Privacy == y.Privacy &&
		x.Type == y.Type && x.Invitations == y.Invitations && x.Disabled == y.Disabled && slices.Equal(x.Members, y.Members) &&
		slices.Equal(x.Managers, y.Managers) && slices.Equal(x.Presenters, y.Presenters) && slices.Equal(a.OutOfScope, b.OutOfScope)
}
