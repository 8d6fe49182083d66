package sipedge

import (
	"net"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
)

// invite opens a dialog.
func (c *connection) invite(m *message) bool {
	sdp := field{"Accept", "application/sdp"}
	switch {
	case m.fromTag() == "":
		return c.respond(m, 400, "From Has No Tag")
	case contactURI(m) == "":
		return c.respond(m, 400, "Missing Header Contact")
	case len(m.body) > 0 && m.mediaType() != "application/sdp":
		return c.respond(m, 415, "", sdp)
	case c.hasInvite(m):
		return c.respond(m, 482, "") // the same request by two ways (RFC 3261 8.2.2.2)
	case len(c.allDialogs()) >= c.server.limits.Dialogs:
		return c.refuse(m, chat.Errorf(chat.TooLarge, "too many dialogs on this connection"))
	}
	answer, ok := answerSDP(m.body, c.localIP())
	if !ok {
		return c.respond(m, 488, "")
	}
	d := c.newDialog(m)
	session, err := c.server.backend.Open(c.user.subject, c.user.endpoint, m.requestURI(), d)
	if err != nil {
		d.mu.Lock()
		d.state = ended
		d.mu.Unlock()
		return c.refuse(m, err)
	}
	d.session = session
	accept := response(m, 200, "", d.localTag, []field{
		{"Contact", d.contact(m)}, allow, {"Content-Type", "application/sdp"},
	}, answer)
	c.server.metrics.answered("INVITE", 200)
	c.server.metrics.dialogs.Inc()
	c.mu.Lock()
	c.dialogs[dialogKey(d.callID, d.localTag)] = d
	moving := c.moving
	c.mu.Unlock()
	d.mu.Lock()
	d.accept, d.retry = accept, 500*time.Millisecond
	d.giveUp = time.Now().Add(c.server.limits.TransactionTimeout)
	d.arm(d.retry)
	d.mu.Unlock()
	sent := c.out.send(accept, nil) == nil
	if moving {
		d.Close(Moved)
	}
	return sent
}

func (c *connection) newDialog(m *message) *dialog {
	d := &dialog{
		c: c, callID: m.sip.CallID().Value(), localTag: randomHex(8), remoteTag: m.fromTag(),
		invite: m.cseq(), lastCSeq: m.cseq(), answering: map[uint32]bool{}, gone: make(chan struct{}),
	}
	d.prefix = " " + contactURI(m) + " SIP/2.0\r\nVia: SIP/2.0/" + c.transport + " " + c.conn.LocalAddr().String() +
		";branch=z9hG4bK" + d.localTag
	d.suffix = "\r\nMax-Forwards: 70\r\nFrom: " + m.get("to") + ";tag=" + d.localTag + "\r\nTo: " + m.get("from") +
		"\r\nCall-ID: " + m.get("call-id") + "\r\nContact: " + d.contact(m) + "\r\nCSeq: "
	return d
}

// hasInvite tells whether a dialog came of the same INVITE.
func (c *connection) hasInvite(m *message) bool {
	for _, d := range c.allDialogs() {
		if d.callID == m.sip.CallID().Value() && d.remoteTag == m.fromTag() && d.invite == m.cseq() {
			return true
		}
	}
	return false
}

// contact is our Contact in the dialog: the URI that the client invited, which leads to any of our servers.
func (d *dialog) contact(m *message) string {
	uri := m.sip.To().Address
	uri.UriParams, uri.Headers = nil, nil
	return "<" + uri.String() + ">"
}

// contactURI is the URI in the client's Contact, or "".
func contactURI(m *message) string {
	v := m.get("contact")
	if _, rest, ok := strings.Cut(v, "<"); ok {
		uri, _, closed := strings.Cut(rest, ">")
		if !closed || strings.ContainsAny(uri, " \t\"") {
			return ""
		}
		return uri
	}
	uri, _, _ := strings.Cut(v, ";")
	if uri = strings.TrimSpace(uri); strings.ContainsAny(uri, " \t\"*") {
		return ""
	}
	return uri
}

// reinvite answers a refresh of the dialog by INVITE: nothing changes.
func (c *connection) reinvite(d *dialog, m *message) bool {
	if len(m.body) > 0 && m.mediaType() != "application/sdp" {
		return c.respond(m, 415, "", field{"Accept", "application/sdp"})
	}
	answer, ok := answerSDP(m.body, c.localIP())
	if !ok {
		return c.respond(m, 488, "")
	}
	return c.respondWith(m, 200, "", d.localTag, []field{{"Contact", d.contact(m)}, allow, {"Content-Type", "application/sdp"}}, answer)
}

// cancel answers CANCEL: an INVITE is always answered before its CANCEL can come.
func (c *connection) cancel(m *message) bool {
	if c.hasInvite(m) {
		return c.respond(m, 200, "")
	}
	return c.respond(m, 481, "")
}

func (c *connection) localIP() string {
	host, _, err := net.SplitHostPort(c.conn.LocalAddr().String())
	if err != nil {
		return "127.0.0.1"
	}
	return host
}

// answerSDP answers an offer (RFC 3264): the message stream is taken, every other one refused. Without an offer it makes
// one. ok is false for an offer without a message stream.
func answerSDP(offer []byte, ip string) (answer []byte, ok bool) {
	family := "IP4"
	if strings.Contains(ip, ":") {
		family = "IP6"
	}
	var b strings.Builder
	b.WriteString("v=0\r\no=- 0 0 IN " + family + " " + ip + "\r\ns=session\r\nc=IN " + family + " " + ip + "\r\nt=0 0\r\n")
	if len(offer) == 0 {
		offer = []byte("m=message 5060 sip null\r\n")
	}
	for line := range strings.Lines(string(offer)) {
		media, isMedia := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "m=")
		if !isMedia {
			continue
		}
		words := strings.Fields(media)
		if len(words) < 4 {
			return nil, false
		}
		if port, err := strconv.Atoi(words[1]); (words[0] == "message" || words[0] == "x-ms-message") && err == nil && port > 0 && !ok {
			ok = true
			b.WriteString("m=" + strings.Join(words, " ") + "\r\na=accept-types:text/plain\r\n")
			continue
		}
		words[1] = "0"
		b.WriteString("m=" + strings.Join(words, " ") + "\r\n")
	}
	return []byte(b.String()), ok
}
