package clienttest

import (
	"bufio"
	"crypto/md5"
	"encoding/xml"
	"fmt"
	"net"
	"strings"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/sip"
)

const nonce = "0123456789abcdef"

// maxQueue is how many frames may wait for a slow client before it is cut off.
const maxQueue = 1000

// session is one connection of a client.
type session struct {
	pool     *Pool
	server   *Server
	conn     net.Conn
	out      chan []byte
	user     string
	endpoint string
	dialog   *sip.Message // the INVITE
	cseq     int
	joined   map[*Room]bool
	swapped  [][]byte // deliveries that wait for the next one
}

func newSession(p *Pool, s *Server, conn net.Conn) *session {
	return &session{pool: p, server: s, conn: conn, out: make(chan []byte, maxQueue), joined: map[*Room]bool{}}
}

func (s *session) serve(r *bufio.Reader) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		for b := range s.out {
			if _, err := s.conn.Write(b); err != nil {
				_ = s.conn.Close()
			}
		}
	}()
	for {
		m, err := sip.Read(r)
		if err != nil {
			break
		}
		if !m.Blank() && m.Method != "" && m.Method != "ACK" && !s.handle(m) {
			break
		}
	}
	s.pool.mu.Lock()
	delete(s.pool.sessions, s)
	for room := range s.joined {
		s.pool.announce(room, s, `<ntc id="ntc:part" seqid="1"><data><chanib uri="`+room.URI+`"><uib uri="`+s.user+`"/></chanib></data></ntc>`)
	}
	s.joined = map[*Room]bool{}
	close(s.out)
	s.pool.mu.Unlock()
	<-written
}

// handle does what OnRequest says and tells whether the connection stays.
func (s *session) handle(m *sip.Message) bool {
	s.pool.mu.Lock()
	s.pool.requests++
	q := Request{N: s.pool.requests, Server: s.server.Addr, User: s.user, Method: m.Method, Command: commandOf(m)}
	s.pool.mu.Unlock()
	action := Handle
	if s.pool.OnRequest != nil {
		action = s.pool.OnRequest(q)
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	switch action {
	case CutBefore:
		return false
	case Refuse:
		s.refuse(m)
		return true
	case Forbid:
		a := m.Answer(403, "Forbidden")
		a.Add("Ms-Diagnostics", `20010;source="test";reason="not provisioned"`)
		s.send(a)
		return true
	case Away:
		a := m.Answer(302, "Moved Temporarily")
		a.Add("Contact", s.pool.Elsewhere)
		a.Add("Retry-After", "1")
		s.send(a)
		return true
	case Gone:
		s.send(m.Answer(481, "Call/Transaction Does Not Exist"))
		return false
	}
	answer, after := s.act(m)
	switch action {
	case CutAfter:
		return false
	case RefuseStored:
		s.refuse(m)
	case Ignore:
	default:
		s.send(answer)
	}
	if action != Ignore {
		after()
	}
	return true
}

func (s *session) refuse(m *sip.Message) {
	s.pool.refused++
	a := m.Answer(503, "Service Unavailable")
	a.Add("Retry-After", "1")
	a.Add("Ms-Diagnostics", `20000;source="test";reason="Chat service busy";component="GroupChat"`)
	s.send(a)
}

// act carries a request out. What comes after the answer (a command's reply) is in the function it returns.
func (s *session) act(m *sip.Message) (*sip.Message, func()) {
	nothing := func() {}
	switch m.Method {
	case "REGISTER":
		return s.register(m), nothing
	case "SUBSCRIBE":
		a := m.Answer(200, "OK")
		a.Body = []byte(`<provisionGroupList xmlns="http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-notification">` +
			`<provisionGroup name="persistentChatConfiguration"><propertyEntryList><property name="EnablePersistentChat">true</property>` +
			`<property name="DefaultPersistentChatPoolUri">sip:pool@` + Domain + `</property>` + s.named() + `</propertyEntryList></provisionGroup></provisionGroupList>`)
		return a, nothing
	case "INVITE":
		if s.user == "" {
			return m.Answer(401, "Unauthorized"), nothing
		}
		s.dialog = m
		s.pool.sessions[s] = true
		a := m.Answer(200, "OK")
		for i := range a.Header {
			if a.Header[i].Name == "To" {
				a.Header[i].Value += ";tag=server"
			}
		}
		a.Add("Contact", "<sip:pool@"+s.server.Addr+">")
		a.Add("Session-Expires", "1800")
		return a, nothing
	case "INFO":
		if s.dialog == nil || s.dialog.Get("Call-ID") != m.Get("Call-ID") {
			return m.Answer(481, "Call/Transaction Does Not Exist"), nothing
		}
		return s.info(m)
	}
	return m.Answer(200, "OK"), nothing
}

func (s *session) named() string {
	if s.pool.Named == nil {
		return ""
	}
	return `<property name="ChatpoolSite">` + s.server.Site + `</property><property name="ChatpoolServers">` + strings.Join(s.pool.Named, ";") + `</property>`
}

func (s *session) register(m *sip.Message) *sip.Message {
	authorization := m.Get("Authorization")
	if authorization == "" {
		a := m.Answer(401, "Unauthorized")
		a.Add("WWW-Authenticate", `Digest realm="`+Domain+`", nonce="`+nonce+`", algorithm=MD5, qop="auth"`)
		a.Add("WWW-Authenticate", `Digest realm="`+Domain+`", nonce="`+nonce+`", algorithm=SHA-256, qop="auth"`)
		return a
	}
	p := map[string]string{}
	for _, f := range strings.Split(strings.TrimPrefix(authorization, "Digest "), ", ") {
		k, v, _ := strings.Cut(f, "=")
		p[k] = strings.Trim(v, `"`)
	}
	h := digestOf
	if p["algorithm"] == "MD5" {
		h = func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	}
	password, known := s.pool.passwords[p["username"]]
	ha1 := h(p["username"] + ":" + Domain + ":" + password)
	want := h(strings.Join([]string{ha1, nonce, p["nc"], p["cnonce"], "auth", h("REGISTER:" + m.URI)}, ":"))
	if !known || p["response"] != want {
		a := m.Answer(401, "Unauthorized")
		a.Add("WWW-Authenticate", `Digest realm="`+Domain+`", nonce="`+nonce+`", algorithm=SHA-256, qop="auth"`)
		return a
	}
	s.user = sip.Address(m.Get("From"))
	s.endpoint = sip.Param(m.Get("From"), "epid")
	a := m.Answer(200, "OK")
	a.Add("Expires", "600")
	return a
}

func (s *session) send(m *sip.Message) { s.queue(m.Append(nil)) }

// queue hands a frame to the writer; a client that is too slow is cut off.
func (s *session) queue(b []byte) {
	select {
	case s.out <- b:
	default:
		_ = s.conn.Close()
	}
}

// notify sends a document in an INFO of the dialog.
func (s *session) notify(content string) { s.queue(s.frame(content)) }

func (s *session) frame(content string) []byte {
	s.cseq++
	m := &sip.Message{Method: "INFO", URI: sip.Address(s.dialog.Get("Contact"))}
	m.Add("Via", "SIP/2.0/TCP "+s.server.Addr+";branch=z9hG4bKtest")
	m.Add("From", s.dialog.Get("To")+";tag=server")
	m.Add("To", s.dialog.Get("From"))
	m.Add("Call-ID", s.dialog.Get("Call-ID"))
	m.Add("CSeq", fmt.Sprintf("%d INFO", s.cseq))
	m.Add("Content-Type", "text/plain")
	m.Body = fmt.Appendf(nil, `<xccos ver="1" envid="%d" xmlns="urn:parlano:xml:ns:xccos">%s</xccos>`, s.cseq, content)
	return m.Append(nil)
}

func (s *session) deliver(r *Room, m chat.Message) {
	what := Deliver
	if s.pool.OnDeliver != nil {
		what = s.pool.OnDeliver(s.user, m.Pos)
	}
	content := messageElement("grpchat", r, m)
	switch what {
	case Lose:
		return
	case Swap:
		s.swapped = append(s.swapped, s.frame(content))
		return
	case Cut:
		_ = s.conn.Close()
		return
	case Double:
		s.notify(content)
	}
	s.notify(content)
	for _, b := range s.swapped {
		s.queue(b)
	}
	s.swapped = nil
}

func messageElement(name string, r *Room, m chat.Message) string {
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(m.Text)) // a strings.Builder never fails
	origin := ""
	if m.Origin != 0 {
		origin = fmt.Sprintf(` originChatId="%d"`, int64(m.Origin))
	}
	return fmt.Sprintf(`<%s id="grpchat" seqid="1" chanUri="%s" author="%s" authdisp="" alert="false" chatId="%d"%s ts="%s"><chat>%s</chat></%s>`,
		name, r.URI, m.Author, int64(m.Pos), origin, m.At.Format("2006-01-02T15:04:05.000000Z"), text.String(), name)
}
