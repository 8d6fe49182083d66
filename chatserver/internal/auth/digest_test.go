package auth

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"

	"chatpool.dev/chatserver/chat"
)

const realm = "example.test"

// people are alice (password "secret") and dave, who is disabled.
func people(user, algorithm, realm string) (string, chat.Subject, error) {
	name, _, _ := strings.Cut(user, "@")
	a1 := []byte(user + ":" + realm + ":secret")
	s256, m5 := sha256.Sum256(a1), md5.Sum(a1)
	ha1 := map[string]string{"SHA-256": hex.EncodeToString(s256[:]), "MD5": hex.EncodeToString(m5[:])}[algorithm]
	switch name {
	case "alice":
		return ha1, chat.Subject{User: "sip:alice@example.test"}, nil
	case "dave":
		return ha1, chat.Subject{}, chat.Errorf(chat.Denied, "the account is disabled")
	case "eve":
		return "", chat.Subject{}, chat.Errorf(chat.Unavailable, "the directory does not answer")
	}
	return "", chat.Subject{}, chat.Errorf(chat.NotFound, "no such user")
}

type answer struct {
	user, password, algorithm, uri string
	count                          int
	change                         func(*digest.Credentials)
}

// header answers a challenge of the verifier.
func (a answer) header(t *testing.T, challenge string) string {
	t.Helper()
	c, err := digest.ParseChallenge(challenge)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: "REGISTER", URI: a.uri, Username: a.user, Password: a.password, Count: a.count})
	if err != nil {
		t.Fatal(err)
	}
	if a.change != nil {
		a.change(cred)
	}
	return cred.String()
}

func kind(err error) string {
	var throttled *Throttled
	switch {
	case err == nil:
		return "let in"
	case errors.Is(err, ErrChallenge):
		return "challenge"
	case errors.Is(err, ErrStale):
		return "stale"
	case errors.As(err, &throttled):
		return "throttled"
	}
	return string(chat.KindOf(err))
}

func TestVerify(t *testing.T) {
	const uri = "sip:example.test"
	for name, c := range map[string]struct {
		answer
		legacy bool
		method string // "" = REGISTER
		want   string
	}{
		"the right password":           {answer: answer{user: "alice", password: "secret", uri: uri}, want: "let in"},
		"the address as user name":     {answer: answer{user: "alice@example.test", password: "secret", uri: uri}, want: "let in"},
		"a wrong password":             {answer: answer{user: "alice", password: "geheim", uri: uri}, want: "Denied"},
		"an unknown user":              {answer: answer{user: "bob", password: "secret", uri: uri}, want: "Denied"},
		"a disabled user":              {answer: answer{user: "dave", password: "secret", uri: uri}, want: "Denied"},
		"no directory":                 {answer: answer{user: "eve", password: "secret", uri: uri}, want: "Unavailable"},
		"MD5":                          {answer: answer{user: "alice", password: "secret", uri: uri, algorithm: "MD5"}, want: "challenge"},
		"MD5 of a legacy client":       {answer: answer{user: "alice", password: "secret", uri: uri, algorithm: "MD5"}, legacy: true, want: "let in"},
		"MD5 that goes without saying": {answer: answer{user: "alice", password: "secret", uri: uri, algorithm: "MD5", change: func(c *digest.Credentials) { c.Algorithm = "" }}, legacy: true, want: "let in"},
		"the URI of another request":   {answer: answer{user: "alice", password: "secret", uri: "sip:other.test"}, want: "Invalid"},
		"no URI":                       {answer: answer{user: "alice", password: "secret", uri: nullURI}, want: "Invalid"},
		"no URI, of a legacy client":   {answer: answer{user: "alice", password: "secret", uri: nullURI, algorithm: "MD5"}, legacy: true, want: "let in"},
		"no URI, with SHA-256":         {answer: answer{user: "alice", password: "secret", uri: nullURI}, legacy: true, want: "Invalid"},
		"no URI, of a legacy client, not in REGISTER":  {answer: answer{user: "alice", password: "secret", uri: nullURI, algorithm: "MD5"}, legacy: true, method: "INVITE", want: "Invalid"},
		"credentials of another method":                {answer: answer{user: "alice", password: "secret", uri: uri}, method: "INVITE", want: "Denied"},
		"another realm":                                {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Realm = "other.test" }}, want: "challenge"},
		"a nonce of somebody else":                     {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Nonce = newNonces().make() }}, want: "stale"},
		"a nonce that is none":                         {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Nonce = "x" }}, want: "stale"},
		"no qop":                                       {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.QOP = "" }}, want: "Invalid"},
		"a hashed user name":                           {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Userhash = true }}, want: "challenge"},
		"another count than the one in the response":   {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Nc = 2 }}, want: "Denied"},
		"an empty response":                            {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Response = "" }}, want: "Denied"},
		"somebody else's name with the right response": {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Username = "dave" }}, want: "Denied"},
		"a hash in upper case":                         {answer: answer{user: "alice", password: "secret", uri: uri, change: func(c *digest.Credentials) { c.Response = strings.ToUpper(c.Response) }}, want: "let in"},
	} {
		t.Run(name, func(t *testing.T) {
			v := NewVerifier(realm, people, slog.New(slog.DiscardHandler))
			challenge := v.Challenges(c.legacy, false)[0]
			if c.algorithm == "MD5" {
				challenge = v.ProxyChallenge(false)
			}
			method := c.method
			if method == "" {
				method = "REGISTER"
			}
			s, login, err := v.Verify(Attempt{Method: method, URI: uri, Header: c.header(t, challenge), Address: "192.0.2.1", Legacy: c.legacy})
			if got := kind(err); got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
			if err == nil && (s.User != "sip:alice@example.test" || login != c.user) {
				t.Errorf("let in %q as %q", login, s.User)
			}
		})
	}
}

func TestHeadersThatAreNoCredentials(t *testing.T) {
	v := NewVerifier(realm, people, slog.New(slog.DiscardHandler))
	for header, want := range map[string]string{
		"": "challenge", "NTLM qop=auth": "challenge", "Digest": "challenge", "Digest ": "challenge", "Digest =": "challenge", `Digest nc="xyz"`: "Invalid",
	} {
		if _, _, err := v.Verify(Attempt{Method: "REGISTER", URI: "sip:x", Header: header}); kind(err) != want {
			t.Errorf("%q: %v, want %s", header, err, want)
		}
	}
}

func TestUnknownAndWrongLookTheSame(t *testing.T) {
	v := NewVerifier(realm, people, slog.New(slog.DiscardHandler))
	var texts []string
	for _, user := range []string{"alice", "nobody", "dave"} {
		h := answer{user: user, password: "wrong", uri: "sip:x"}.header(t, v.Challenges(false, false)[0])
		_, _, err := v.Verify(Attempt{Method: "REGISTER", URI: "sip:x", Header: h})
		texts = append(texts, err.Error())
	}
	if texts[0] != texts[1] || texts[0] != texts[2] {
		t.Errorf("%q", texts)
	}
}

func TestCountsAndAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := NewVerifier(realm, people, slog.New(slog.DiscardHandler))
		challenge := v.Challenges(false, false)[0]
		try := func(challenge string, count int) string {
			h := answer{user: "alice", password: "secret", uri: "sip:x", count: count}.header(t, challenge)
			_, _, err := v.Verify(Attempt{Method: "REGISTER", URI: "sip:x", Header: h})
			return kind(err)
		}
		for i, c := range []struct {
			count int
			want  string
		}{{1, "let in"}, {1, "stale"}, {2, "let in"}, {1, "stale"}, {9, "let in"}, {3, "stale"}} {
			if got := try(challenge, c.count); got != c.want {
				t.Errorf("try %d with count %d: %s, want %s", i, c.count, got, c.want)
			}
		}
		time.Sleep(NonceLife - time.Second)
		if got := try(challenge, 10); got != "let in" {
			t.Errorf("a nonce in its last second: %s", got)
		}
		time.Sleep(time.Second)
		if got := try(challenge, 11); got != "stale" {
			t.Errorf("a nonce that is too old: %s", got)
		}
		if fresh := v.Challenges(false, true)[0]; !strings.Contains(fresh, "stale=true") || try(fresh, 1) != "let in" {
			t.Errorf("the new challenge %q is not good", fresh)
		}
	})
}

// A wrong password does not use up the nonce's count.
func TestWrongPasswordUsesNothing(t *testing.T) {
	v := NewVerifier(realm, people, slog.New(slog.DiscardHandler))
	challenge := v.Challenges(false, false)[0]
	for _, c := range [][2]string{{"wrong", "Denied"}, {"secret", "let in"}} {
		h := answer{user: "alice", password: c[0], uri: "sip:x", count: 1}.header(t, challenge)
		if _, _, err := v.Verify(Attempt{Method: "REGISTER", URI: "sip:x", Header: h}); kind(err) != c[1] {
			t.Errorf("%s: %v", c[0], err)
		}
	}
}

func TestTooManyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		v := NewVerifier(realm, people, slog.New(slog.NewTextHandler(&log, nil)))
		try := func(user, address, password string) string {
			h := answer{user: user, password: password, uri: "sip:x"}.header(t, v.Challenges(false, false)[0])
			_, _, err := v.Verify(Attempt{Method: "REGISTER", URI: "sip:x", Header: h, Address: address})
			return kind(err)
		}
		for range maxUserFailures {
			if got := try("alice", "192.0.2.1", "hunter2"); got != "Denied" {
				t.Fatal(got)
			}
		}
		for _, c := range []struct{ user, address, want string }{
			{"alice", "192.0.2.1", "throttled"}, {"ALICE", "192.0.2.1", "throttled"}, {"alice@example.test", "192.0.2.1", "let in"}, {"alice", "192.0.2.2", "let in"},
		} {
			if got := try(c.user, c.address, "secret"); got != c.want {
				t.Errorf("%s at %s: %s, want %s", c.user, c.address, got, c.want)
			}
		}
		for i := range maxAddressFailures {
			try(fmt.Sprint("user", i), "192.0.2.3", "x")
		}
		if got := try("alice", "192.0.2.3", "secret"); got != "throttled" {
			t.Errorf("an address with %d failures: %s", maxAddressFailures, got)
		}
		time.Sleep(FailureWindow + time.Second)
		if got := try("alice", "192.0.2.1", "secret"); got != "let in" {
			t.Errorf("after the window: %s", got)
		}
		if strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), "response") || !strings.Contains(log.String(), "user=alice address=192.0.2.1") {
			t.Errorf("log: %.300s", log.String())
		}
	})
}

func TestTablesAreBounded(t *testing.T) {
	n, f := newNonces(), newFailures()
	first, now := n.make(), time.Now()
	for i := range maxUsed + 1000 {
		if !n.use(fmt.Sprint(i), now, 1) {
			t.Fatal("refused a nonce that was not used")
		}
		f.add(fmt.Sprint(i), "192.0.2.1")
	}
	if len(n.used) > maxUsed || len(f.table) > maxFailureEntries {
		t.Errorf("%d nonces, %d failures", len(n.used), len(f.table))
	}
	if _, ok := n.made(first); ok {
		t.Error("a nonce from before the table was emptied is still good: it could be used twice")
	}
	if _, ok := n.made(n.make()); !ok {
		t.Error("a new nonce is not good")
	}
}

// RFC 7616 3.9.1 and RFC 8760 do not give SIP examples of their own; this is the HTTP one with SHA-256.
func TestResponseOfTheRFC(t *testing.T) {
	cred, err := digest.Digest(
		&digest.Challenge{Realm: "http-auth@example.org", Nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", Algorithm: "SHA-256", QOP: []string{"auth"}},
		digest.Options{Method: "GET", URI: "/dir/index.html", Username: "Mufasa", Password: "Circle of Life", Count: 1, Cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"})
	if err != nil || cred.Response != "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" {
		t.Errorf("%+v, %v", cred, err)
	}
}
