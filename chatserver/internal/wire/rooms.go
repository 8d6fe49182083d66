package wire

import (
	"strconv"
	"strings"

	"chatpool.dev/chatserver/chat"
)

// Rooms answers cmd:chansrch and cmd:getassociations (name: of the command) in one or several documents.
func (e *Encoder) Rooms(to Ref, name string, rooms []Room) [][]byte {
	p := e.replies(to, name)
	for i := range rooms {
		p.add(append(e.appendRoom(nil, &rooms[i], ""), "</chanib>"...), nil)
	}
	return p.done()
}

func (e *Encoder) replies(to Ref, name string) *pages {
	return &pages{finish: func(data []byte, more bool) []byte { return e.reply(to, name, OK, data, more) }}
}

var (
	behaviors    = map[chat.RoomType]string{chat.Normal: "NORMAL", chat.Auditorium: "AUDITORIUM"}
	visibilities = map[chat.Privacy]string{chat.Open: "OPEN", chat.Closed: "SCOPED", chat.Secret: "PRIVATE"}
)

// appendRoom writes a chanib element without its end tag. attrs are further attributes, ready to be written.
func (e *Encoder) appendRoom(b []byte, r *Room, attrs string) []byte {
	b = appendAttr(append(b, "<chanib"...), "uri", chat.RoomURI(e.domain, r.Room.ID))
	b = appendAttr(b, "name", r.Room.Name)
	b = appendAttr(b, "description", r.Room.Description)
	b = appendOptional(b, "topic", r.Room.Description)
	b = appendAttr(b, "parent", chat.CategoryURI(e.domain, r.Room.CategoryID))
	b = appendAttr(b, "behavior", behaviors[r.Room.Type])
	b = appendAttr(b, "disabled", strconv.FormatBool(r.Room.Disabled))
	b = append(append(b, attrs...), '>')
	for _, info := range [][2]string{
		{"info:ucnt", strconv.Itoa(r.Count)},
		{"info:visibilty", visibilities[r.Room.Privacy]}, // so do clients of old spell it
		{"info:visibility", visibilities[r.Room.Privacy]},
		{"prop:logged", truth(r.Category.ChatHistory)},
		{"prop:filepost", truth(r.Category.FileUpload)},
		{"prop:invite", truth(r.Category.Invitations && r.Room.Invitations != chat.Off)},
	} {
		element, _, _ := strings.Cut(info[0], ":")
		b = append(append(b, '<'), element...)
		b = append(append(append(b, ` id="urn:parlano:ma:`...), info[0]...), `">`...)
		b = append(append(b, info[1]...), "</"...)
		b = append(append(b, element...), '>')
	}
	return b
}

func truth(v bool) string {
	if v {
		return "True"
	}
	return "False"
}
