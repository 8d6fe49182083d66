package sipedge

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// refusal is an answer that the head of a request alone calls for.
type refusal struct {
	status int
	reason string // "" = the status's phrase
	extra  []field
}

var parser = sip.NewParser()

// supported are the methods that we answer with more than a refusal.
var supported = []string{"REGISTER", "SUBSCRIBE", "INVITE", "ACK", "INFO", "UPDATE", "BYE", "CANCEL", "OPTIONS"}

// known are methods of SIP and of its Microsoft dialect that we do not offer.
var known = map[string]bool{"MESSAGE": true, "NOTIFY": true, "REFER": true, "PRACK": true, "PUBLISH": true, "SERVICE": true}

var allow = field{"Allow", strings.Join(supported, ", ")}

// examine parses a request and tells what is wrong with it by itself; nil = nothing.
func examine(m *message) *refusal {
	parts := strings.Split(m.start, " ")
	if len(parts) != 3 || !isToken(parts[0]) || parts[1] == "" {
		return &refusal{status: 400, reason: "Bad Request Line"}
	}
	switch version := strings.ToUpper(parts[2]); {
	case !strings.HasPrefix(version, "SIP/"):
		return &refusal{status: 400, reason: "Bad Request Line"}
	case version != "SIP/2.0":
		return &refusal{status: 505}
	}
	if r := examineURI(parts[1]); r != nil {
		return r
	}
	if r := examineFields(m); r != nil {
		return r
	}
	parsed, err := parse(m)
	if err != nil || parsed.From() == nil || parsed.To() == nil || parsed.CSeq() == nil || parsed.CallID() == nil {
		return &refusal{status: 400, reason: "Malformed Header"}
	}
	if strings.TrimSpace(string(parsed.CSeq().MethodName)) != parts[0] {
		return &refusal{status: 400, reason: "CSeq Does Not Match Method"}
	}
	m.sip = parsed
	return examineNeeds(m, parts[0])
}

// parse hands the head to sipgo. A parser of others that panics costs a message, not the server.
func parse(m *message) (parsed sip.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("sip parser: %v", r)
		}
	}()
	parsed, _, err = parser.ParseHeaders(m.text(), false)
	return parsed, err
}

func examineURI(uri string) *refusal {
	scheme, rest, ok := strings.Cut(uri, ":")
	switch {
	case !ok || !isToken(scheme) || rest == "":
		return &refusal{status: 400, reason: "Bad Request URI"}
	case !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips"):
		return &refusal{status: 416}
	}
	return nil
}

// examineFields checks that what every request needs is there, and only once.
func examineFields(m *message) *refusal {
	counts := map[string]int{}
	for _, f := range m.fields {
		if !isToken(f.name) {
			return &refusal{status: 400, reason: "Malformed Header"}
		}
		counts[f.name]++
	}
	for _, name := range []string{"from", "to", "call-id", "cseq", "via"} {
		if counts[name] == 0 {
			return &refusal{status: 400, reason: "Missing Header " + name}
		}
	}
	for _, name := range []string{"from", "to", "call-id", "cseq", "max-forwards", "content-type"} {
		if counts[name] > 1 {
			return &refusal{status: 400, reason: "Repeated Header " + name}
		}
	}
	return nil
}

// examineNeeds checks what the client asks us to understand.
func examineNeeds(m *message, method string) *refusal {
	if method == "ACK" || method == "CANCEL" {
		return nil
	}
	if !isSupported(method) {
		if known[method] {
			return &refusal{status: 405, extra: []field{allow}}
		}
		return &refusal{status: 501, extra: []field{allow}}
	}
	if r := m.tokens("require"); len(r) > 0 {
		return &refusal{status: 420, extra: []field{{"Unsupported", strings.Join(r, ", ")}}}
	}
	for _, e := range m.tokens("content-encoding") {
		if e != "identity" {
			return &refusal{status: 415, extra: []field{{"Accept-Encoding", "identity"}}}
		}
	}
	return nil
}

func isSupported(method string) bool {
	for _, s := range supported {
		if s == method {
			return true
		}
	}
	return false
}

// isToken tells whether s is a token of RFC 3261 25.1.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-.!%*_+`'~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
