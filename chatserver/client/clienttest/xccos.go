package clienttest

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/sip"
)

// request is what a client's document can say.
type request struct {
	Envelope string `xml:"envid,attr"`
	Command  struct {
		ID   string `xml:"id,attr"`
		Data struct {
			IDs []struct {
				Value string `xml:"value,attr"`
			} `xml:"chanid"`
			Room struct {
				URI string `xml:"uri,attr"`
			} `xml:"chanib"`
			Query struct {
				Last *struct {
					Count int `xml:"cnt,attr"`
				} `xml:"last"`
				After *struct {
					Position int64 `xml:"chatId,attr"`
					Count    int   `xml:"cnt,attr"`
				} `xml:"after"`
			} `xml:"bcq"`
			Search struct {
				Text string `xml:"criteria,attr"`
			} `xml:"qib"`
		} `xml:"data"`
	} `xml:"cmd"`
	Post *struct {
		Room  string `xml:"chanUri,attr"`
		Stamp string `xml:"ts,attr"`
		Text  string `xml:"chat"`
	} `xml:"grpchat"`
}

func commandOf(m *sip.Message) string {
	var q request
	if m.Method != "INFO" || xml.Unmarshal(m.Body, &q) != nil {
		return ""
	}
	if q.Post != nil {
		return "grpchat"
	}
	return strings.TrimPrefix(q.Command.ID, "cmd:")
}

func (s *session) info(m *sip.Message) (*sip.Message, func()) {
	var q request
	if err := xml.Unmarshal(m.Body, &q); err != nil {
		return m.Answer(400, "Bad Request"), func() {}
	}
	if q.Post != nil {
		return s.post(m, &q), func() {}
	}
	command := strings.TrimPrefix(q.Command.ID, "cmd:")
	code, data, further := s.command(command, &q)
	phrase := "SUCCESS_OK"
	if code != 200 {
		phrase = "ERROR"
	}
	return m.Answer(200, "OK"), func() {
		for i, part := range append([]string{data}, further...) {
			s.notify(fmt.Sprintf(`<rpl id="rpl:%s" seqid="1"><commandid seqid="1" envid="%s"/><resp code="%d">%s</resp><data more="%t">%s</data></rpl>`,
				command, q.Envelope, code, phrase, i < len(further), part))
		}
	}
}

func (s *session) post(m *sip.Message, q *request) *sip.Message {
	r := s.pool.room(q.Post.Room)
	switch {
	case r == nil:
		return m.Answer(404, "Not Found")
	case len(q.Post.Text) > 8192:
		return m.Answer(413, "Too Large")
	case !s.joined[r]:
		a := m.Answer(403, "Forbidden")
		a.Add("Ms-Diagnostics", `20006;source="test";reason="not joined"`)
		return a
	}
	s.pool.store(r, chat.Draft{
		Room: r.id, Author: chat.Principal(s.user), Endpoint: s.endpoint, Envelope: q.Envelope, Stamp: q.Post.Stamp, Text: q.Post.Text,
	})
	return m.Answer(200, "OK")
}

// command carries a command out; its reply is in one or more documents.
func (s *session) command(name string, q *request) (code int, data string, further []string) {
	switch name {
	case "join", "bjoin":
		code, data = s.join(name, q)
	case "part":
		r := s.pool.room(q.Command.Data.Room.URI)
		if r == nil || !s.joined[r] {
			return 409, "", nil
		}
		delete(s.joined, r)
		s.pool.announce(r, s, `<ntc id="ntc:part" seqid="1"><data><chanib uri="`+r.URI+`"><uib uri="`+s.user+`"/></chanib></data></ntc>`)
		code, data = 200, `<chanib uri="`+r.URI+`"/>`
	case "bccontext":
		code, data = s.history(q)
	case "chansrch", "getassociations":
		found := s.search(q.Command.Data.Search.Text)
		return 200, found[0], found[1:]
	case "getserverinfo":
		code, data = 200, fmt.Sprintf(`<sib infoType="123" serverTime="%s" searchLimit="999" messageSizeLimit="8192" displayName="Test"/>`, time.Now().UTC().Format(time.RFC3339))
	default:
		code = 501
	}
	return code, data, further
}

func (s *session) join(name string, q *request) (int, string) {
	var b strings.Builder
	users := map[string]int{}
	for _, id := range q.Command.Data.IDs {
		r := s.pool.room(id.Value)
		if r == nil || r.closedTo[s.user] {
			if name == "join" {
				return 403, `<error text="only members may join this room"/>`
			}
			fmt.Fprintf(&b, `<fib key="OPERATION_FAILED" domain="%s" value="%s"/>`, Domain, id.Value)
			continue
		}
		if !s.joined[r] {
			s.joined[r] = true
			s.pool.announce(r, s, fmt.Sprintf(`<ntc id="ntc:join" seqid="1"><data><uib uri="%s"><aib key="3984" domain="%s" value="%s"/></uib></data></ntc>`, s.user, Domain, r.id))
		}
		var present []string
		for other := range s.pool.sessions {
			if other.joined[r] {
				if _, known := users[other.user]; !known {
					users[other.user] = len(users)
				}
				present = append(present, strconv.Itoa(users[other.user]))
			}
		}
		head := chat.Position(0)
		if len(r.messages) > 0 {
			head = r.messages[len(r.messages)-1].Pos
		}
		fmt.Fprintf(&b, `<chanib uri="%s" name="%s" description="about %s" behavior="NORMAL" lastChatId="%d"><aib key="3984" value="%s"/>`+
			`<info id="urn:parlano:ma:info:visibility">OPEN</info><prop id="urn:parlano:ma:prop:logged">True</prop></chanib>`,
			r.URI, r.Name, r.Name, int64(head), strings.Join(present, ","))
	}
	for user, id := range users {
		fmt.Fprintf(&b, `<uib id="%d" uri="%s" dispname="%s"/>`, id, user, strings.ToUpper(user[4:5])+user[5:strings.Index(user, "@")])
	}
	return 200, b.String()
}

func (s *session) history(q *request) (int, string) {
	r := s.pool.room(q.Command.Data.Room.URI)
	if r == nil || !s.joined[r] {
		return 409, `<error text="not joined"/>`
	}
	visible := slices.DeleteFunc(slices.Clone(r.messages), func(m chat.Message) bool { return r.hidden[m.Pos] })
	more, fork := false, ""
	if after := q.Command.Data.Query.After; after != nil {
		fork = r.fork(chat.Position(after.Position))
		visible = slices.DeleteFunc(visible, func(m chat.Message) bool { return int64(m.Pos) <= after.Position })
		if n := min(after.Count, s.pool.PageSize); len(visible) > n {
			visible, more = visible[:n], true
		}
	} else {
		n := 30
		if last := q.Command.Data.Query.Last; last != nil {
			n = last.Count
		}
		visible = visible[max(0, len(visible)-n):]
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<chanib uri="%s" more="%t"%s>`, r.URI, more, fork)
	for _, m := range visible {
		b.WriteString(messageElement("msg", r, m))
	}
	b.WriteString("</chanib>")
	return 200, b.String()
}

// fork is the attribute that tells somebody who has seen up to a position of an overtaken epoch where he is, or "".
func (r *Room) fork(after chat.Position) string {
	var newest chat.Position
	for _, m := range r.messages {
		if m.Pos <= after {
			newest = m.Pos
		}
	}
	if after.Epoch() >= r.epoch || newest == after {
		return ""
	}
	return fmt.Sprintf(` fork="%d"`, int64(newest))
}

// search gives the rooms in documents of two.
func (s *session) search(text string) []string {
	docs, n := []string{""}, 0
	for _, r := range s.pool.rooms {
		if strings.Contains(strings.ToLower(r.Name), strings.ToLower(text)) {
			if n == 2 {
				docs, n = append(docs, ""), 0
			}
			n++
			docs[len(docs)-1] += fmt.Sprintf(`<chanib uri="%s" name="%s" description="about %s"><info id="urn:parlano:ma:info:ucnt">0</info>`+
				`<info id="urn:parlano:ma:info:visibility">OPEN</info></chanib>`, r.URI, r.Name, r.Name)
		}
	}
	return docs
}

// announce tells everybody else in the room.
func (p *Pool) announce(r *Room, except *session, content string) {
	for s := range p.sessions {
		if s != except && s.joined[r] && s.user != except.user {
			s.notify(content)
		}
	}
}
