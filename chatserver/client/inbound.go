package client

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/xccos"
)

// document takes one XCCOS document of the server.
func (c *core) document(body []byte) {
	e, err := xccos.Parse(body)
	if err != nil {
		c.o.Log.Warn("a document of the server is not understood", "err", err)
		return
	}
	for i := range e.Replies {
		c.replied(&e.Replies[i])
	}
	for i := range e.Notices {
		c.notice(&e.Notices[i])
	}
	for i := range e.Posts {
		c.post(&e.Posts[i])
	}
}

func (c *core) post(x *xccos.Message) {
	r := c.rooms[x.Room]
	if r == nil {
		return // left in the meantime
	}
	m, err := messageOf(r.ID, x)
	if err != nil {
		c.o.Log.Warn("a message of the server is not understood", "room", r.URI, "err", err)
		return
	}
	c.deliver(r, r.sequence.live(m))
	c.catchUp(time.Now())
}

func (c *core) notice(n *xccos.Notice) {
	switch n.ID {
	case "ntc:join", "ntc:bjoin":
		for _, u := range n.Data.Users {
			for _, where := range u.Rooms {
				c.came(chat.RoomURI(where.Domain, chat.ID(where.Value)), userOf(u))
			}
		}
	case "ntc:part":
		for _, x := range n.Data.Rooms {
			for _, u := range x.Users {
				c.went(x.URI, userOf(u))
			}
		}
	case "ntc:kick":
		for _, x := range n.Data.Rooms {
			if r := c.rooms[x.URI]; r != nil {
				reason := n.Data.Error.Text
				c.expelled(r, cmp.Or(reason, "removed from the room: the right to be in it was taken away"))
			}
		}
	}
}

func (c *core) came(uri string, u User) {
	r := c.rooms[uri]
	if r == nil || !r.joined || string(u.URI) == c.o.aor {
		return
	}
	if r.people != nil {
		if _, known := r.people[u.URI]; known {
			return
		}
		r.people[u.URI] = u
	}
	c.emit(Entered{uri, u})
}

func (c *core) went(uri string, u User) {
	r := c.rooms[uri]
	if r == nil || !r.joined || string(u.URI) == c.o.aor {
		return
	}
	if r.people != nil {
		known, was := r.people[u.URI]
		if !was {
			return
		}
		delete(r.people, u.URI)
		u.Name = cmp.Or(u.Name, known.Name)
	}
	c.emit(Left{uri, u})
}

// page is a part of a room's history, oldest first.
type page struct {
	messages []chat.Message
	more     bool
	forked   bool
	fork     chat.Position // what they come after, if that is not what was asked for
}

// messagesOf reads a page of history.
func (c *core) messagesOf(uri string, reply *xccos.Reply) page {
	var p page
	_, id, _ := chat.ParseRoomURI(uri)
	for _, room := range reply.Data.Rooms {
		p.more = p.more || strings.EqualFold(room.More, "true")
		if fork, err := position(room.Fork); err == nil {
			p.forked, p.fork = true, fork
		} else if room.Fork != "" {
			c.o.Log.Warn("the fork of a history is not understood", "room", uri, "err", err)
		}
		for i := range room.Messages {
			m, err := messageOf(id, &room.Messages[i])
			if err != nil {
				c.o.Log.Warn("a message of the history is not understood", "room", uri, "err", err)
				continue
			}
			p.messages = append(p.messages, m)
		}
	}
	slices.SortStableFunc(p.messages, byPosition)
	return p
}

func messageOf(id chat.ID, x *xccos.Message) (chat.Message, error) {
	pos, err := position(x.Position)
	if err != nil || pos == 0 {
		return chat.Message{}, chat.FieldErrorf("chatId", "%q: want a position", x.Position)
	}
	origin := chat.Position(0)
	if x.Origin != "" {
		if origin, err = position(x.Origin); err != nil {
			return chat.Message{}, chat.FieldErrorf("originChatId", "%q: want a position", x.Origin)
		}
	}
	at, err := time.Parse(time.RFC3339Nano, x.Time)
	if err != nil {
		return chat.Message{}, chat.FieldErrorf("ts", "%v", err)
	}
	return chat.Message{
		Room: id, Pos: pos, Author: principal(x.Author), AuthorName: x.Name, At: at.UTC(),
		Alert: strings.EqualFold(x.Alert, "true"), Text: x.Text, RTF: x.RTF, Origin: origin,
	}, nil
}

func position(s string) (chat.Position, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, chat.FieldErrorf("chatId", "%q: want a position", s)
	}
	return chat.Position(n), nil
}

func principal(s string) chat.Principal { return chat.Principal(strings.ToLower(s)) }

func userOf(u xccos.User) User { return User{URI: principal(u.URI), Name: u.Name} }

func roomOf(x *xccos.Room) Room {
	_, id, _ := chat.ParseRoomURI(x.URI)
	r := Room{
		URI: x.URI, ID: id, Name: x.Name, Description: x.Description, Privacy: chat.Closed, Type: chat.Normal,
		Disabled: strings.EqualFold(x.Disabled, "true"), History: !strings.EqualFold(x.Property("logged"), "false"), Participants: -1,
	}
	switch strings.ToUpper(cmp.Or(x.Property("visibility"), x.Property("visibilty"))) {
	case "PRIVATE":
		r.Privacy = chat.Secret
	case "OPEN":
		r.Privacy = chat.Open
	}
	if strings.EqualFold(x.Behavior, "AUDITORIUM") {
		r.Type = chat.Auditorium
	}
	if n, err := strconv.Atoi(x.Property("ucnt")); err == nil {
		r.Participants = n
	}
	return r
}
