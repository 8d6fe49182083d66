package sipedge

import (
	"strings"
	"testing"
	"time"
)

const microsoft = "ms-keep-alive: UAC;hop-hop=yes"

func legacy() bool { return true }

func TestChallenges(t *testing.T) {
	for name, c := range map[string]struct {
		legacy  func() bool
		headers []string
		status  int
		want    string // algorithms, in order
	}{
		"a client of today":                      {nil, nil, 401, "SHA-256"},
		"where MD5 is let in":                    {legacy, nil, 401, "SHA-256 MD5"},
		"a Microsoft client":                     {legacy, []string{microsoft}, 407, "MD5"},
		"a Microsoft client by its event":        {legacy, []string{"Event: registration"}, 407, "MD5"},
		"a Microsoft client by its name":         {legacy, []string{"User-Agent: UCCAPI/15.0"}, 407, "MD5"},
		"a Microsoft client where MD5 is not":    {nil, []string{microsoft}, 401, "SHA-256"},
		"credentials of a scheme we do not know": {nil, []string{"Authorization: NTLM qop=\"auth\""}, 401, "SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := start(t, Options{Backend: &backend{}, LegacyDigest: c.legacy})
			p := dial(t, address, "alice")
			p.write(p.request("REGISTER", "", append(c.headers, contact)...))
			m := p.want(c.status)
			var got []string
			for _, v := range append(m.values("www-authenticate"), m.values("proxy-authenticate")...) {
				_, rest, _ := strings.Cut(v, "algorithm=")
				algorithm, _, _ := strings.Cut(rest, ",")
				got = append(got, algorithm)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSignInRefused(t *testing.T) {
	for name, c := range map[string]struct {
		user, password string
		disabled       bool
		want           int
		warning        string
	}{
		"a wrong password":     {"alice", "wrong", false, 403, "the user or the password is wrong"},
		"an unknown user":      {"mallory", "secret-mallory", false, 403, "the user or the password is wrong"},
		"a disabled account":   {"alice", "secret-alice", true, 403, "the account is disabled"},
		"and does not tell it": {"alice", "wrong", true, 403, "the user or the password is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := start(t, Options{Backend: &backend{disabled: map[string]bool{"alice": c.disabled}}})
			p := dial(t, address, c.user)
			p.write(p.request("REGISTER", "", contact))
			m := p.want(401)
			p.write(p.request("REGISTER", "", contact, "Authorization: "+p.credentials(m.get("www-authenticate"), c.password)))
			if m := p.want(c.want); !strings.Contains(m.get("warning"), c.warning) {
				t.Errorf("Warning %q", m.get("warning"))
			}
			p.write(p.request("INVITE", "", contact))
			p.want(403)
		})
	}
}

func TestSignInAsSomebodyElse(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}})
	p := dial(t, address, "alice")
	p.write(p.request("REGISTER", "", contact))
	credentials := p.credentials(p.want(401).get("www-authenticate"), "secret-alice")
	p.user = "bob"
	p.write(p.request("REGISTER", "", contact, "Authorization: "+credentials))
	p.want(403)
	p.write(strings.Replace(p.request("REGISTER", "", contact), "To: <sip:bob@", "To: <sip:alice@", 1))
	p.want(403)
	p.write(strings.Replace(p.request("REGISTER", "", contact), "To: <sip:bob@example.test", "To: <sip:bob@other.test", 1))
	p.want(404)
}

func TestRefreshAndSignOff(t *testing.T) {
	b := &backend{disabled: map[string]bool{}}
	_, address := start(t, Options{Backend: b})
	p := dial(t, address, "alice")
	p.signIn()
	p.invite()
	d := b.last(t)
	for asked, want := range map[string]string{"Expires: 120": "120", "Expires: 7200": "600", "Expires: 1": "60", "Expires: soon": "600"} {
		p.write(p.request("REGISTER", "", contact, asked))
		if got := p.want(200).get("expires"); got != want {
			t.Errorf("%s: got %s, want %s", asked, got, want)
		}
	}
	p.write(p.request("REGISTER", "", contact+";expires=90"))
	if m := p.want(200); m.get("expires") != "90" || m.get("contact") != strings.TrimPrefix(contact, "Contact: ")+";expires=90" {
		t.Errorf("%q", m.fields)
	}
	p.write(p.request("REGISTER", "", "Contact: *", "Expires: 0"))
	p.want(200)
	if !d.isClosed() {
		t.Error("a session is left after signing off")
	}
	b.mu.Lock()
	if len(b.signedOff) != 1 || !strings.HasPrefix(b.signedOff[0], "sip:alice@"+domain+" ") {
		t.Errorf("signed off: %q", b.signedOff)
	}
	b.mu.Unlock()
	p.toTag = ""
	p.write(p.request("INVITE", "", contact))
	p.want(403)
	p.signIn()

	b.mu.Lock()
	b.disabled["alice"] = true
	b.mu.Unlock()
	p.write(p.request("REGISTER", "", contact))
	p.want(403)
	p.wantClosed()
}

func TestASilentClientIsKeptAsLongAsItIsRegistered(t *testing.T) {
	now := time.Now()
	c := &connection{server: &Server{limits: Limits{SignInTimeout: 5 * time.Second, IdleTimeout: time.Hour}}, accepted: now}
	if until := c.idleUntil().Sub(now); until != 5*time.Second {
		t.Errorf("before the sign-in: %v", until)
	}
	c.user = &identity{}
	for name, want := range map[string]struct{ registered, silent time.Duration }{
		"the registration runs out first": {time.Minute, time.Minute},
		"the idle limit is reached first": {2 * time.Hour, time.Hour},
	} {
		c.registeredTo = now.Add(want.registered)
		if until := c.idleUntil().Sub(now).Round(time.Second); until != want.silent {
			t.Errorf("%s: %v", name, until)
		}
	}
}
