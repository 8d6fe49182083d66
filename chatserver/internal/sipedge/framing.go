package sipedge

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// framer cuts a byte stream into messages by Content-Length (RFC 3261 18.3).
type framer struct {
	in     *bufio.Reader
	limits *Limits
}

// frameError ends a connection: after it nobody knows where the next message begins. A status other than 0 is to be
// answered before, as far as the message's head allows.
type frameError struct {
	status int
	text   string
}

func (e *frameError) Error() string { return e.text }

var errHeadTooLarge = &frameError{513, "the message's head is too large"}

// blank skips what may be between messages. It tells whether that was a ping (two line ends, RFC 5626 4.4.1) to be
// answered; else a message begins.
func (f *framer) blank() (ping bool, err error) {
	for lines := 0; ; {
		c, err := f.in.ReadByte()
		switch {
		case err != nil:
			return false, err
		case c == '\n':
			if lines++; lines == 2 {
				return true, nil
			}
		case c != '\r':
			return false, f.in.UnreadByte()
		}
	}
}

// next reads the message that begins here. With an error of type frameError the message is what could be read of it.
func (f *framer) next() (*message, error) {
	m, err := f.head()
	if err != nil {
		return m, err
	}
	size, err := contentLength(m.values("content-length"))
	if err != nil {
		return m, err
	}
	if size > f.limits.BodyBytes {
		return m, &frameError{413, "the body is too large"}
	}
	if size > 0 {
		m.body = make([]byte, size)
		if _, err := io.ReadFull(f.in, m.body); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (f *framer) head() (*message, error) {
	m, left := &message{}, f.limits.HeaderBytes
	for {
		line, err := f.line(&left)
		if err != nil {
			return m, err
		}
		switch {
		case m.start == "":
			m.start = line
		case line == "":
			return m, nil
		case line[0] == ' ' || line[0] == '\t':
			if len(m.fields) == 0 {
				return m, &frameError{400, "a line that continues nothing"}
			}
			last := &m.fields[len(m.fields)-1]
			last.value = strings.TrimSpace(last.value + " " + strings.TrimSpace(line))
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				name = line // examine refuses it; the stream is still in step
			}
			name = strings.ToLower(strings.TrimRight(name, " \t"))
			if long := compact[name]; long != "" {
				name = long
			}
			m.fields = append(m.fields, field{name, strings.TrimSpace(value)})
		}
	}
}

// line reads a line without its end; left is what the head may still have.
func (f *framer) line(left *int) (string, error) {
	var line []byte
	for {
		part, err := f.in.ReadSlice('\n')
		line = append(line, part...)
		if *left -= len(part); *left < 0 {
			return "", errHeadTooLarge
		}
		if err == nil {
			return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}

// contentLength reads the header; a message without one has no body.
func contentLength(values []string) (int, error) {
	size := 0
	for i, v := range values {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil || i > 0 && int(n) != size {
			return 0, &frameError{400, "Content-Length cannot be read"}
		}
		size = int(n)
	}
	return size, nil
}
