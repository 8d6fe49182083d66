package wire

import (
	"math"
	"strconv"
	"strings"

	"chatpool.dev/chatserver/chat"
)

// readers read the data element (nil when there is none) of each command that we know.
var readers = map[string]func(data *node) (Request, error){
	"requri":          func(*node) (Request, error) { return RequestURI{}, nil },
	"getserverinfo":   func(*node) (Request, error) { return ServerInfo{}, nil },
	"getassociations": associations,
	"chansrch":        search,
	"join":            func(data *node) (Request, error) { return join(data, false) },
	"bjoin":           func(data *node) (Request, error) { return join(data, true) },
	"bccontext":       history,
	"part":            part,
	"getinv":          invitations,
}

func associations(data *node) (Request, error) {
	var a Associations
	n := data.child("association")
	if n == nil {
		return a, nil
	}
	switch kind := n.attr("type"); strings.ToUpper(kind) {
	case "", "MEMBER":
	case "MANAGER":
		a.Managed = true
	default:
		return nil, chat.FieldErrorf("association type", "%q: want MEMBER or MANAGER", kind)
	}
	var err error
	a.Max, err = number(n, "maxResults")
	return a, err
}

func search(data *node) (Request, error) {
	q := data.child("qib")
	if q == nil {
		return nil, missing("qib")
	}
	if kind := q.attr("qtype"); kind != "" && !strings.EqualFold(kind, "BYNAME") {
		return nil, chat.FieldErrorf("qib qtype", "%q: want BYNAME", kind)
	}
	s := Search{Text: strings.TrimSpace(q.attr("criteria"))}
	var err error
	if s.Descriptions, err = boolean(q, "searchDesc"); err != nil {
		return nil, err
	}
	extended, err := boolean(q, "extended")
	if err != nil {
		return nil, err
	}
	s.Descriptions = s.Descriptions || extended
	s.Max, err = number(q, "maxResults")
	return s, err
}

func join(data *node, batch bool) (Request, error) {
	list := data.all("chanid")
	switch {
	case len(list) == 0:
		return nil, missing("chanid")
	case !batch && len(list) > 1:
		return nil, chat.FieldErrorf("chanid", "%d of them: join takes one room, bjoin several", len(list))
	case len(list) > maxRooms:
		return nil, chat.FieldErrorf("chanid", "%d of them: at most %d rooms at a time", len(list), maxRooms)
	}
	j := Join{Batch: batch}
	for _, n := range list {
		r := RoomRef{Domain: n.attr("domain"), Value: n.attr("value")}
		if r.Value == "" {
			return nil, missing("chanid value")
		}
		if id, err := chat.ParseID(r.Value); err == nil {
			r.ID = id
		}
		j.Rooms = append(j.Rooms, r)
	}
	return j, nil
}

func part(data *node) (Request, error) {
	list := data.all("chanib")
	switch {
	case len(list) == 0:
		return nil, missing("chanib")
	case len(list) > maxRooms:
		return nil, chat.FieldErrorf("chanib", "%d of them: at most %d rooms at a time", len(list), maxRooms)
	}
	var p Part
	for _, n := range list {
		domain, id, err := roomURI(n, "uri")
		if err != nil {
			return nil, err
		}
		p.Rooms = append(p.Rooms, RoomRef{Domain: domain, Value: string(id), ID: id})
	}
	return p, nil
}

func history(data *node) (Request, error) {
	room := data.child("chanib")
	if room == nil {
		return nil, missing("chanib")
	}
	var h History
	var err error
	if h.Domain, h.Room, err = roomURI(room, "uri"); err != nil {
		return nil, err
	}
	q := data.child("bcq")
	if after := q.child("after"); after != nil {
		h.HasAfter = true
		p, err := position(after)
		if err != nil {
			return nil, err
		}
		h.After = p
		h.Count, err = number(after, "cnt")
		return h, err
	}
	if last := q.child("last"); last != nil {
		h.Count, err = number(last, "cnt")
	}
	return h, err
}

func position(n *node) (chat.Position, error) {
	s := n.attr("chatId")
	p, err := strconv.ParseInt(s, 10, 64)
	if err != nil || p < 0 {
		return 0, chat.FieldErrorf(n.name+" chatId", "%q: want a position, a decimal number from 0", s)
	}
	return chat.Position(p), nil
}

func invitations(data *node) (Request, error) {
	n := data.child("inv")
	if n == nil {
		return Invitations{}, nil
	}
	after, err := number(n, "inviteId")
	return Invitations{After: int64(after)}, err
}

func post(n *node) (Request, error) {
	domain, id, err := roomURI(n, "chanUri")
	if err != nil {
		return nil, err
	}
	p := Post{Domain: domain, Room: id, Author: n.attr("author"), Stamp: n.attr("ts")}
	if p.Alert, err = boolean(n, "alert"); err != nil {
		return nil, err
	}
	text := n.child("chat")
	if text == nil {
		return nil, missing("chat")
	}
	p.Text = text.text
	if rtf := n.child("rtf"); rtf != nil {
		p.RTF = rtf.text
	}
	if size := escapedLen(p.Text) + escapedLen(p.RTF); size > maxPost {
		return nil, &chat.Error{Kind: chat.TooLarge, Field: "chat",
			Text: "takes " + strconv.Itoa(size) + " bytes in XML; at most " + strconv.Itoa(maxPost) + " are allowed"}
	}
	return p, nil
}

func missing(name string) error { return chat.FieldErrorf(name, "missing") }

func roomURI(n *node, attr string) (domain string, id chat.ID, err error) {
	if domain, id, err = chat.ParseRoomURI(n.attr(attr)); err != nil {
		return "", "", chat.FieldErrorf(n.name+" "+attr, "%v", err)
	}
	return domain, id, nil
}

// number reads an optional attribute: 0 when there is none or it is -1, which clients send for "all".
func number(n *node, attr string) (int, error) {
	s := strings.TrimSpace(n.attr(attr))
	if s == "" || s == "-1" {
		return 0, nil
	}
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, chat.FieldErrorf(n.name+" "+attr, "%q: want a decimal number", s)
	}
	return int(min(v, math.MaxInt32)), nil
}

func boolean(n *node, attr string) (bool, error) {
	s := strings.TrimSpace(n.attr(attr))
	switch strings.ToLower(s) {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, chat.FieldErrorf(n.name+" "+attr, "%q: want true or false", s)
}
