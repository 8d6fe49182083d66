package sipedge

import (
	"io"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/chat"
)

func TestRefusedBeforeSignIn(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}})
	for method, want := range map[string]int{
		"INVITE": 403, "INFO": 403, "SUBSCRIBE": 403, "BYE": 403, "UPDATE": 403, "CANCEL": 403,
		"OPTIONS": 200, "MESSAGE": 405, "SERVICE": 405, "PUBLISH": 405, "FLY": 501, "invite": 501,
	} {
		p := dial(t, address, "alice")
		p.write(p.request(method, "", contact))
		if got := p.read().status(); got != want {
			t.Errorf("%s: %d, want %d", method, got, want)
		}
	}
}

func TestFromMustBeTheSignedInUser(t *testing.T) {
	b := &backend{}
	_, address := start(t, Options{Backend: b})
	p := dial(t, address, "alice")
	p.signIn()
	p.invite()
	for _, method := range []string{"INFO", "INVITE", "SUBSCRIBE", "BYE", "REGISTER"} {
		p.user = "bob"
		p.write(p.request(method, "", contact))
		p.want(403)
		p.user = "ALICE"
	}
	p.write(p.request("INFO", "<ok/>", "Content-Type: text/plain"))
	p.want(200)
	if d := b.last(t); len(d.bodies) != 1 {
		t.Errorf("the session got %q", d.bodies)
	}
}

func TestKeepAlive(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}})
	p := dial(t, address, "alice")
	p.write("\r\n\r\n")
	pong := make([]byte, 2)
	if _, err := io.ReadFull(p.in, pong); err != nil || string(pong) != "\r\n" {
		t.Fatalf("got %q, %v", pong, err)
	}
	p.write("\r\n" + p.request("OPTIONS", ""))
	p.want(200)
}

func TestWhatIsTooLargeIsRefusedAndTheConnectionClosed(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}, Limits: Limits{HeaderBytes: 2000, BodyBytes: 1000}})
	for name, c := range map[string]struct {
		body, header string
		want         int
	}{
		"a body":       {body: strings.Repeat("x", 1001), header: "X: y", want: 413},
		"a header":     {header: "X: " + strings.Repeat("x", 2000), want: 513},
		"many headers": {header: strings.Repeat("X: y\r\n", 400) + "X: y", want: 513},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, address, "alice")
			io.WriteString(p.conn, p.request("OPTIONS", c.body, "A: b\r\n"+c.header+"\r\nY: z"))
			if got := p.read().status(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
			p.wantClosed()
		})
	}
}

func TestSilenceEndsTheConnection(t *testing.T) {
	limits := Limits{SignInTimeout: 3 * time.Second, MessageTimeout: time.Second, IdleTimeout: time.Second}
	_, address := start(t, Options{Backend: &backend{}, Limits: limits})
	for name, talk := range map[string]func(*peer){
		"nobody signs in":          func(p *peer) { p.write(p.request("OPTIONS", "")); p.want(200) },
		"half a message":           func(p *peer) { p.write("OPTIONS sip:x") },
		"a body that never comes":  func(p *peer) { p.write(strings.Replace(p.request("OPTIONS", ""), "Length: 0", "Length: 9", 1)) },
		"nothing after signing in": func(p *peer) { p.signIn() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := dial(t, address, "alice")
			talk(p)
			p.wantClosed()
		})
	}
}

// A client that sends a byte now and then does not keep its connection for ever.
func TestSlowSender(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}, Limits: Limits{MessageTimeout: 200 * time.Millisecond}})
	p := dial(t, address, "alice")
	text := p.request("OPTIONS", "", "X: "+strings.Repeat("y", 4000))
	begin := time.Now()
	for i := range text {
		if _, err := p.conn.Write([]byte{text[i]}); err != nil {
			return
		}
		<-time.After(5 * time.Millisecond)
		if time.Since(begin) > 10*time.Second {
			t.Fatal("still connected after 10 s")
		}
	}
	t.Fatal("the whole message was taken")
}

// Whoever begins the next message before the last one is answered is never idle; his time to sign in ends all the same.
func TestBusyClientMustSignInToo(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}, Limits: Limits{SignInTimeout: 200 * time.Millisecond}})
	p := dial(t, address, "alice")
	rest := ""
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		next := p.request("OPTIONS", "")
		if _, err := io.WriteString(p.conn, rest+next[:10]); err != nil {
			return
		}
		rest = next[10:]
		if p.cseq == 1 {
			continue // there is no answer yet
		}
		if _, err := p.tryRead(); err != nil {
			return
		}
	}
	t.Error("still served after 5 s")
}

func TestConnectionLimits(t *testing.T) {
	for name, limits := range map[string]Limits{"of all": {Connections: 2}, "of an address": {ConnectionsPerIP: 2}} {
		t.Run(name, func(t *testing.T) {
			s, address := start(t, Options{Backend: &backend{}, Limits: limits})
			first, second := dial(t, address, "alice"), dial(t, address, "alice")
			for _, p := range []*peer{first, second} {
				p.write(p.request("OPTIONS", ""))
				p.want(200)
			}
			dial(t, address, "alice").wantClosed()
			first.conn.Close()
			eventually(t, "the first connection to be over", func() bool { return len(s.open()) == 1 })
			eventually(t, "room for another one", func() bool {
				p := dial(t, address, "alice")
				io.WriteString(p.conn, p.request("OPTIONS", ""))
				m, err := p.tryRead()
				return err == nil && m.status() == 200
			})
		})
	}
}

func TestOpenRefused(t *testing.T) {
	for kind, want := range map[chat.Kind]int{
		chat.Denied: 403, chat.NotFound: 404, chat.TooLarge: 486, chat.Unavailable: 503, chat.Invalid: 400, chat.Conflict: 503,
	} {
		b := &backend{refuse: chat.Errorf(kind, "because of \"that\"\r\nX: y")}
		_, address := start(t, Options{Backend: b})
		p := dial(t, address, "alice")
		p.signIn()
		p.write(p.request("INVITE", "", contact))
		m := p.want(want)
		if m.has("x") || !strings.Contains(m.get("warning"), `"because of 'that'  X: y"`) {
			t.Errorf("%s: %q", kind, m.fields)
		}
		if want == 503 && m.get("retry-after") == "" {
			t.Errorf("%s: no Retry-After", kind)
		}
	}
}

// fragile is a backend with a bug.
type fragile struct{ backend }

func (f *fragile) Open(s chat.Subject, endpoint, uri string, to Outbox) (Dialog, error) {
	if s.User == "sip:bob@"+domain {
		panic("a bug")
	}
	return f.backend.Open(s, endpoint, uri, to)
}

func TestPanicEndsItsConnectionAlone(t *testing.T) {
	_, address := start(t, Options{Backend: &fragile{}})
	alice, bob := dial(t, address, "alice"), dial(t, address, "bob")
	alice.signIn()
	alice.invite()
	bob.signIn()
	bob.write(bob.request("INVITE", "", contact))
	bob.wantClosed()
	alice.write(alice.request("INFO", "<x/>", plain))
	alice.want(200)
}

func TestInviteRefused(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}, Limits: Limits{Dialogs: 2}})
	p := dial(t, address, "alice")
	p.signIn()
	sdp := "Content-Type: application/sdp"
	for name, c := range map[string]struct {
		body    string
		headers []string
		want    int
	}{
		"without Contact":             {"", nil, 400},
		"with a body of another type": {"x", []string{contact, "Content-Type: text/plain"}, 415},
		"with audio alone":            {"v=0\r\nm=audio 1 RTP/AVP 0\r\n", []string{contact, sdp}, 488},
		"with an extension":           {"", []string{contact, "Require: magic"}, 420},
		"with a packed body":          {"x", []string{contact, sdp, "Content-Encoding: gzip"}, 415},
	} {
		p.write(p.request("INVITE", c.body, c.headers...))
		if got := p.read().status(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	p.write(p.request("INVITE", "v=0\r\nm=audio 9 RTP/AVP 0\r\nm=message 9 sip null\r\n", contact, sdp))
	m := p.want(200)
	if !strings.Contains(string(m.body), "m=audio 0 RTP/AVP 0\r\nm=message 9 sip null\r\n") {
		t.Errorf("answer %q", m.body)
	}
	p.write(p.requestSeq("INVITE", p.cseq, "", contact))
	p.want(482)
	p.write(p.request("INVITE", "", contact))
	p.want(200)
	p.write(p.request("INVITE", "", contact))
	p.want(486)
}

func TestSubscriptions(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{}})
	p := dial(t, address, "alice")
	p.signIn()
	p.write(p.request("SUBSCRIBE", "", "Event: presence"))
	p.want(489)
	p.write(p.request("SUBSCRIBE", "", "Event: vnd-microsoft-provisioning-v2"))
	p.want(421)
	p.write(p.request("SUBSCRIBE", "", "Event: vnd-microsoft-provisioning-v2", "Supported: a, ms-piggyback-first-notify"))
	if m := p.want(200); !strings.Contains(string(m.body), `<property name="DefaultPersistentChatPoolUri">sip:home@example.test</property>`) {
		t.Errorf("%q", m.body)
	}
}
