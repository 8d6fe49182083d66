// Package sip reads and writes SIP messages on a stream, for the client alone. It shares nothing with the server's
// parser on purpose: each side is a second opinion about the other.
//
// Rules: a message ends where its Content-Length says (RFC 3261 section 18.3), and without one it is refused; a header
// section has at most 64 KiB and a body at most 16 MiB; header fields keep their order and spelling; compact names
// are understood; what is written never holds a line break inside of a header value. It knows no transactions.
package sip

import (
	"strconv"
	"strings"
)

// Field is one header field.
type Field struct{ Name, Value string }

// Message is a request (Method is set), a response (Status is set), or, with neither, a blank line between messages:
// a keep-alive or its answer (RFC 5626 section 3.5.1).
type Message struct {
	Method, URI string
	Status      int
	Reason      string
	// Header holds the fields in order. Content-Length is not kept: Append computes it.
	Header []Field
	Body   []byte
}

// Blank tells whether the message is only a keep-alive line.
func (m *Message) Blank() bool { return m.Method == "" && m.Status == 0 }

// Get is the value of the first field of the name, or "". The case of names does not matter.
func (m *Message) Get(name string) string {
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// All is the values of every field of the name, in order.
func (m *Message) All(name string) []string {
	var out []string
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// Add appends a field.
func (m *Message) Add(name, value string) { m.Header = append(m.Header, Field{name, value}) }

// CSeq gives number and method of the CSeq field, or 0 and "" when it has none.
func (m *Message) CSeq() (int64, string) {
	number, method, ok := strings.Cut(m.Get("CSeq"), " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || n < 0 {
		return 0, ""
	}
	return n, strings.TrimSpace(method)
}

// Answer makes the response to a request: the fields that RFC 3261 section 8.2.6 says are copied.
func (m *Message) Answer(status int, reason string) *Message {
	a := &Message{Status: status, Reason: reason}
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		for _, v := range m.All(name) {
			a.Add(name, v)
		}
	}
	return a
}

// Append writes the message to b.
func (m *Message) Append(b []byte) []byte {
	if m.Status != 0 {
		b = append(b, "SIP/2.0 "...)
		b = strconv.AppendInt(b, int64(m.Status), 10)
		b = append(b, ' ')
		b = append(b, oneLine(m.Reason)...)
	} else {
		b = append(b, m.Method...)
		b = append(b, ' ')
		b = append(b, oneLine(m.URI)...)
		b = append(b, " SIP/2.0"...)
	}
	for _, f := range m.Header {
		b = append(b, "\r\n"...)
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, oneLine(f.Value)...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(m.Body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, m.Body...)
}

var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

func oneLine(s string) string {
	if strings.ContainsAny(s, "\r\n") {
		return lineBreaks.Replace(s)
	}
	return s
}

// Param finds a parameter such as tag in a header value like <sip:a@b>;tag=x. Its name's case does not matter.
func Param(value, name string) string {
	_, params, ok := strings.Cut(value, ">")
	if !ok {
		params = value
	}
	for _, p := range strings.Split(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

// Address is the URI of a header value, with or without angle brackets and display name.
func Address(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}
