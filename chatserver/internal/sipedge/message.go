package sipedge

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// message is one SIP message as it came: headers in their order, names in long form and lower case, values verbatim
// but for folding.
type message struct {
	start  string
	fields []field
	body   []byte
	sip    sip.Message // parsed; set by examine for messages that are in order
}

type field struct{ name, value string }

// compact maps the short forms of header names that we look at (RFC 3261 20, RFC 6665).
var compact = map[string]string{
	"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "c": "content-type",
	"e": "content-encoding", "k": "supported", "m": "contact", "o": "event", "u": "allow-events", "s": "subject",
}

// values gives the values of all headers of that name.
func (m *message) values(name string) []string {
	var out []string
	for _, f := range m.fields {
		if f.name == name {
			out = append(out, f.value)
		}
	}
	return out
}

// get gives the first value of the header, or "".
func (m *message) get(name string) string {
	for _, f := range m.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

func (m *message) has(name string) bool { return len(m.values(name)) > 0 }

// tokens gives the elements of a header that is a list of tokens, in lower case.
func (m *message) tokens(name string) []string {
	var out []string
	for _, v := range m.values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if t = strings.ToLower(strings.TrimSpace(t)); t != "" {
				out = append(out, t)
			}
		}
	}
	return out
}

// isResponse tells a response from a request.
func (m *message) isResponse() bool {
	return len(m.start) >= 4 && strings.EqualFold(m.start[:4], "SIP/")
}

// method is the request's method as sent; methods are case-sensitive.
func (m *message) method() string {
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

// requestURI is the request's URI as sent.
func (m *message) requestURI() string {
	_, rest, _ := strings.Cut(m.start, " ")
	uri, _, _ := strings.Cut(rest, " ")
	return uri
}

// mediaType is the Content-Type without parameters, in lower case.
func (m *message) mediaType() string {
	t, _, _ := strings.Cut(m.get("content-type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func (m *message) cseq() uint32    { return m.sip.CSeq().SeqNo }
func (m *message) fromTag() string { return param(m.sip.From().Params, "tag") }
func (m *message) toTag() string   { return param(m.sip.To().Params, "tag") }

// fromUser is the address of record in From, as a principal is written.
func (m *message) fromUser() string { return addressOfRecord(&m.sip.From().Address) }

func addressOfRecord(u *sip.Uri) string { return "sip:" + strings.ToLower(u.User+"@"+u.Host) }

// param gives a parameter; names do not depend on case.
func param(params sip.HeaderParams, name string) string {
	for _, kv := range params {
		if strings.EqualFold(kv.K, name) {
			return strings.Trim(kv.V, `"`)
		}
	}
	return ""
}

// text writes the head of the message as the parser wants it.
func (m *message) text() []byte {
	b := append([]byte(m.start), "\r\n"...)
	for _, f := range m.fields {
		b = appendField(b, f)
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, f field) []byte {
	return append(append(append(append(b, f.name...), ": "...), f.value...), "\r\n"...)
}
