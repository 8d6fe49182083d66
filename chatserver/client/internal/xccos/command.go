package xccos

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"chatpool.dev/chatserver/chat"
)

func escape(s string) string {
	if !strings.ContainsAny(s, "<>&'\"\t\r\n") {
		return s
	}
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer never fails
	return b.String()
}

func document(envelope, content string) []byte {
	return fmt.Appendf(nil, `<xccos ver="1" envid="%s" xmlns="%s">%s</xccos>`, escape(envelope), Namespace, content)
}

func command(envelope, name, data string) []byte {
	return document(envelope, fmt.Sprintf(`<cmd id="cmd:%s" seqid="1"><data>%s</data></cmd>`, name, data))
}

// Join asks to enter rooms of a domain: cmd:join for one, cmd:bjoin for more.
func Join(envelope, domain string, rooms ...chat.ID) []byte {
	var b strings.Builder
	for i, id := range rooms {
		fmt.Fprintf(&b, `<chanid key="%d" domain="%s" value="%s"/>`, i, escape(domain), escape(string(id)))
	}
	if len(rooms) == 1 {
		return command(envelope, "join", b.String())
	}
	return command(envelope, "bjoin", b.String())
}

// Part leaves a room.
func Part(envelope, room string) []byte {
	return command(envelope, "part", fmt.Sprintf(`<chanib uri="%s"/>`, escape(room)))
}

// Last asks for the newest n messages of a room; n 0 leaves the number to the server.
func Last(envelope, room string, n int) []byte {
	query := ""
	if n > 0 {
		query = fmt.Sprintf(`<bcq><last cnt="%d"/></bcq>`, n)
	}
	return command(envelope, "bccontext", fmt.Sprintf(`<chanib uri="%s"/>%s`, escape(room), query))
}

// After asks for at most n messages of a room that come after a position, oldest first.
func After(envelope, room string, after chat.Position, n int) []byte {
	return command(envelope, "bccontext", fmt.Sprintf(`<chanib uri="%s"/><bcq><after chatId="%d" cnt="%d"/></bcq>`, escape(room), int64(after), n))
}

// Search asks for the rooms whose name has the text in it; without text, for all that the user may see.
func Search(envelope, text string) []byte {
	return command(envelope, "chansrch", fmt.Sprintf(`<qib qtype="BYNAME" criteria="%s" extended="false"/>`, escape(text)))
}

// Associations asks for the rooms in which the user has a role: MEMBER or MANAGER.
func Associations(envelope, domain, role string) []byte {
	return command(envelope, "getassociations", fmt.Sprintf(`<association domain="%s" type="%s"/>`, escape(domain), escape(role)))
}

// Server asks what the server says about itself.
func Server(envelope, domain string) []byte {
	return command(envelope, "getserverinfo", fmt.Sprintf(`<sib domain="%s" infoType="123"/>`, escape(domain)))
}

// Post is a message to a room. The stamp is the client's own time; it belongs to what makes the post unique.
func Post(envelope, room, author, stamp, text string) []byte {
	return document(envelope, fmt.Sprintf(`<grpchat id="grpchat" seqid="1" chanUri="%s" author="%s" ts="%s"><chat>%s</chat></grpchat>`,
		escape(room), escape(author), escape(stamp), escape(text)))
}
