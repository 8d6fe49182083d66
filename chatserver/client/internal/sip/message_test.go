package sip

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func parse(s string) (*Message, error) { return Read(bufio.NewReader(strings.NewReader(s))) }

func TestRead(t *testing.T) {
	for sentence, c := range map[string]struct {
		in   string
		want *Message
	}{
		"a response with a body": {
			"SIP/2.0 200 OK\r\nCSeq: 3 INFO\r\nContent-Length: 2\r\n\r\nhi",
			&Message{Status: 200, Reason: "OK", Header: []Field{{"CSeq", "3 INFO"}}, Body: []byte("hi")},
		},
		"a response without a phrase": {
			"SIP/2.0 200\r\nContent-Length: 0\r\n\r\n", &Message{Status: 200},
		},
		"a request with compact names": {
			"INFO sip:a@b SIP/2.0\r\ni: x\r\nl: 0\r\n\r\n",
			&Message{Method: "INFO", URI: "sip:a@b", Header: []Field{{"Call-ID", "x"}}},
		},
		"bare line feeds and a folded field": {
			"BYE sip:a@b SIP/2.0\nSubject: one\n two\nContent-Length: 0\n\n",
			&Message{Method: "BYE", URI: "sip:a@b", Header: []Field{{"Subject", "one two"}}},
		},
		"a blank line is a keep-alive": {"\r\n", &Message{}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, err := parse(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for sentence, in := range map[string]string{
		"no Content-Length":            "SIP/2.0 200 OK\r\nCSeq: 1 INFO\r\n\r\n",
		"two different lengths":        "SIP/2.0 200 OK\r\nContent-Length: 1\r\nl: 2\r\n\r\nab",
		"a signed length":              "SIP/2.0 200 OK\r\nContent-Length: +1\r\n\r\na",
		"a length beyond the limit":    "SIP/2.0 200 OK\r\nContent-Length: 16777217\r\n\r\n",
		"a status out of range":        "SIP/2.0 999 OK\r\nContent-Length: 0\r\n\r\n",
		"another protocol":             "GET / HTTP/1.1\r\n\r\n",
		"a field without a colon":      "BYE sip:a SIP/2.0\r\nnonsense\r\n\r\n",
		"a carriage return in a line":  "SIP/2.0 200 a\rb\r\nContent-Length: 0\r\n\r\n",
		"a field name with a blank":    "BYE sip:a SIP/2.0\r\nno good: 1\r\n\r\n",
		"an endless header":            "BYE sip:a SIP/2.0\r\nX: " + strings.Repeat("x", MaxHeader) + "\r\n\r\n",
		"an endless line without ends": strings.Repeat("x", MaxHeader+1),
	} {
		t.Run(sentence, func(t *testing.T) {
			if m, err := parse(in); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %+v, %v; want ErrMalformed", m, err)
			}
		})
	}
}

func TestReadTellsACutFromAnEnd(t *testing.T) {
	whole := "SIP/2.0 200 OK\r\nCSeq: 3 INFO\r\nContent-Length: 2\r\n\r\nhi"
	if _, err := parse(""); err != io.EOF {
		t.Errorf("nothing: got %v, want EOF", err)
	}
	for n := 1; n < len(whole); n++ {
		if _, err := parse(whole[:n]); err != io.ErrUnexpectedEOF {
			t.Fatalf("cut after %d bytes: got %v, want an unexpected EOF", n, err)
		}
	}
}

func TestParamAndAddress(t *testing.T) {
	v := `"Bob; tag=no" <sip:bob@example.com;transport=tcp>;Tag=abc;epid="0f"`
	if got := Param(v, "tag"); got != "abc" {
		t.Errorf("tag = %q", got)
	}
	if got := Param(v, "epid"); got != "0f" {
		t.Errorf("epid = %q", got)
	}
	if got := Address(v); got != "sip:bob@example.com;transport=tcp" {
		t.Errorf("address = %q", got)
	}
	if got := Address("sip:bob@example.com;tag=1"); got != "sip:bob@example.com" {
		t.Errorf("bare address = %q", got)
	}
}

func genMessage() *rapid.Generator[*Message] {
	tok := rapid.StringMatching(`[A-Za-z][A-Za-z0-9.!%*_+~-]{0,12}`)
	value := rapid.StringMatching(`([!-~]([ -~]{0,20}[!-~])?)?`)
	return rapid.Custom(func(t *rapid.T) *Message {
		m := &Message{Body: rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body")}
		if rapid.Bool().Draw(t, "response") {
			m.Status, m.Reason = rapid.IntRange(100, 699).Draw(t, "status"), value.Draw(t, "reason")
		} else {
			m.Method, m.URI = tok.Draw(t, "method"), rapid.StringMatching(`[!-~]{1,30}`).Draw(t, "uri")
		}
		for range rapid.IntRange(0, 8).Draw(t, "fields") {
			name := tok.Draw(t, "name")
			if _, short := compact[strings.ToLower(name)]; !short && !strings.EqualFold(name, "Content-Length") {
				m.Add(name, value.Draw(t, "value"))
			}
		}
		return m
	})
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(genMessage(), 1, 5).Draw(t, "messages")
		var stream []byte
		for _, m := range want {
			stream = m.Append(stream)
		}
		r := bufio.NewReaderSize(bytes.NewReader(stream), 16)
		for _, m := range want {
			got, err := Read(r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(m, got, cmpopts.EquateEmpty()); d != "" {
				t.Fatal(d)
			}
		}
		if _, err := Read(r); err != io.EOF {
			t.Fatalf("after the last: %v", err)
		}
	})
}

func TestNoHeaderIsSmuggledIn(t *testing.T) {
	m := &Message{Method: "INFO", URI: "sip:a@b"}
	m.Add("Subject", "x\r\nContent-Length: 5\r\n\r\nhello")
	got, err := parse(string(m.Append(nil)))
	if err != nil || len(got.Header) != 1 || len(got.Body) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\nCSeq: 3 INFO\r\nContent-Length: 2\r\n\r\nhi"))
	f.Add([]byte("\r\n\r\nBYE sip:a@b SIP/2.0\nl:0\n s\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Read(bufio.NewReader(bytes.NewReader(in)))
		if err != nil || m.Blank() {
			return
		}
		again, err := Read(bufio.NewReader(bytes.NewReader(m.Append(nil))))
		if err != nil {
			t.Fatalf("%q reads but %q does not: %v", in, m.Append(nil), err)
		}
		if d := cmp.Diff(m, again, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}
