package sipedge

import (
	"strconv"
	"strings"
)

// phrases of the statuses that we send.
var phrases = map[int]string{
	200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	407: "Proxy Authentication Required", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 486: "Busy Here", 488: "Not Acceptable Here",
	489: "Bad Event", 500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable",
	505: "Version Not Supported", 513: "Message Too Large",
}

// response writes the answer to a request: Via, From, To, Call-ID and CSeq come back verbatim, To with our tag.
func response(m *message, status int, reason, tag string, extra []field, body []byte) []byte {
	if reason == "" {
		reason = phrases[status]
	}
	b := make([]byte, 0, 512+len(body))
	b = append(append(b, "SIP/2.0 "...), strconv.Itoa(status)...)
	b = append(append(append(b, ' '), oneLine(reason)...), "\r\n"...)
	for _, f := range m.fields {
		switch f.name {
		case "via":
			b = appendField(b, field{"Via", f.value})
		case "from":
			b = appendField(b, field{"From", f.value})
		case "to":
			if !hasTag(f.value) {
				f.value += ";tag=" + tag
			}
			b = appendField(b, field{"To", f.value})
		case "call-id":
			b = appendField(b, field{"Call-ID", f.value})
		case "cseq":
			b = appendField(b, field{"CSeq", f.value})
		}
	}
	for _, f := range extra {
		b = appendField(b, f)
	}
	b = appendField(b, field{"Content-Length", strconv.Itoa(len(body))})
	return append(append(b, "\r\n"...), body...)
}

// hasTag looks at the parameters behind the address.
func hasTag(to string) bool {
	if i := strings.LastIndexByte(to, '>'); i >= 0 {
		to = to[i:]
	}
	_, params, _ := strings.Cut(to, ";")
	for p := range strings.SplitSeq(params, ";") {
		name, _, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "tag") {
			return true
		}
	}
	return false
}

// answerable tells whether a response can find its way at all.
func answerable(m *message) bool {
	return m.start != "" && !m.isResponse() && m.method() != "ACK" && m.has("via") && m.has("from") && m.has("to") && m.has("call-id") && m.has("cseq")
}

// oneLine makes text of others safe in a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
