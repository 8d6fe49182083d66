package sipedge

import (
	"strconv"

	"github.com/emiago/sipgo/sip"

	"chatpool.dev/chatserver/chat"
)

// handle deals with a message; false ends the connection.
func (c *connection) handle(m *message) bool {
	if m.isResponse() {
		if parsed, err := parse(m); err == nil {
			c.handleResponse(parsed)
		}
		return true
	}
	if r := examine(m); r != nil {
		if m.method() == "ACK" {
			return true
		}
		if !answerable(m) {
			return false
		}
		return c.respond(m, r.status, r.reason, r.extra...)
	}
	method := m.method()
	if c.opens(m, method) {
		if away := c.server.backend.Away(); away != nil {
			return c.turnAway(m, method, away)
		}
	}
	switch {
	case method == "REGISTER":
		return c.register(m)
	case method == "OPTIONS" && !m.hasDialog():
		return c.respond(m, 200, "", allow, field{"Accept", "application/sdp, text/plain"})
	case c.user == nil:
		return method == "ACK" || c.respond(m, 403, "Sign In With REGISTER First")
	case m.fromUser() != string(c.user.subject.User):
		return method == "ACK" || c.respond(m, 403, "From Is Not The Signed-In User")
	case m.hasDialog():
		return c.inDialog(m, method)
	}
	switch method {
	case "INVITE":
		return c.invite(m)
	case "SUBSCRIBE":
		return c.subscribe(m)
	case "ACK":
		return true
	case "CANCEL":
		return c.cancel(m)
	}
	return c.respond(m, 481, "")
}

func (m *message) hasDialog() bool { return m.toTag() != "" }

// respond answers a request; false when the connection is lost.
func (c *connection) respond(m *message, status int, reason string, extra ...field) bool {
	return c.respondWith(m, status, reason, c.tag, extra, nil)
}

func (c *connection) respondWith(m *message, status int, reason, tag string, extra []field, body []byte) bool {
	c.server.metrics.answered(m.method(), status)
	return c.out.send(response(m, status, reason, tag, extra, body), nil) == nil
}

// refusals are the ids of ms-diagnostics for a user who is not let in ([MS-OCER]).
var refusals = map[chat.Kind]int{chat.Denied: 20010, chat.TooLarge: 20009, chat.Unavailable: 20000}

// refuse answers a request with what an error of the core means in SIP. Its text comes in Warning (RFC 3261 20.43), which
// pidgin-sipe shows to the user, and in ms-diagnostics.
func (c *connection) refuse(m *message, err error) bool {
	kind := chat.KindOf(err)
	status := map[chat.Kind]int{chat.Invalid: 400, chat.Denied: 403, chat.NotFound: 404, chat.TooLarge: 486}[kind]
	text := quotable(err.Error())
	extra := []field{{"Warning", "399 " + c.server.domain + ` "` + text + `"`}}
	if status == 0 {
		status = 503
		extra = append(extra, field{"Retry-After", "5"})
	}
	if id := refusals[kind]; id != 0 {
		extra = append(extra, diagnosticsField(strconv.Itoa(id)+`;reason="`+text+`";component="GroupChat"`))
	}
	return c.respond(m, status, "", extra...)
}

func diagnosticsField(value string) field { return field{"ms-diagnostics", oneLine(value)} }

// handleResponse takes an answer to one of our requests.
func (c *connection) handleResponse(parsed sip.Message) {
	r, ok := parsed.(*sip.Response)
	if !ok || r.From() == nil || r.CSeq() == nil || r.CallID() == nil || r.StatusCode < 200 {
		return
	}
	if d := c.dialog(r.CallID().Value(), param(r.From().Params, "tag")); d != nil {
		d.answered(r.CSeq().SeqNo, r.StatusCode)
	}
}
