package client

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"net"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
)

// Options say who signs in where. Servers, User and Password are needed.
type Options struct {
	// Servers are tried in order, again and again, each as HOST or HOST:PORT (default 5061, or 5060 with PlainTCP). Of a pool
	// with two sites name those of both; what the servers say of each other comes in addition, but only over TLS.
	Servers []string
	// ServerName is the name in the server's certificate; default: the host of the server.
	ServerName string
	// RootCAs check the server's certificate; nil: the system's.
	RootCAs *x509.CertPool
	// PlainTCP speaks without TLS: for trials.
	PlainTCP bool
	// DialContext makes the connection under TLS; default: net.Dialer's. For networks where a server's name is no address.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// User is alice@example.com, with or without sip: before it.
	User     string
	Password string
	// Endpoint is this device's id, kept over reconnects; default: 12 random hexadecimal digits. At most 64 letters and digits.
	Endpoint string
	// Timeout bounds one sign-in and the wait for the answer to one request; default 6 s.
	Timeout time.Duration
	// KeepAlive is after how much silence of the server the client asks whether it lives; default 20 s.
	KeepAlive time.Duration
	// Window is how many posts may be under way at once; default 32. More callers of Post wait.
	Window int
	// EventBuffer is how many events may wait before the client stops reading; default 256.
	EventBuffer int
	// GiveUp bounds the search for a server that takes the user, by Dial, which then is patient, and after each loss: the error
	// of the final Disconnected is of kind Unavailable then. 0: no bound.
	GiveUp time.Duration
	// Patient lets Dial try until its context ends. Without it, Dial gives up when no server of the list answers.
	Patient bool
	// Log gets connects, losses and protocol faults; default: nobody. Never texts or passwords.
	Log *slog.Logger

	aor string // sip:alice@example.com
}

func (o Options) withDefaults() (Options, error) {
	user := o.User
	if !strings.HasPrefix(strings.ToLower(user), "sip:") {
		user = "sip:" + user
	}
	p, err := chat.ParsePrincipal(user)
	switch {
	case err != nil:
		return o, chat.FieldErrorf("user", "%q: want an address such as alice@example.com", o.User)
	case len(o.Servers) == 0:
		return o, chat.FieldErrorf("server", "no server given: want HOST or HOST:PORT")
	case o.Password == "":
		return o, chat.FieldErrorf("password", "no password given for %s", p)
	}
	o.aor = string(p)
	if o.Servers, err = withPorts(o.Servers, o.PlainTCP); err != nil {
		return o, err
	}
	if o.Endpoint == "" {
		o.Endpoint = randomHex(6)
	}
	if len(o.Endpoint) > 64 || strings.ContainsFunc(o.Endpoint, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}) {
		return o, chat.FieldErrorf("endpoint", "%q: want at most 64 letters and digits", o.Endpoint)
	}
	o.Timeout = orDefault(o.Timeout, 6*time.Second)
	o.KeepAlive = orDefault(o.KeepAlive, 20*time.Second)
	o.Window = orDefault(o.Window, 32)
	o.EventBuffer = orDefault(o.EventBuffer, 256)
	if o.DialContext == nil {
		o.DialContext = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// search bounds a search for a server.
func (o *Options) search(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.GiveUp > 0 {
		return context.WithTimeout(ctx, o.GiveUp)
	}
	return context.WithCancel(ctx)
}

func withPorts(servers []string, plain bool) ([]string, error) {
	port := "5061"
	if plain {
		port = "5060"
	}
	var out []string
	for _, s := range servers {
		if host, p, err := net.SplitHostPort(s); err == nil && host != "" && p != "" {
			out = append(out, s)
			continue
		}
		host := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
		if host == "" || strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return nil, chat.FieldErrorf("server", "%q: want HOST or HOST:PORT", s)
		}
		out = append(out, net.JoinHostPort(host, port))
	}
	return out, nil
}

func orDefault[T time.Duration | int](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails, as crypto/rand documents
	return hex.EncodeToString(b)
}
