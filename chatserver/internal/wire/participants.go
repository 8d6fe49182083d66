package wire

import (
	"strconv"

	"chatpool.dev/chatserver/chat"
)

// The keys of aib elements are bits of rights. These hold the rights of the 2007 R2 and of the 2013 clients together;
// pidgin-sipe shows as manager whoever has keyManager and nothing else.
const (
	keyMember    = 3984
	keyManager   = 12276
	keyPresenter = 4096 // is added
)

func key(p *Participant) int {
	k := keyMember
	if p.Manager {
		k = keyManager
	}
	if p.Presenter {
		k += keyPresenter
	}
	return k
}

// Joined answers cmd:join and cmd:bjoin (name: of the command) in one or several documents. failed are the rooms of a
// batch that could not be entered. A list of participants that does not fit a document is left out.
func (e *Encoder) Joined(to Ref, name string, rooms []Joined, failed []RoomRef) [][]byte {
	p := e.replies(to, name)
	ids := map[chat.Principal]int{} // of the uib elements in the open document
	for i := range rooms {
		room, users := e.appendJoined(&rooms[i], ids)
		if !p.fits(len(room) + len(users)) {
			if len(p.head) > 0 {
				p.flush(true)
			}
			clear(ids)
			room, users = e.appendJoined(&rooms[i], ids)
		}
		if !p.fits(len(room) + len(users)) {
			clear(ids)
			alone := rooms[i]
			alone.Participants = nil
			room, users = e.appendJoined(&alone, ids)
		}
		p.add(room, users)
	}
	for _, f := range failed {
		b := appendAttr([]byte(`<fib key="OPERATION_FAILED"`), "domain", f.Domain)
		p.add(nil, append(appendAttr(b, "value", f.Value), "/>"...))
	}
	return p.done()
}

// appendJoined writes a room, and the users who are not among ids yet.
func (e *Encoder) appendJoined(j *Joined, ids map[chat.Principal]int) (room, users []byte) {
	room = e.appendRoom(nil, &j.Room, string(appendNumber(nil, "lastChatId", int64(j.Head))))
	var keys []int
	values := map[int][]byte{}
	for i := range j.Participants {
		u := &j.Participants[i]
		id, known := ids[u.User]
		if !known {
			id = len(ids)
			ids[u.User] = id
			users = append(e.appendUser(users, id, u), "/>"...)
		}
		k := key(u)
		if values[k] == nil {
			keys = append(keys, k)
		} else {
			values[k] = append(values[k], ',')
		}
		values[k] = strconv.AppendInt(values[k], int64(id), 10)
	}
	for _, k := range keys {
		room = appendNumber(append(room, "<aib"...), "key", int64(k))
		room = append(append(append(room, ` value="`...), values[k]...), `"/>`...)
	}
	return append(room, "</chanib>"...), users
}

// appendUser writes an uib element without its end; 5 is the type of a user.
func (e *Encoder) appendUser(b []byte, id int, p *Participant) []byte {
	b = appendNumber(append(b, "<uib"...), "id", int64(id))
	b = appendAttr(b, "uri", string(p.User))
	b = appendAttr(append(b, ` type="5"`...), "uname", p.User.User())
	return appendOptional(b, "dispname", p.Name)
}

// Entered tells those in a room who has come in (ntc:join), in one or several documents.
func (e *Encoder) Entered(room chat.ID, users []Participant) [][]byte {
	p := e.notices("join")
	for i := range users {
		b := append(e.appendUser(nil, i, &users[i]), "><aib"...)
		b = appendAttr(appendNumber(b, "key", int64(key(&users[i]))), "domain", e.domain)
		b = appendAttr(b, "value", string(room))
		p.add(append(b, "/></uib>"...), nil)
	}
	return p.done()
}

// Left tells those in a room who has left it (ntc:part), in one or several documents.
func (e *Encoder) Left(room chat.ID, users []chat.Principal) [][]byte {
	open := append(appendAttr([]byte("<chanib"), "uri", chat.RoomURI(e.domain, room)), '>')
	p := &pages{finish: func(data []byte, _ bool) []byte {
		return e.notice("part", append(append(append([]byte{}, open...), data...), "</chanib>"...))
	}}
	for _, u := range users {
		p.add(append(appendAttr([]byte("<uib"), "uri", string(u)), "/>"...), nil)
	}
	return p.done()
}

// Kicked tells a user that he is out of a room, because he lost the right to be in it (ntc:kick).
func (e *Encoder) Kicked(room chat.ID) []byte {
	return e.notice("kick", append(appendAttr([]byte("<chanib"), "uri", chat.RoomURI(e.domain, room)), "/>"...))
}

func (e *Encoder) notices(name string) *pages {
	return &pages{finish: func(data []byte, _ bool) []byte { return e.notice(name, data) }}
}
