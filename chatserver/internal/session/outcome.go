package session

import (
	"fmt"
	"strings"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/sipedge"
)

// Numbers of the header ms-diagnostics ([MS-OCER]).
const (
	serviceBusy  = 20000
	serviceError = 20007
	queueFull    = 20011
)

// retryAfter is how many seconds a client waits before it sends again what was answered 503.
const retryAfter = 1

// statuses is the one table from kinds of errors to the SIP status of a document's answer.
var statuses = map[chat.Kind]int{
	chat.Invalid:     400,
	chat.Denied:      403,
	chat.NotFound:    404,
	chat.Conflict:    403,
	chat.TooLarge:    413,
	chat.Unavailable: 503,
}

// outcome is the answer to a document that was not done.
func (s *Server) outcome(err error) sipedge.Answer {
	a := sipedge.Answer{Status: statuses[chat.KindOf(err)]}
	if a.Status == 503 {
		a.RetryAfter = retryAfter
		a.Diagnostics = s.diagnostics(serviceBusy, reason(err))
	} else {
		a.Diagnostics = s.diagnostics(serviceError, reason(err))
	}
	return a
}

// reason tells a client why. What cannot be done now has causes that are none of his business, such as addresses of
// the database: they are for the log.
func reason(err error) string {
	if chat.KindOf(err) == chat.Unavailable {
		return "not possible now: try again"
	}
	return err.Error()
}

// busy is the answer to a document that there is no room for now.
func (s *Server) busy(reason string) sipedge.Answer {
	return sipedge.Answer{Status: 503, RetryAfter: retryAfter, Diagnostics: s.diagnostics(queueFull, reason)}
}

func (s *Server) diagnostics(number int, reason string) string {
	return fmt.Sprintf(`%d;source="%s";reason="%s"`, number, quotable(s.Name), quotable(reason))
}

// quotable leaves out of a text what cannot stand in a quoted string of a header.
func quotable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	}, text)
}
