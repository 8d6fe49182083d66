package sipedge

import (
	"slices"
	"strconv"
)

// redirectTag in Supported says that a client follows a redirect at any request that it opens something with (RFC 3261 8.1.3.4),
// and takes it as a hint only.
const redirectTag = "chatpool-redirect"

// opens tells whether a request signs in, or opens something outside of dialogs. Signing off does not.
func (c *connection) opens(m *message, method string) bool {
	switch method {
	case "REGISTER":
		return c.user == nil || c.expires(m) > 0
	case "INVITE", "SUBSCRIBE":
		return !m.hasDialog()
	}
	return false
}

// turnAway answers a client that is to go elsewhere: ours is told where, others are told to come back, which they do by the
// name that they know. A connection that holds nothing is closed.
func (c *connection) turnAway(m *message, method string, a *Away) bool {
	extra := []field{{"Retry-After", strconv.Itoa(a.RetryAfter)}}
	text := quotable(a.Reason)
	status := 503
	switch {
	case a.Target != "" && slices.Contains(m.tokens("supported"), redirectTag):
		status = 302
		extra = append(extra, field{"Contact", oneLine("<sip:" + a.Target + ";transport=tls>")})
	case method != "REGISTER":
		status = 480
	}
	extra = append(extra, field{"Warning", "399 " + c.server.domain + ` "` + text + `"`}, diagnosticsField(`20000;reason="`+text+`";component="GroupChat"`))
	return c.respond(m, status, "", extra...) && len(c.allDialogs()) > 0
}
