package loadcheck

import (
	"context"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
)

// Config says what load to make. Servers, Rooms and Users are needed; zero values have the defaults given.
type Config struct {
	// Servers are HOST:PORT, those of both sites of a pool that has two; clients are spread over them, go to the others when
	// theirs is away, and follow the pool to where it is.
	Servers    []string
	ServerName string
	RootCAs    *x509.CertPool
	PlainTCP   bool
	// DialContext, if set, makes the connections: see client.Options.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Rooms are URIs or names. They must keep history.
	Rooms []string
	// Users write and read in turn. With the server's limit of E endpoints per user, every server must be able to take
	// all clients: (Writers + len(Rooms)*(Stayers+Returners)) / E users at least.
	Users []User
	// Checker reads the history at the end; default: the last of Users.
	Checker User
	// Writers, default 20, post Rate messages a second in total (default 200), of about TextBytes bytes (default 100).
	// Writer w uses RoomsPerWriter rooms (default 1) from room w on, every second writer in opposite order.
	Writers        int
	Rate           float64
	TextBytes      int
	RoomsPerWriter int
	// InFlight is how many posts of a writer may be under way at once; default 4. When all are, it is late and skips.
	InFlight int
	// Stayers and Returners are readers per room; default 2 and 2 (-1: none). A returner stays and is away for about Stay
	// and Away, by default 5 s and 2 s.
	Stayers, Returners int
	Stay, Away         time.Duration
	// Settle is how long, after the load, posts may take to be acknowledged, and then readers to have everything;
	// default 60 s each.
	Settle time.Duration
	// MaxAnswer, if set, is the longest that the answer to a post may take: a violation beyond it. Posts whose connection
	// is lost have no answer.
	MaxAnswer time.Duration
	// MaxPause, if set, is the longest stretch without an accepted post in any room: a violation beyond it.
	MaxPause time.Duration
	// Timeout is after how much silence a client gives its server up; default 6 s.
	Timeout time.Duration
	// Logf gets one line now and then; default: nobody.
	Logf func(format string, args ...any)
}

// User is somebody who can sign in.
type User struct{ Address, Password string }

func (c Config) withDefaults() (Config, error) {
	switch {
	case len(c.Servers) == 0:
		return c, chat.FieldErrorf("servers", "none given")
	case len(c.Rooms) == 0:
		return c, chat.FieldErrorf("rooms", "none given")
	case len(c.Users) == 0:
		return c, chat.FieldErrorf("users", "none given")
	}
	if c.Checker.Address == "" {
		c.Checker = c.Users[len(c.Users)-1]
	}
	for _, d := range []struct {
		v *int
		d int
	}{{&c.Writers, 20}, {&c.TextBytes, 100}, {&c.RoomsPerWriter, 1}, {&c.InFlight, 4}, {&c.Stayers, 2}, {&c.Returners, 2}} {
		if *d.v == 0 {
			*d.v = d.d
		}
		*d.v = max(*d.v, 0)
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Stay, 5 * time.Second}, {&c.Away, 2 * time.Second}, {&c.Settle, time.Minute}, {&c.Timeout, 6 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.Rate <= 0 {
		c.Rate = 200
	}
	c.RoomsPerWriter = min(c.RoomsPerWriter, len(c.Rooms))
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	return c, nil
}

// options are those of the i-th client at a server.
func (c *Config) options(u User, server int) client.Options {
	server %= len(c.Servers)
	return client.Options{
		Servers: slices.Concat(c.Servers[server:], c.Servers[:server]), ServerName: c.ServerName, RootCAs: c.RootCAs, PlainTCP: c.PlainTCP, DialContext: c.DialContext,
		User: u.Address, Password: u.Password, Timeout: c.Timeout, KeepAlive: c.Timeout, Patient: true, EventBuffer: 1024,
	}
}

// principal is the user's address as the pool writes it.
func (u User) principal() chat.Principal {
	return chat.Principal("sip:" + strings.TrimPrefix(strings.ToLower(u.Address), "sip:"))
}
