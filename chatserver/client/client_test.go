package client_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/client/clienttest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "32") // the parallel tests do little but wait
	goleak.VerifyTestMain(m)
}

var people = map[string]string{"alice@example.com": "apple", "bob@example.com": "banana"}

func options(user string, servers ...*clienttest.Server) client.Options {
	o := client.Options{PlainTCP: true, User: user + "@example.com", Password: people[user+"@example.com"], Timeout: 5 * time.Second}
	for _, s := range servers {
		o.Servers = append(o.Servers, s.Addr)
	}
	return o
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.Dial(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	return c
}

// next gives the next event of a type; others are passed over.
func next[E client.Event](t *testing.T, c *client.Client) E {
	t.Helper()
	ctx := testContext(t)
	for {
		select {
		case e, open := <-c.Events():
			if got, ok := e.(E); ok {
				return got
			}
			if !open {
				t.Fatalf("events ended before a %T", *new(E))
			}
		case <-ctx.Done():
			t.Fatalf("no %T came", *new(E))
		}
	}
}

// drain reads events for nobody.
func drain(c *client.Client) {
	go func() {
		for range c.Events() {
		}
	}()
}

func TestTwoPeopleTalk(t *testing.T) {
	ctx := testContext(t)
	pool := clienttest.New(t, people, "Trading Desk", "Lunch")
	one, two := pool.Listen(), pool.Listen()
	pool.Say("Trading Desk", "sip:carol@example.com", "before")
	alice, bob := dial(t, options("alice", one)), dial(t, options("bob", two))

	rooms, err := alice.Rooms(ctx, "desk")
	if err != nil || len(rooms) != 1 || rooms[0].Name != "Trading Desk" || rooms[0].Privacy != chat.Open || rooms[0].Participants != 0 {
		t.Fatalf("rooms %+v, %v", rooms, err)
	}
	room, err := alice.Join(ctx, "trading desk")
	if err != nil || room.URI != pool.URI("Trading Desk") || room.Head != chat.At(1, 1) {
		t.Fatalf("room %+v, %v", room, err)
	}
	history, err := alice.History(ctx, "Trading Desk", 10)
	if err != nil || len(history) != 1 || history[0].Text != "before" || history[0].Author != "sip:carol@example.com" {
		t.Fatalf("history %+v, %v", history, err)
	}
	if _, err := bob.Join(ctx, room.URI); err != nil {
		t.Fatal(err)
	}
	if e := next[client.Entered](t, alice); e.User.URI != "sip:bob@example.com" || e.RoomURI != room.URI {
		t.Errorf("entered %+v", e)
	}
	users, err := alice.Participants(ctx, room.URI)
	if d := cmp.Diff([]client.User{{URI: "sip:alice@example.com", Name: "Alice"}, {URI: "sip:bob@example.com"}}, users); err != nil || d != "" {
		t.Error(err, d)
	}
	const text = "a < b & \"c\"\r\nнекто 🎉"
	r, err := bob.Post(ctx, room.URI, text)
	if err != nil || r.Sent != 1 || r.Refused != 0 || r.Acknowledged.IsZero() {
		t.Fatalf("receipt %+v, %v", r, err)
	}
	for _, c := range []*client.Client{alice, bob} {
		if m := next[client.Message](t, c); m.Text != text || m.Author != "sip:bob@example.com" || m.Pos != chat.At(1, 2) || m.Missing != 0 {
			t.Errorf("%s got %+v", c.User(), m)
		}
	}
	if err := bob.Part(ctx, "Trading Desk"); err != nil {
		t.Fatal(err)
	}
	if e := next[client.Left](t, alice); e.User.URI != "sip:bob@example.com" {
		t.Errorf("left %+v", e)
	}
	info, err := alice.ServerInfo(ctx)
	if err != nil || info.MessageSize != 8192 || info.Address != one.Addr {
		t.Errorf("info %+v, %v", info, err)
	}
	alice.Close()
	if _, open := <-alice.Events(); open {
		t.Error("events go on after Close")
	}
	if _, err := alice.Rooms(ctx, ""); err == nil {
		t.Error("a closed client answers")
	}
}

func TestRefusals(t *testing.T) {
	ctx := testContext(t)
	pool := clienttest.New(t, people, "Desk", "Vault")
	pool.Close("Vault", "sip:alice@example.com")
	alice := dial(t, options("alice", pool.Listen()))
	if _, err := alice.Join(ctx, "Desk"); err != nil {
		t.Fatal(err)
	}
	for sentence, c := range map[string]struct {
		do   func() error
		want chat.Kind
	}{
		"a room that does not exist": {func() error { _, err := alice.Join(ctx, "Nowhere"); return err }, chat.NotFound},
		"a room that is closed":      {func() error { _, err := alice.Join(ctx, "Vault"); return err }, chat.Denied},
		"a bad room URI":             {func() error { _, err := alice.Join(ctx, "ma-chan://x/y"); return err }, chat.Invalid},
		"an empty post":              {func() error { _, err := alice.Post(ctx, "Desk", ""); return err }, chat.Invalid},
		"a post that cannot be XML":  {func() error { _, err := alice.Post(ctx, "Desk", "a\x01"); return err }, chat.Invalid},
		"a post that is too large":   {func() error { _, err := alice.Post(ctx, "Desk", strings.Repeat("x", 9000)); return err }, chat.TooLarge},
		"a post in a room not joined": {func() error {
			r, err := alice.Post(ctx, "Vault", "hi")
			if r.InDoubt(err) {
				t.Error("a refused post is said to be in doubt")
			}
			return err
		}, chat.Denied},
		"the history of a room not joined":      {func() error { _, err := alice.History(ctx, "Vault", 5); return err }, chat.Conflict},
		"the participants of a room not joined": {func() error { _, err := alice.Participants(ctx, "Vault"); return err }, chat.Conflict},
	} {
		t.Run(sentence, func(t *testing.T) {
			if err := c.do(); chat.KindOf(err) != c.want || err == nil {
				t.Errorf("got %v, want kind %s", err, c.want)
			}
		})
	}
}

func TestRemovedFromARoom(t *testing.T) {
	ctx := testContext(t)
	pool := clienttest.New(t, people, "Desk")
	alice := dial(t, options("alice", pool.Listen()))
	if _, err := alice.Join(ctx, "Desk"); err != nil {
		t.Fatal(err)
	}
	pool.Close("Desk", "sip:alice@example.com")
	if e := next[client.Kicked](t, alice); e.RoomURI != pool.URI("Desk") || e.Reason == "" {
		t.Errorf("kicked %+v", e)
	}
	if _, err := alice.Post(ctx, "Desk", "still here?"); chat.KindOf(err) != chat.Denied {
		t.Errorf("post after the removal: %v", err)
	}
}

func TestDialSaysWhatToDo(t *testing.T) {
	pool := clienttest.New(t, people)
	plain, secure := pool.Listen(), pool.ListenTLS("chat.example.com")
	gone := pool.Listen()
	gone.Stop()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	policy := clienttest.New(t, people)
	policy.OnRequest = func(q clienttest.Request) clienttest.Action {
		if q.Method == "INVITE" {
			return clienttest.Forbid
		}
		return clienttest.Handle
	}
	for sentence, c := range map[string]struct {
		o    client.Options
		kind chat.Kind
		want string
	}{
		"a wrong password": {func() client.Options { o := options("alice", plain); o.Password = "pear"; return o }(), chat.Denied, "wrong password"},
		"an unknown CA":    {client.Options{Servers: []string{secure.Addr}, ServerName: "chat.example.com", User: "alice@example.com", Password: "apple"}, chat.Invalid, "-ca FILE"},
		"another name":     {client.Options{Servers: []string{secure.Addr}, RootCAs: secure.CA, User: "alice@example.com", Password: "apple"}, chat.Invalid, "is for chat.example.com, not for 127.0.0.1: give the right name with -server-name"},
		"TLS to a plain port": {client.Options{Servers: []string{plain.Addr}, User: "alice@example.com", Password: "apple", Timeout: 300 * time.Millisecond},
			chat.Unavailable, "without TLS (trials only), give -tcp"},
		"TLS to a port that waits": {client.Options{Servers: []string{silent.Addr().String()}, User: "alice@example.com", Password: "apple", Timeout: 300 * time.Millisecond},
			chat.Unavailable, "does not answer the TLS handshake"},
		"a server that says nothing": {client.Options{Servers: []string{silent.Addr().String()}, PlainTCP: true, User: "alice@example.com", Password: "apple", Timeout: 300 * time.Millisecond},
			chat.Unavailable, "the server does not answer"},
		"plain to a TLS port":     {options("alice", secure), chat.Unavailable, "leave out -tcp"},
		"nobody listens":          {options("alice", gone), chat.Unavailable, "connection refused"},
		"the policy says no":      {options("alice", policy.Listen()), chat.Denied, "not provisioned"},
		"no server":               {client.Options{User: "alice@example.com", Password: "x"}, chat.Invalid, "server: no server given"},
		"no address":              {client.Options{Servers: []string{"x"}, User: "alice", Password: "x"}, chat.Invalid, "alice@example.com"},
		"a host with a bad port":  {client.Options{Servers: []string{"a:b:c"}, User: "alice@example.com", Password: "x"}, chat.Invalid, "HOST:PORT"},
		"an endpoint with blanks": {client.Options{Servers: []string{"a"}, User: "alice@example.com", Password: "x", Endpoint: "a b"}, chat.Invalid, "endpoint"},
	} {
		t.Run(sentence, func(t *testing.T) {
			cl, err := client.Dial(testContext(t), c.o)
			if err == nil {
				cl.Abort()
				t.Fatal("signed in")
			}
			if chat.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %s error %q, want %s with %q", chat.KindOf(err), err, c.kind, c.want)
			}
		})
	}
}

func TestSignInOverTLS(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	s := pool.ListenTLS("chat.example.com")
	c := dial(t, client.Options{Servers: []string{s.Addr}, RootCAs: s.CA, ServerName: "chat.example.com", User: "sip:Alice@Example.com", Password: "apple"})
	if rooms, err := c.Rooms(testContext(t), ""); err != nil || len(rooms) != 1 {
		t.Errorf("rooms %+v, %v", rooms, err)
	}
	c.Close()
}

func TestDialTakesTheNextServerWhenOneIsDown(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	gone, here := pool.Listen(), pool.Listen()
	gone.Stop()
	c := dial(t, options("alice", gone, here))
	if info, err := c.ServerInfo(testContext(t)); err != nil || info.Address != here.Addr {
		t.Errorf("info %+v, %v", info, err)
	}
}

func TestConnectionsAreMadeByTheCallersDialer(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	s := pool.ListenTLS("pod-0.example.com")
	c := dial(t, client.Options{
		Servers: []string{"pod-0.example.com"}, RootCAs: s.CA, User: "alice@example.com", Password: "apple",
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "pod-0.example.com:5061" {
				t.Errorf("asked for %s", address)
			}
			return new(net.Dialer).DialContext(ctx, network, s.Addr)
		},
	})
	if _, err := c.Join(testContext(t), "Desk"); err != nil {
		t.Error(err)
	}
}

func TestALongReplyComesInSeveralDocuments(t *testing.T) {
	pool := clienttest.New(t, people, "One", "Two", "Three", "Four", "Five")
	c := dial(t, options("alice", pool.Listen()))
	rooms, err := c.Rooms(testContext(t), "")
	var names []string
	for _, r := range rooms {
		names = append(names, r.Name)
	}
	if d := cmp.Diff([]string{"One", "Two", "Three", "Four", "Five"}, names); err != nil || d != "" {
		t.Error(err, d)
	}
}

func TestPatientDialEndsWithItsContext(t *testing.T) {
	pool := clienttest.New(t, people)
	gone := pool.Listen()
	gone.Stop()
	o := options("alice", gone)
	o.Patient = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := client.Dial(ctx, o); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want the reason of the last try", err)
	}
}

func texts(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("message %d", i+1))
	}
	return out
}
