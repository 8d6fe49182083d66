package sip

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The largest header section and body that Read takes, in bytes.
const (
	MaxHeader = 64 << 10
	MaxBody   = 16 << 20
)

// ErrMalformed is wrapped by every error of Read that is not the connection's own. Whoever gets one must close the
// connection: where the next message begins is not known any more.
var ErrMalformed = errors.New("malformed SIP message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// compact are the one-letter names of RFC 3261 section 7.3.3 and RFC 6665.
var compact = map[string]string{
	"i": "Call-ID", "m": "Contact", "e": "Content-Encoding", "l": "Content-Length", "c": "Content-Type",
	"f": "From", "s": "Subject", "k": "Supported", "t": "To", "v": "Via", "o": "Event", "u": "Allow-Events",
}

// Read takes the next message, or the next blank line, from the stream. The connection's deadline is the caller's.
func Read(r *bufio.Reader) (*Message, error) {
	budget := MaxHeader
	first, err := readLine(r, &budget)
	if err != nil {
		return nil, err
	}
	if first == "" {
		return &Message{}, nil
	}
	m := &Message{}
	if err := m.startLine(first); err != nil {
		return nil, err
	}
	length, err := m.readHeader(r, &budget)
	if err != nil {
		return nil, unexpected(err)
	}
	m.Body = make([]byte, length)
	if _, err := io.ReadFull(r, m.Body); err != nil {
		return nil, unexpected(err)
	}
	return m, nil
}

func (m *Message) startLine(line string) error {
	if rest, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		code, reason, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		if err != nil || n < 100 || n > 699 || len(code) != 3 {
			return malformed("status line %.80q", line)
		}
		m.Status, m.Reason = n, reason
		return nil
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[2] != "SIP/2.0" || !token(parts[0]) || parts[1] == "" {
		return malformed("request line %.80q", line)
	}
	m.Method, m.URI = parts[0], parts[1]
	return nil
}

// readHeader takes the fields up to the empty line and gives the body's length.
func (m *Message) readHeader(r *bufio.Reader, budget *int) (int, error) {
	length := -1
	for {
		line, err := readLine(r, budget)
		if err != nil {
			return 0, err
		}
		if line == "" {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && len(m.Header) > 0 { // a folded field goes on
			last := &m.Header[len(m.Header)-1]
			last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(line))
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if !ok || !token(name) {
			return 0, malformed("header line %.80q", line)
		}
		if long, ok := compact[strings.ToLower(name)]; ok {
			name = long
		}
		m.Header = append(m.Header, Field{name, strings.TrimSpace(value)})
	}
	kept := m.Header[:0]
	for _, f := range m.Header {
		if !strings.EqualFold(f.Name, "Content-Length") {
			kept = append(kept, f)
			continue
		}
		n, err := bodyLength(f.Value)
		if err != nil || length >= 0 && length != n {
			return 0, malformed("Content-Length %.80q", f.Value)
		}
		length = n
	}
	m.Header = kept
	if length < 0 {
		return 0, malformed("no Content-Length, which a stream needs")
	}
	return length, nil
}

func bodyLength(s string) (int, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, ErrMalformed
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > MaxBody {
		return 0, ErrMalformed
	}
	return n, nil
}

// readLine takes a line without its end (CRLF, or LF alone) and charges it to the budget. A carriage return anywhere else
// is refused.
func readLine(r *bufio.Reader, budget *int) (string, error) {
	line, err := rawLine(r, budget)
	if err == nil && strings.Contains(line, "\r") {
		return "", malformed("a carriage return in the line %.80q", line)
	}
	return line, err
}

func rawLine(r *bufio.Reader, budget *int) (string, error) {
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		if *budget -= len(part); *budget < 0 {
			return "", malformed("more than %d bytes of header", MaxHeader)
		}
		if err == nil && long == nil {
			return string(cutEnd(part)), nil
		}
		long = append(long, part...)
		switch {
		case err == nil:
			return string(cutEnd(long)), nil
		case err == io.EOF && len(long) > 0:
			return "", io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return "", err
		}
	}
}

func cutEnd(line []byte) []byte {
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// token tells whether s is a token of RFC 3261 section 25.1.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-.!%*_+`'~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
