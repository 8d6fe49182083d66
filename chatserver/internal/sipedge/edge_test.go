package sipedge

import (
	"bufio"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"
	"go.uber.org/goleak"

	"chatpool.dev/chatserver/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "example.test"

// backend is a Backend of which tests see everything.
type backend struct {
	mu       sync.Mutex
	dialogs  []*testDialog
	receive  func(d *testDialog, body []byte, answer func(Answer))
	disabled map[string]bool
	refuse   error
	away     *Away
	servers  []string // of both sites
	// signedOff are users with their endpoints
	signedOff []string
}

type testDialog struct {
	user, endpoint, uri string
	out                 Outbox
	b                   *backend
	mu                  sync.Mutex
	bodies              []string
	closed              int
}

func (b *backend) Credential(user, algorithm, realm string) (string, chat.Subject, error) {
	name, _, _ := strings.Cut(user, "@")
	if name != "alice" && name != "bob" {
		return "", chat.Subject{}, chat.Errorf(chat.NotFound, "no such user")
	}
	a1 := []byte(user + ":" + realm + ":secret-" + name)
	s := chat.Subject{User: chat.Principal("sip:" + name + "@" + domain)}
	sum := sha256.Sum256(a1)
	ha1 := hex.EncodeToString(sum[:])
	if algorithm == "MD5" {
		old := md5.Sum(a1)
		ha1 = hex.EncodeToString(old[:])
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.disabled[name] {
		return ha1, s, chat.Errorf(chat.Denied, "the account is disabled")
	}
	return ha1, s, nil
}

func (b *backend) Provisioning(chat.Subject) Provisioning {
	return Provisioning{Enabled: true, PoolURI: "sip:home@" + domain, Site: "home", Servers: b.servers}
}

func (b *backend) Away() *Away {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.away
}

func (b *backend) sendAway(a *Away) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = a
}

func (b *backend) Open(s chat.Subject, endpoint, uri string, to Outbox) (Dialog, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return nil, b.refuse
	}
	d := &testDialog{user: string(s.User), endpoint: endpoint, uri: uri, out: to, b: b}
	b.dialogs = append(b.dialogs, d)
	return d, nil
}

func (b *backend) SignedOff(s chat.Subject, endpoint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signedOff = append(b.signedOff, string(s.User)+" "+endpoint)
}

func (d *testDialog) Receive(body []byte, answer func(Answer)) {
	d.mu.Lock()
	d.bodies = append(d.bodies, string(body))
	d.mu.Unlock()
	if d.b.receive != nil {
		d.b.receive(d, body, answer)
		return
	}
	answer(Answer{})
}

func (d *testDialog) Closed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed++
}

func (d *testDialog) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed == 1
}

// last waits for the newest dialog of the backend.
func (b *backend) last(t testing.TB) *testDialog {
	t.Helper()
	var d *testDialog
	eventually(t, "a dialog", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.dialogs) > 0 {
			d = b.dialogs[len(b.dialogs)-1]
		}
		return d != nil
	})
	return d
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatalf("still waiting for %s after 10 s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// start runs a server on loopback until the test ends.
func start(t testing.TB, o Options) (s *Server, address string) {
	t.Helper()
	o.Domain = domain
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, listen(t, s)
}

// listen serves on loopback until the test ends, and then waits until nothing of the server is left.
func listen(t testing.TB, s *Server) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		for _, c := range s.stop() {
			c.out.cut()
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		s.running.Wait()
		s.closing.Wait()
	})
	return l.Addr().String()
}

// peer is a client made of text.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	user string
	cseq int
	// of the dialog
	callID, tag, toTag string
}

func dial(t testing.TB, address, user string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, conn, user)
}

func newPeer(t testing.TB, conn net.Conn, user string) *peer {
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{t: t, conn: conn, in: bufio.NewReader(conn), user: user, callID: "call-" + randomHex(4), tag: randomHex(4)}
}

func (p *peer) write(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// request makes a request of the peer's dialog; headers are whole lines.
func (p *peer) request(method, body string, headers ...string) string {
	p.cseq++
	return p.requestSeq(method, p.cseq, body, headers...)
}

func (p *peer) requestSeq(method string, seq int, body string, headers ...string) string {
	to := fmt.Sprintf("<sip:%s@%s>", p.user, domain)
	uri := "sip:" + domain
	if method != "REGISTER" && method != "SUBSCRIBE" {
		to, uri = "<sip:home@"+domain+">", "sip:home@"+domain
		if p.toTag != "" {
			to += ";tag=" + p.toTag
		}
	}
	lines := append([]string{
		method + " " + uri + " SIP/2.0", "Via: SIP/2.0/tcp 127.0.0.1:5060",
		fmt.Sprintf("From: <sip:%s@%s>;tag=%s;epid=0123456789ab", p.user, domain, p.tag), "To: " + to,
		"Call-ID: " + p.callID, fmt.Sprintf("CSeq: %d %s", seq, method),
	}, headers...)
	return strings.Join(lines, "\r\n") + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// read reads the next message.
func (p *peer) read() *message {
	p.t.Helper()
	m, err := p.tryRead()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return m
}

func (p *peer) tryRead() (*message, error) {
	limits := DefaultLimits()
	f := framer{in: p.in, limits: &limits}
	if ping, err := f.blank(); ping || err != nil {
		return &message{}, err
	}
	return f.next()
}

func (m *message) status() int {
	words := strings.SplitN(m.start, " ", 3)
	if len(words) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(words[1])
	return n
}

// want reads a response of that status.
func (p *peer) want(status int) *message {
	p.t.Helper()
	m := p.read()
	if m.status() != status || !m.isResponse() {
		p.t.Fatalf("got %q %q, want status %d", m.start, m.fields, status)
	}
	return m
}

// wantClosed reads until the server closes the connection.
func (p *peer) wantClosed() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.in); err != nil && !strings.Contains(err.Error(), "reset") {
		p.t.Fatalf("the connection was not closed: %v; read %q", err, rest)
	}
}

// credentials answers a challenge.
func (p *peer) credentials(challenge, password string) string {
	p.t.Helper()
	chal, err := digest.ParseChallenge(challenge)
	if err != nil {
		p.t.Fatalf("challenge %q: %v", challenge, err)
	}
	cred, err := digest.Digest(chal, digest.Options{Method: "REGISTER", URI: "sip:" + domain, Username: p.user, Password: password, Count: 1})
	if err != nil {
		p.t.Fatal(err)
	}
	return cred.String()
}

const contact = "Contact: <sip:peer@127.0.0.1:5060;transport=tcp>"

// signIn registers with Digest SHA-256.
func (p *peer) signIn() *message {
	p.t.Helper()
	p.write(p.request("REGISTER", "", contact))
	m := p.want(401)
	p.write(p.request("REGISTER", "", contact, "Authorization: "+p.credentials(m.get("www-authenticate"), "secret-"+p.user)))
	return p.want(200)
}

// invite opens a dialog.
func (p *peer) invite() {
	p.t.Helper()
	p.write(p.request("INVITE", "", contact))
	p.accepted(p.want(200))
}

func (p *peer) accepted(m *message) {
	_, p.toTag, _ = strings.Cut(m.get("to"), ";tag=")
	p.write(p.requestSeq("ACK", p.cseq, ""))
}

// ok answers a request of the server.
func (p *peer) ok(m *message, status int) {
	p.t.Helper()
	p.write(string(response(m, status, "", "x", nil, nil)))
}
