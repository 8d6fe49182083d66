package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/xccos"
)

// Rooms lists the rooms that the user may see and whose name has the text in it; "" lists all, up to the server's limit.
func (c *Client) Rooms(ctx context.Context, text string) ([]Room, error) {
	return c.rooms(ctx, "search rooms", func(e string) []byte { return xccos.Search(e, text) })
}

// Associations lists the rooms in which the user is a member, or, with manages, a manager.
func (c *Client) Associations(ctx context.Context, manages bool) ([]Room, error) {
	role := "MEMBER"
	if manages {
		role = "MANAGER"
	}
	return c.rooms(ctx, "list own rooms", func(e string) []byte { return xccos.Associations(e, c.domain(), role) })
}

func (c *Client) rooms(ctx context.Context, what string, build func(string) []byte) ([]Room, error) {
	reply, err := c.command(ctx, what, "", build)
	if err != nil {
		return nil, err
	}
	out := make([]Room, 0, len(reply.Data.Rooms))
	for i := range reply.Data.Rooms {
		out = append(out, roomOf(&reply.Data.Rooms[i]))
	}
	return out, nil
}

func (c *Client) domain() string {
	_, domain, _ := strings.Cut(c.o.aor, "@")
	return domain
}

// ServerInfo asks what the server says about itself.
func (c *Client) ServerInfo(ctx context.Context) (Server, error) {
	reply, err := c.command(ctx, "ask for the server's data", "", func(e string) []byte { return xccos.Server(e, c.domain()) })
	if err != nil {
		return Server{}, err
	}
	var s Server
	err = c.exec(func() {
		if l := c.core.link; l != nil {
			s.Address, s.PoolURI = l.server, l.pool
		}
	})
	for _, x := range reply.Data.Servers {
		s.Name, s.SearchLimit, s.MessageSize = x.Name, x.SearchLimit, x.MessageSize
		s.Time, _ = time.Parse(time.RFC3339Nano, x.Time) // absent: the zero time
	}
	return s, err
}

// Join enters a room, given by URI or name. Messages that come after Room.Head are delivered as events.
func (c *Client) Join(ctx context.Context, room string) (Room, error) {
	return c.join(ctx, room, nil)
}

// JoinAfter enters a room as somebody who has seen it up to a position: what came after it is delivered as events too.
func (c *Client) JoinAfter(ctx context.Context, room string, after chat.Position) (Room, error) {
	return c.join(ctx, room, &after)
}

func (c *Client) join(ctx context.Context, name string, after *chat.Position) (Room, error) {
	uri, name, err := c.resolve(ctx, name)
	if err != nil {
		return Room{}, err
	}
	domain, id, err := chat.ParseRoomURI(uri)
	if err != nil {
		return Room{}, err
	}
	r := &room{domain: domain, Room: Room{URI: uri, ID: id, Name: name}}
	o := &op{what: fmt.Sprintf("join %q", name)}
	if err := c.prepare(o, func(e string) []byte { return xccos.Join(e, domain, id) }); err != nil {
		return Room{}, err
	}
	fresh := true
	if err := c.exec(func() {
		if old := c.core.rooms[uri]; old != nil {
			r, fresh = old, false
			return
		}
		c.core.rooms[uri] = r // what comes live before the reply is held back
	}); err != nil {
		return Room{}, err
	}
	forget := func() {
		if fresh && c.core.rooms[uri] == r {
			delete(c.core.rooms, uri)
		}
	}
	var result Room
	_, err = c.perform(ctx, o, func(reply *xccos.Reply, err error) error {
		if err == nil {
			if after != nil && fresh {
				r.sequence.started, r.sequence.last = true, *after
			}
			err = c.core.entered(r, reply)
			result = r.Room
		}
		if err != nil {
			forget()
		}
		return err
	}, forget)
	return result, err
}

// resolve finds the URI of a room that is given by URI or name, and the name where it is known. The case of names does
// not matter if only one fits.
func (c *Client) resolve(ctx context.Context, given string) (uri, name string, err error) {
	if err := c.exec(func() {
		for _, r := range c.core.rooms {
			if r.Name == given || r.URI == given {
				uri, name = r.URI, r.Name
			}
		}
	}); err != nil || uri != "" {
		return uri, name, err
	}
	if strings.HasPrefix(strings.ToLower(given), "ma-chan://") {
		_, _, err := chat.ParseRoomURI(given)
		return given, given, err
	}
	rooms, err := c.Rooms(ctx, given)
	if err != nil {
		return "", "", err
	}
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		fits := slices.DeleteFunc(slices.Clone(rooms), func(r Room) bool { return !same(r.Name, given) })
		switch len(fits) {
		case 1:
			return fits[0].URI, fits[0].Name, nil
		case 0:
		default:
			return "", "", chat.Errorf(chat.Conflict, "room %q: %d rooms have this name: use the URI of one", given, len(fits))
		}
	}
	return "", "", chat.Errorf(chat.NotFound, "room %q: there is no such room, or this user may not see it", given)
}

// Part leaves a room. Events of the room that wait already are still delivered.
func (c *Client) Part(ctx context.Context, room string) error {
	uri, name, err := c.resolve(ctx, room)
	if err != nil {
		return err
	}
	if err := c.exec(func() { delete(c.core.rooms, uri) }); err != nil {
		return err
	}
	_, err = c.command(ctx, fmt.Sprintf("leave %q", name), "", func(e string) []byte { return xccos.Part(e, uri) })
	return err
}

// Participants lists who is in a joined room, in the order of their addresses. In a room with very many the server
// does not say: then it is an error of kind Unavailable.
func (c *Client) Participants(ctx context.Context, room string) ([]User, error) {
	uri, name, err := c.resolve(ctx, room)
	if err != nil {
		return nil, err
	}
	var users []User
	joined, known := false, false
	if err := c.exec(func() {
		if r := c.core.rooms[uri]; r != nil {
			joined, known, users = true, r.people != nil, r.participants()
		}
	}); err != nil {
		return nil, err
	}
	switch {
	case !joined:
		return nil, chat.Errorf(chat.Conflict, "room %q: join it first", name)
	case !known:
		return nil, chat.Errorf(chat.Unavailable, "room %q: the server does not list the participants of so large a room", name)
	}
	return users, nil
}

// History gives the newest n messages of a joined room, oldest first; 0 leaves the number to the server. The first
// answer after joining ends where live delivery begins.
func (c *Client) History(ctx context.Context, room string, n int) ([]Message, error) {
	page, err := c.history(ctx, room, func(e, uri string) []byte { return xccos.Last(e, uri, n) })
	return page.Messages, err
}

// HistoryAfter gives at most n messages of a joined room that come after a position.
func (c *Client) HistoryAfter(ctx context.Context, room string, after chat.Position, n int) (Page, error) {
	return c.history(ctx, room, func(e, uri string) []byte { return xccos.After(e, uri, after, n) })
}

func (c *Client) history(ctx context.Context, room string, build func(envelope, uri string) []byte) (Page, error) {
	uri, name, err := c.resolve(ctx, room)
	if err != nil {
		return Page{}, err
	}
	reply, err := c.command(ctx, fmt.Sprintf("history of %q", name), uri, func(e string) []byte { return build(e, uri) })
	if err != nil {
		return Page{}, err
	}
	list := c.core.messagesOf(uri, reply)
	page := Page{Messages: make([]Message, len(list.messages)), More: list.more, Forked: list.forked, Fork: list.fork}
	for i, m := range list.messages {
		page.Messages[i] = Message{Message: m, RoomURI: uri}
	}
	return page, nil
}

// Post writes to a joined room and waits until the pool has stored the message, however often it must be sent for that.
// When the context ends before, the error is of kind Unavailable and the post may be stored or not: see Receipt.InDoubt.
func (c *Client) Post(ctx context.Context, room, text string) (Receipt, error) {
	if err := checkText(text); err != nil {
		return Receipt{}, err
	}
	uri, name, err := c.resolve(ctx, room)
	if err != nil {
		return Receipt{}, err
	}
	select {
	case c.window <- struct{}{}:
		defer func() { <-c.window }()
	case <-ctx.Done():
		return Receipt{}, chat.Errorf(chat.Unavailable, "post to %q: not sent: %w", name, context.Cause(ctx))
	}
	o := &op{what: fmt.Sprintf("post to %q", name), room: uri, post: true}
	if err := c.prepare(o, func(e string) []byte { return xccos.Post(e, uri, c.o.aor, stamp(), text) }); err != nil {
		return Receipt{}, err
	}
	_, err = c.perform(ctx, o, nil, nil)
	return o.receipt, err
}

func checkText(text string) error {
	if text == "" {
		return chat.FieldErrorf("text", "a post must have text")
	}
	if !utf8.ValidString(text) {
		return chat.FieldErrorf("text", "must be valid UTF-8")
	}
	for _, r := range text {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return chat.FieldErrorf("text", "the character %U cannot be sent", r)
		}
	}
	return nil
}
