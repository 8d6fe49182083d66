package wire

import (
	"time"

	"chatpool.dev/chatserver/chat"
)

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// Delivery is a message for everybody in its room, its author included: encode once, send to all.
func (e *Encoder) Delivery(m *chat.Message) []byte {
	b := e.begin(len(m.Text) + len(m.RTF) + 512)
	return append(e.appendMessage(b, "grpchat", m), "</xccos>"...)
}

func (e *Encoder) appendMessage(b []byte, element string, m *chat.Message) []byte {
	b = append(append(append(b, '<'), element...), ` id="grpchat" seqid="1"`...)
	b = appendAttr(b, "chanUri", chat.RoomURI(e.domain, m.Room))
	b = appendAttr(b, "author", string(m.Author))
	b = appendOptional(b, "authdisp", m.AuthorName)
	if m.Alert {
		b = append(b, ` alert="true"`...)
	} else {
		b = append(b, ` alert="false"`...)
	}
	b = appendNumber(b, "chatId", int64(m.Pos))
	if m.Origin != 0 {
		b = appendNumber(b, "originChatId", int64(m.Origin))
	}
	b = appendAttr(b, "ts", stamp(m.At))
	b = append(appendText(append(b, "><chat>"...), m.Text), "</chat>"...)
	if m.RTF != "" && escapedLen(m.Text)+escapedLen(m.RTF) <= maxPost {
		b = append(appendText(append(b, "<rtf>"...), m.RTF), "</rtf>"...)
	}
	return append(append(append(b, "</"...), element...), '>')
}

// appendMessages writes messages one after the other and tells where each one ends.
func (e *Encoder) appendMessages(messages []chat.Message) (b []byte, ends []int) {
	for i := range messages {
		b = e.appendMessage(b, "msg", &messages[i])
		ends = append(ends, len(b))
	}
	return b, ends
}

// History answers a bccontext query After: as many of the messages (ascending) as fit, from the first on and at least one;
// n tells how many. more says that there are further ones in the store; if not all fit it is true on the wire by itself. fork is
// not nil for somebody who asked from beyond it.
func (e *Encoder) History(to Ref, room chat.ID, messages []chat.Message, more bool, fork *chat.Position) (doc []byte, n int) {
	var b []byte
	for n < len(messages) {
		before := len(b)
		b = e.appendMessage(b, "msg", &messages[n])
		if len(b) > MaxDocument-headroom && n > 0 {
			b = b[:before]
			break
		}
		n++
	}
	return e.history(to, room, b, more || n < len(messages), fork), n
}

// Recent answers a bccontext query for the last messages (ascending): when they do not fit, the oldest are left out.
func (e *Encoder) Recent(to Ref, room chat.ID, messages []chat.Message) []byte {
	b, ends := e.appendMessages(messages)
	from := 0
	for _, end := range ends[:max(len(ends)-1, 0)] {
		if len(b)-from <= MaxDocument-headroom {
			break
		}
		from = end
	}
	return e.history(to, room, b[from:], false, nil)
}

func (e *Encoder) history(to Ref, room chat.ID, messages []byte, more bool, fork *chat.Position) []byte {
	b := appendAttr([]byte("<chanib"), "uri", chat.RoomURI(e.domain, room))
	if more {
		b = append(b, ` more="true"`...)
	}
	if fork != nil {
		b = appendNumber(b, "fork", int64(*fork))
	}
	b = append(append(append(b, '>'), messages...), "</chanib>"...)
	return e.reply(to, "bccontext", OK, b, false)
}
