package sipedge

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// frames cuts data into messages and pings, in the form "start|name=value|...|body".
func frames(r io.Reader) (out []string, err error) {
	limits := DefaultLimits()
	f := framer{in: bufio.NewReader(r), limits: &limits}
	for {
		ping, err := f.blank()
		if err != nil {
			return out, err
		}
		if ping {
			out = append(out, "ping")
			continue
		}
		m, err := f.next()
		if err != nil {
			return out, err
		}
		text := m.start
		for _, f := range m.fields {
			text += "|" + f.name + "=" + f.value
		}
		out = append(out, text+"|"+string(m.body))
	}
}

func TestFraming(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
		err  string
	}{
		"two messages with blanks between": {"\r\nA b c\r\nContent-Length: 2\r\n\r\nhi\r\nA b d\r\n\r\n", []string{"A b c|content-length=2|hi", "A b d|"}, "EOF"},
		"pings":                            {"\r\n\r\n\r\n\r\n\r\nA b c\r\n\r\n", []string{"ping", "ping", "A b c|"}, "EOF"},
		"short names and folding":          {"A b c\r\nv: x,\r\n y\r\nL : 1\r\nsUBJECT:\r\n\t a\r\n\r\nz", []string{"A b c|via=x, y|content-length=1|subject=a|z"}, "EOF"},
		"line ends of UNIX":                {"A b c\nl: 1\n\nz", []string{"A b c|content-length=1|z"}, "EOF"},
		"a body cut short":                 {"A b c\r\nl: 3\r\n\r\nz", nil, "unexpected EOF"},
		"a head cut short":                 {"A b c\r\nl: 3\r\n", nil, "EOF"},
		"a length that is none":            {"A b c\r\nl: -3\r\n\r\n", nil, "Content-Length cannot be read"},
		"two lengths that differ":          {"A b c\r\nl: 3\r\nl: 4\r\n\r\n", nil, "Content-Length cannot be read"},
		"a length beyond all bounds":       {"A b c\r\nl: 99999999999999999999\r\n\r\n", nil, "Content-Length cannot be read"},
		"nothing to continue":              {"A b c\r\n x\r\n\r\n", nil, "a line that continues nothing"},
		"too large a body":                 {"A b c\r\nl: 65537\r\n\r\n", nil, "the body is too large"},
		"too large a head":                 {"A b c\r\nx: " + strings.Repeat("y", 17000), nil, "the message's head is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
			} {
				got, err := frames(r)
				if diff := cmp.Diff(c.want, got); diff != "" || err.Error() != c.err {
					t.Errorf("%s: %v\n%s", how, err, diff)
				}
			}
		})
	}
}

// Whatever comes is cut, examined and answered without a panic, and how it comes in pieces does not matter.
func FuzzFraming(f *testing.F) {
	files, err := filepath.Glob("testdata/torture/rfc*/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, err1 := frames(bytes.NewReader(data))
		pieces, err2 := frames(iotest.OneByteReader(bytes.NewReader(data)))
		if diff := cmp.Diff(whole, pieces); diff != "" || err1.Error() != err2.Error() {
			t.Fatalf("%v, %v\n%s", err1, err2, diff)
		}
		limits := DefaultLimits()
		in := framer{in: bufio.NewReader(bytes.NewReader(data)), limits: &limits}
		m, err := in.next()
		if err != nil {
			return
		}
		parser.ParseHeaders(m.text(), false) // without the net that parse has
		if m.isResponse() {
			return
		}
		refused := examine(m)
		if !answerable(m) {
			return
		}
		status := 200
		if refused != nil {
			status = refused.status
		}
		back, err := frames(bytes.NewReader(response(m, status, "", "tag", nil, nil)))
		if len(back) != 1 || err != io.EOF {
			t.Fatalf("the answer is %d messages: %q, %v", len(back), back, err)
		}
	})
}
