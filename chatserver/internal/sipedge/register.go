package sipedge

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/auth"
)

const minRegistration = time.Minute

// register binds the connection to a user, or refreshes or ends that.
func (c *connection) register(m *message) bool {
	to := m.sip.To().Address
	user := addressOfRecord(&to)
	switch {
	case !strings.EqualFold(to.Host, c.server.domain):
		return c.respond(m, 404, "Not A Domain Of This Pool")
	case m.fromUser() != user:
		return c.respond(m, 403, "From And To Differ")
	}
	if c.user == nil {
		if !c.signIn(m, user) {
			return c.out.alive()
		}
	} else if ok, alive := c.recheck(m, user); !ok {
		return alive
	}
	expires := c.expires(m)
	if expires == 0 {
		c.server.backend.SignedOff(c.user.subject, c.user.endpoint)
		c.user, c.accepted = nil, time.Now()
		for _, d := range c.allDialogs() {
			d.end()
		}
		return c.respond(m, 200, "", field{"Expires", "0"})
	}
	// what has no refresh by then is gone; the grace covers the way of the refresh
	c.registeredTo = time.Now().Add(expires + 10*time.Second)
	return c.respond(m, 200, "", c.registered(m, expires)...)
}

// signIn checks the credentials; when it returns false the request is answered.
func (c *connection) signIn(m *message, user string) bool {
	legacy := c.server.legacyDigest()
	header := m.get("authorization")
	microsoft := legacy && isMicrosoft(m)
	if microsoft {
		header = m.get("proxy-authorization")
	}
	subject, login, err := c.server.verifier.Verify(auth.Attempt{
		Method: "REGISTER", URI: m.requestURI(), Header: header, Address: c.address, Legacy: legacy,
	})
	var throttled *auth.Throttled
	switch stale := errors.Is(err, auth.ErrStale); {
	case errors.Is(err, auth.ErrChallenge) || stale:
		c.challenge(m, microsoft, legacy, stale)
		return false
	case errors.As(err, &throttled):
		c.respond(m, 503, "Too Many Failed Sign-Ins", field{"Retry-After", strconv.Itoa(int(throttled.Wait.Seconds()) + 1)})
		return false
	case err != nil:
		c.refuse(m, err)
		return false
	case string(subject.User) != user:
		c.respond(m, 403, "Not Your Address")
		return false
	}
	c.user = &identity{subject: subject, login: login, endpoint: endpoint(m)}
	c.log.Info("signed in", "user", user, "endpoint", c.user.endpoint)
	return true
}

func (c *connection) challenge(m *message, microsoft, legacy, stale bool) {
	if microsoft {
		c.respond(m, 407, "", field{"Proxy-Authenticate", c.server.verifier.ProxyChallenge(stale)})
		return
	}
	var extra []field
	for _, v := range c.server.verifier.Challenges(legacy, stale) {
		extra = append(extra, field{"WWW-Authenticate", v})
	}
	c.respond(m, 401, "", extra...)
}

// isMicrosoft recognises clients of the Microsoft family: they understand Digest in a 407 and not in a 401.
func isMicrosoft(m *message) bool {
	return m.has("ms-keep-alive") || strings.EqualFold(m.get("event"), "registration") ||
		strings.HasPrefix(m.get("user-agent"), "UCCAPI/")
}

// recheck makes sure at a refresh that the user is still let in; when ok is false the request is answered.
func (c *connection) recheck(m *message, user string) (ok, alive bool) {
	if string(c.user.subject.User) != user {
		return false, c.respond(m, 403, "From Is Not The Signed-In User")
	}
	_, subject, err := c.server.backend.Credential(c.user.login, "SHA-256", c.server.domain)
	switch {
	case chat.Is(err, chat.Denied) || chat.Is(err, chat.NotFound):
		c.refuse(m, err)
		return false, false
	case err == nil:
		c.user.subject = subject
	}
	return true, true
}

// expires is how long the registration is to last; 0 ends it.
func (c *connection) expires(m *message) time.Duration {
	asked := m.get("expires")
	if contact := m.get("contact"); asked == "" {
		if i := strings.LastIndex(strings.ToLower(contact), ";expires="); i >= 0 {
			asked, _, _ = strings.Cut(contact[i+len(";expires="):], ";")
		}
	}
	most := c.server.limits.Registration
	seconds, err := strconv.ParseUint(strings.TrimSpace(asked), 10, 31)
	if err != nil {
		return most
	}
	if seconds == 0 {
		return 0
	}
	return min(max(time.Duration(seconds)*time.Second, minRegistration), most)
}

// registered are the headers of the 200. Supported and Allow-Events are each a line of their own, because pidgin-sipe
// compares whole lines.
func (c *connection) registered(m *message, expires time.Duration) []field {
	seconds := strconv.Itoa(int(expires.Seconds()))
	out := []field{{"Expires", seconds}}
	if contact := m.get("contact"); contact != "" {
		if !strings.Contains(strings.ToLower(contact), ";expires=") {
			contact += ";expires=" + seconds
		}
		out = append(out, field{"Contact", contact})
	}
	out = append(out, field{"Supported", "msrtc-event-categories"}, field{"Allow-Events", provisioningEvent})
	if m.has("ms-keep-alive") {
		half := strconv.Itoa(int(c.server.limits.IdleTimeout.Seconds() / 2))
		out = append(out, field{"ms-keep-alive", "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=" + half})
	}
	return out
}

// endpoint tells devices of a user apart: parameter epid of From, or else what stays the same while a client signs in.
func endpoint(m *message) string {
	if epid := param(m.sip.From().Params, "epid"); epid != "" && len(epid) <= 64 {
		return epid
	}
	sum := sha256.Sum256([]byte(m.get("call-id")))
	return hex.EncodeToString(sum[:6])
}
