package sipedge

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/icholy/digest"
)

// A transcript has sections C: (what a client writes at once) and S: (one message of the server: its start line, headers
// that must be there as they are, and the body if there is one). The client's text may have {credentials} for the last
// challenge, {length} for the length of the body that follows it, {to-tag} and {via} of the last message of the server.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := &backend{receive: func(d *testDialog, _ []byte, answer func(Answer)) {
				answer(Answer{})
				d.out.Send([]byte("<reply/>"))
			}}
			_, address := start(t, Options{Backend: b, LegacyDigest: legacy})
			s := script{peer: dial(t, address, "alice"), vars: map[string]string{}}
			for _, section := range strings.Split("\n"+string(text), "\nC:\n")[1:] {
				parts := strings.Split(section+"\n", "\nS:\n")
				s.say(strings.ReplaceAll(parts[0], "\n", "\r\n"))
				for _, want := range parts[1:] {
					s.hear(want)
				}
			}
		})
	}
}

type script struct {
	*peer
	vars map[string]string
}

func (s *script) say(text string) {
	text += "\r\n" // the one before "S:"
	for name, value := range s.vars {
		text = strings.ReplaceAll(text, name, value)
	}
	if head, body, ok := strings.Cut(text, "\r\n\r\n"); ok && strings.Contains(head, "{length}") {
		body = strings.TrimSuffix(body, "\r\n")
		text = strings.Replace(head, "{length}", strconv.Itoa(len(body)), 1) + "\r\n\r\n" + body
	}
	s.write(text)
}

func (s *script) hear(want string) {
	s.t.Helper()
	m := s.read()
	head, body, hasBody := strings.Cut(strings.TrimRight(want, "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	if m.start != lines[0] {
		s.t.Fatalf("got %q, want %q", m.start, lines[0])
	}
	if m.isResponse() {
		_, s.vars["{to-tag}"], _ = strings.Cut(m.get("to"), ";tag=")
	} else {
		s.vars["{via}"] = m.get("via")
	}
	if c := m.get("proxy-authenticate"); c != "" {
		s.vars["{credentials}"] = s.odd(c)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		value = strings.ReplaceAll(value, "{to-tag}", s.vars["{to-tag}"])
		found := false
		for _, v := range m.values(strings.ToLower(name)) {
			found = found || v == value
		}
		if !found {
			s.t.Errorf("%s: no header %q in %q", m.start, name+": "+value, m.fields)
		}
	}
	if body = strings.ReplaceAll(strings.TrimSuffix(body, "\n"), "\n", "\r\n"); hasBody && strings.TrimRight(string(m.body), "\r\n") != strings.TrimRight(body, "\r\n") {
		s.t.Errorf("body %q, want %q", m.body, body)
	}
}

// odd answers a challenge as pidgin-sipe does: for the URI "(null)", and without naming the algorithm.
func (s *script) odd(challenge string) string {
	c, err := digest.ParseChallenge(challenge)
	if err != nil {
		s.t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: "REGISTER", URI: "(null)", Username: "alice", Password: "secret-alice", Count: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	return `Digest username="alice", realm="` + c.Realm + `", nonce="` + c.Nonce + `", uri="(null)", qop=auth, nc=00000001, cnonce="` +
		cred.Cnonce + `", response="` + cred.Response + `"`
}
