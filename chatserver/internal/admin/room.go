package admin

import (
	"cmp"
	"net/http"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

func (a *api) putRoom(r *http.Request) (any, error) {
	k, err := key(r)
	if err != nil {
		return nil, err
	}
	var in adminapi.Room
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Category == "" {
		return nil, chat.FieldErrorf("category", "must not be empty: a room is in a category")
	}
	if err := checkDeclared(in.Declared); err != nil {
		return nil, err
	}
	room, err := roomOf(in)
	if err != nil {
		return nil, err
	}
	rec, err := a.Rooms.PutRoom(r.Context(), k, in.Category, room, in.Declared, a.Groups)
	if err != nil {
		return nil, err
	}
	a.Changed(r.Context())
	return a.roomStatus(rec), nil
}

func (a *api) room(r *http.Request) (any, error) {
	k, err := key(r)
	if err != nil {
		return nil, err
	}
	rec, err := a.Rooms.Room(r.Context(), k)
	if err != nil {
		return nil, err
	}
	if !rec.Withdrawn.IsZero() {
		return adminapi.RoomState{Withdrawn: &rec.Withdrawn}, nil
	}
	room := rec.Room
	return adminapi.RoomState{
		Room: adminapi.Room{
			Category: rec.CategoryKey, Name: room.Name, Description: room.Description,
			Privacy: room.Privacy, Type: room.Type, Invitations: room.Invitations, Disabled: room.Disabled,
			Members: room.Members, Managers: room.Managers, Presenters: room.Presenters, Declared: rec.Declared,
		},
		RoomStatus: a.roomStatus(rec),
	}, nil
}

func (a *api) deleteRoom(r *http.Request) (any, error) { return a.remove(r, a.Rooms.DeleteRoom) }

func (a *api) roomStatus(rec pg.RoomRecord) adminapi.RoomStatus {
	return adminapi.RoomStatus{
		ID: rec.Room.ID, URI: chat.RoomURI(a.Domain, rec.Room.ID), Participants: rec.Participants, LastPosition: rec.Head,
		Version: rec.Room.Version, OutOfScope: rec.OutOfScope,
	}
}

// roomOf makes a room of a declaration and checks it.
func roomOf(in adminapi.Room) (chat.Room, error) {
	r := chat.Room{
		Name: in.Name, Description: in.Description, Disabled: in.Disabled,
		Privacy:     cmp.Or(in.Privacy, chat.Closed),
		Type:        cmp.Or(in.Type, chat.Normal),
		Invitations: cmp.Or(in.Invitations, chat.Inherit),
	}
	var err error
	if r.Members, err = principals("members", in.Members); err != nil {
		return r, err
	}
	if r.Managers, err = principals("managers", in.Managers); err != nil {
		return r, err
	}
	if r.Presenters, err = principals("presenters", in.Presenters); err != nil {
		return r, err
	}
	return r, chat.ValidateRoom(&r)
}
