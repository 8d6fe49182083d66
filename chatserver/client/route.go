package client

import (
	"net"
	"slices"
	"strings"
	"time"

	"chatpool.dev/chatserver/client/internal/sip"
)

// maxLearned bounds the servers that are known from hints alone.
const maxLearned = 8

// route decides which server is tried next. What servers say of others is a hint: it adds to the user's list, and never takes
// from it. It has no I/O.
type route struct {
	configured []string
	learned    []string      // the newest last
	next       int           // of configured, where a round begins
	current    string        // the last one that took the user
	round      []string      // still to be tried in this round
	tried      []string      // in this round
	rounds     int           // that are over, of this search
	after      time.Duration // the shortest time after which a server of this round wants the client back; 0: none said
}

// begin starts a round: the user's servers in turn, beginning after the last one that was tried; then the learned ones. Who was
// at a learned one begins there: it stands for a whole site.
func (r *route) begin() {
	r.tried, r.after = nil, 0
	r.round = slices.Concat(r.configured[r.next:], r.configured[:r.next], r.learned)
	if i := slices.Index(r.round, r.current); i >= 0 && !r.known(r.current) {
		r.round = slices.Insert(slices.Delete(r.round, i, i+1), 0, r.current)
	}
}

// take gives the server to try; it begins a new round when one is over.
func (r *route) take() string {
	if len(r.round) == 0 {
		r.begin()
	}
	server := r.round[0]
	r.round = r.round[1:]
	r.tried = append(r.tried, server)
	if i := slices.Index(r.configured, server); i >= 0 {
		r.next = (i + 1) % len(r.configured)
	}
	return server
}

// over tells that every server was tried.
func (r *route) over() bool { return len(r.round) == 0 }

// known tells a server that the user named from one that another server named.
func (r *route) known(server string) bool { return slices.Contains(r.configured, server) }

// learn takes the name of a server, HOST:PORT, from a hint.
func (r *route) learn(server string) {
	if r.known(server) || slices.Contains(r.learned, server) {
		return
	}
	if len(r.learned) == maxLearned {
		r.learned = r.learned[1:]
	}
	r.learned = append(r.learned, server)
	r.round = append(r.round, server)
}

// follow lets a server that another one has pointed at be the next, unless this round has tried it: two servers that point at
// each other keep nobody from a third.
func (r *route) follow(server string) {
	r.learn(server)
	if slices.Contains(r.tried, server) {
		return
	}
	r.round = slices.DeleteFunc(r.round, func(s string) bool { return s == server })
	r.round = slices.Insert(r.round, 0, server)
}

// target reads the Contact of a redirect. Only TLS is followed, so that nobody is led from TLS to plain TCP.
func target(m *sip.Message) string {
	uri := sip.Address(m.Get("Contact"))
	address, params, _ := strings.Cut(uri, ";")
	scheme, hostport, _ := strings.Cut(address, ":")
	if _, host, found := strings.Cut(hostport, "@"); found {
		hostport = host
	}
	params, _, _ = strings.Cut(strings.ToLower(params), "?")
	tls := strings.EqualFold(scheme, "sips") || slices.Contains(strings.Split(params, ";"), "transport=tls")
	if !tls {
		return ""
	}
	return hinted(hostport)
}

// hinted gives HOST:PORT of a hint, or "" if it is none.
func hinted(s string) string {
	if host, port, err := net.SplitHostPort(s); err != nil || host == "" || port == "" {
		return ""
	}
	if strings.ContainsAny(s, " \t<>\"/@,;") || len(s) > 300 {
		return ""
	}
	return s
}
