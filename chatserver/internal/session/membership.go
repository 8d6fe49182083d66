package session

import (
	"context"
	"slices"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/wire"
)

// maxRooms is how many rooms a session may be in.
const maxRooms = 2000

// join enters rooms. Of a batch, each room succeeds or fails alone.
func (n *session) join(ctx context.Context, c wire.Command, q wire.Join) {
	var ids []chat.ID
	asked := map[chat.ID]wire.RoomRef{}
	var failed []wire.RoomRef
	for _, ref := range q.Rooms {
		id, err := n.server.roomID(ref)
		switch _, twice := asked[id]; {
		case err != nil && !q.Batch:
			n.fail(c, err)
			return
		case err != nil:
			failed = append(failed, ref)
		case !twice:
			asked[id] = ref
			ids = append(ids, id)
		}
	}
	if len(n.joined())+len(ids) > maxRooms {
		n.fail(c, chat.Errorf(chat.TooLarge, "in too many rooms at once: at most %d are allowed", maxRooms))
		return
	}
	var joined []wire.Joined
	var held []chat.ID
	for _, e := range n.server.Hub.Join(ctx, n.member, ids) {
		switch {
		case e.Err == nil:
			n.enter(e.Room, e.Joined.Head)
			joined = append(joined, e.Joined)
			held = append(held, e.Room)
		case q.Batch:
			failed = append(failed, asked[e.Room])
		default:
			n.fail(c, e.Err)
		}
		if e.Listed {
			n.server.Hub.Forget(e.Room, n.member.User, n.member.Endpoint)
		}
	}
	if q.Batch || len(joined) > 0 {
		n.send(n.server.Encoder.Joined(c.Ref, c.Name, joined, failed)...)
	}
	n.server.Hub.Release(n.member, held)
}

func (n *session) enter(id chat.ID, head chat.Position) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rooms[id] = &membership{head: head, fresh: true}
}

// roomID finds the id in a client's reference to a room. The error is of kind NotFound.
func (s *Server) roomID(ref wire.RoomRef) (chat.ID, error) {
	if ref.ID == "" || !s.ours(ref.Domain) {
		return "", chat.Errorf(chat.NotFound, "room %q: no such room", ref.Value)
	}
	return ref.ID, nil
}

// restore puts a returning endpoint back into the rooms it was in, without a word. It is not done before the first
// command that shows that the dialog is here to stay, and after the client's own joins. What fails is tried again with
// the next command.
func (n *session) restore(ctx context.Context) {
	if n.restored {
		return
	}
	rooms, err := n.server.Endpoints.Rooms(ctx, n.member.User, n.member.Endpoint)
	if err != nil {
		n.server.Log.Debug("the rooms of a returning endpoint are not known yet", "user", n.member.User, "err", err)
		return
	}
	n.restored = true
	rooms = slices.DeleteFunc(rooms, func(id chat.ID) bool { return n.in(id) != nil })
	if len(rooms) == 0 {
		return
	}
	for _, e := range n.server.Hub.Join(ctx, n.member, rooms) {
		switch {
		case e.Err == nil:
			n.enter(e.Room, e.Joined.Head)
			n.server.Hub.Release(n.member, []chat.ID{e.Room})
		case chat.Is(e.Err, chat.Denied), chat.Is(e.Err, chat.NotFound):
			n.server.Hub.Forget(e.Room, n.member.User, n.member.Endpoint)
		default:
			n.restored = false
		}
	}
}

// notIn is the error of a command about a room that the session is not in.
func (n *session) notIn() error {
	if !n.restored {
		return chat.Errorf(chat.Unavailable, "it is not known yet which rooms this device is in")
	}
	return chat.Errorf(chat.Conflict, "not joined: join the room first")
}

// part leaves rooms.
func (n *session) part(ctx context.Context, c wire.Command, q wire.Part) {
	var left []chat.ID
	for _, ref := range q.Rooms {
		if id, err := n.server.roomID(ref); err == nil && n.in(id) != nil {
			n.server.Hub.Leave(ctx, n.member, id)
			n.forget(id)
			left = append(left, id)
		}
	}
	if len(left) == 0 {
		n.fail(c, n.notIn())
		return
	}
	n.send(n.server.Encoder.Parted(c.Ref, left))
}
