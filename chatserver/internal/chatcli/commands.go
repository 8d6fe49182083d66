package chatcli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
)

// execute carries out one line and tells whether to go on.
func (n *session) execute(s string) bool {
	l, err := parseLine(s)
	if err != nil {
		n.report(err)
		return true
	}
	return n.do(l)
}

func (n *session) do(l line) bool {
	if l.command == "quit" {
		return false
	}
	// A script's next command sees what the lines before it wrote; so does leaving, for people too.
	if l.command != "" && l.command != "say" && (!n.interactive || l.command == "leave") {
		n.waiting.Wait()
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.timeout)
	defer cancel()
	var err error
	switch l.command {
	case "":
		err = n.write(l.text)
	case "say":
		err = n.say(ctx, l)
	case "rooms":
		err = n.rooms(ctx, l)
	case "join":
		err = n.join(ctx, l)
	case "history":
		err = n.history(ctx, l)
	case "who":
		err = n.who(ctx, l)
	case "leave":
		err = n.leave(ctx, l)
	case "info":
		err = n.info(ctx)
	case "help":
		n.printer.print(event{Event: "help", Text: help, line: strings.TrimRight(help, "\n")})
	}
	if err != nil {
		n.report(err)
	}
	return true
}

// write posts a line to the current room. An empty line is nothing.
func (n *session) write(text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if n.current == "" {
		return fmt.Errorf("%q is no command and there is no current room: join a room first, or type help", shorten(text))
	}
	n.post(n.current, text)
	return nil
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}

// room gives the URI of the room a command is about, which must have been joined.
func (n *session) room(name string) (string, error) {
	if name == "" {
		if n.current == "" {
			return "", errors.New("there is no current room: join one, or name it")
		}
		return n.current, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.names[name]; known {
		return name, nil
	}
	var found []string
	for uri, known := range n.names {
		if known == name {
			return uri, nil
		}
		if strings.EqualFold(known, name) {
			found = append(found, uri)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return "", chat.Errorf(chat.Conflict, "room %q was not joined: join it first", name)
}

func (n *session) say(ctx context.Context, l line) error {
	uri, err := n.room(l.room)
	if err != nil {
		return err
	}
	n.post(uri, l.text)
	return nil
}

func (n *session) rooms(ctx context.Context, l line) error {
	rooms, err := n.client.Rooms(ctx, l.text)
	if err != nil {
		return err
	}
	for _, r := range rooms {
		e := roomEvent("room", r)
		facts := []string{strings.ToLower(string(r.Privacy))}
		if r.Type == chat.Auditorium {
			facts = append(facts, "auditorium")
		}
		if r.Participants >= 0 {
			facts = append(facts, fmt.Sprintf("%d in it", r.Participants))
		}
		e.line = fmt.Sprintf("%s  (%s)", clean(r.Name), strings.Join(facts, ", "))
		if r.Description != "" {
			e.line += "  " + clean(r.Description)
		}
		e.line += "  " + n.printer.paint(gray, r.URI)
		n.printer.print(e)
	}
	if len(rooms) == 0 && !n.printer.json {
		n.printer.print(event{line: "-- no room to be seen"})
	}
	return nil
}

func roomEvent(what string, r client.Room) event {
	e := event{Event: what, Room: r.URI, Name: r.Name, Description: r.Description, Privacy: string(r.Privacy), Type: string(r.Type)}
	if r.Participants >= 0 {
		e.Participants = &r.Participants
	}
	return e
}

func (n *session) join(ctx context.Context, l line) error {
	r, err := n.client.Join(ctx, l.room)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.names[r.URI] = r.Name
	n.mu.Unlock()
	n.current = r.URI
	e := roomEvent("joined", r)
	e.line = n.printer.paint(gray, fmt.Sprintf("-- you are in %s now", clean(r.Name)))
	n.printer.print(e)
	if l.count == 0 {
		return nil
	}
	return n.show(ctx, r.URI, l.count)
}

func (n *session) history(ctx context.Context, l line) error {
	uri, err := n.room(l.room)
	if err != nil || l.count == 0 {
		return err
	}
	return n.show(ctx, uri, l.count)
}

// show prints the last messages; a negative count leaves the number to the server.
func (n *session) show(ctx context.Context, uri string, count int) error {
	messages, err := n.client.History(ctx, uri, max(count, 0))
	if err != nil {
		return err
	}
	for _, m := range messages {
		n.message(m, true)
	}
	return nil
}

func (n *session) who(ctx context.Context, l line) error {
	uri, err := n.room(l.room)
	if err != nil {
		return err
	}
	users, err := n.client.Participants(ctx, uri)
	if err != nil {
		return err
	}
	for _, u := range users {
		n.printer.print(event{
			Event: "participant", Room: uri, Name: n.name(uri), User: string(u.URI), DisplayName: u.Name,
			line: fmt.Sprintf("%s  %s", clean(cmp.Or(u.Name, u.URI.User())), n.printer.paint(gray, clean(string(u.URI)))),
		})
	}
	return nil
}

func (n *session) leave(ctx context.Context, l line) error {
	uri, err := n.room(l.room)
	if err != nil {
		return err
	}
	if err := n.client.Part(ctx, uri); err != nil {
		return err
	}
	n.unexpect(uri)
	name := n.name(uri)
	n.mu.Lock()
	delete(n.names, uri)
	n.mu.Unlock()
	if n.current == uri {
		n.current = ""
	}
	n.printer.print(event{Event: "parted", Room: uri, Name: name, line: n.printer.paint(gray, "-- you left "+clean(name))})
	return nil
}

func (n *session) info(ctx context.Context) error {
	s, err := n.client.ServerInfo(ctx)
	if err != nil {
		return err
	}
	n.printer.print(event{
		Event: "server", Server: s.Address, Name: s.Name, Time: s.Time, MessageBytes: s.MessageSize,
		line: fmt.Sprintf("pool %s\nserver %s\nlargest message %d bytes\nserver's time %s", s.PoolURI, s.Address, s.MessageSize, n.printer.clock(s.Time)),
	})
	return nil
}
