package sipedge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"chatpool.dev/chatserver/internal/auth"
)

// Options of a Server. Domain and Backend are needed.
type Options struct {
	Domain  string // SIP domain of the pool and realm of Digest
	Backend Backend
	// LegacyDigest tells whether MD5 and pidgin-sipe's way of Digest are accepted; it is asked at every sign-in. Nil = never.
	LegacyDigest func() bool
	Limits       Limits                // zero fields take DefaultLimits
	Log          *slog.Logger          // nil = none
	Metrics      prometheus.Registerer // nil = none
}

// Server is the SIP side of a chat server.
type Server struct {
	domain       string
	backend      Backend
	legacyDigest func() bool
	limits       Limits
	log          *slog.Logger
	metrics      *metrics
	verifier     *auth.Verifier

	mu          sync.Mutex
	listeners   map[net.Listener]bool
	connections map[*connection]bool
	perIP       map[string]int
	accepted    int // connections from accepting to closing
	stopping    bool

	running sync.WaitGroup // connections
	closing sync.WaitGroup // calls of Dialog.Closed
}

// New makes a server; Serve and ServeTLS give it listeners.
func New(o Options) (*Server, error) {
	if o.Domain == "" || o.Backend == nil {
		return nil, fmt.Errorf("sip edge: a domain and a backend are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LegacyDigest == nil {
		o.LegacyDigest = func() bool { return false }
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("sip edge: metrics: %w", err)
	}
	domain := strings.ToLower(o.Domain)
	return &Server{
		domain: domain, backend: o.Backend, legacyDigest: o.LegacyDigest, limits: o.Limits.withDefaults(),
		log: o.Log, metrics: m, verifier: auth.NewVerifier(domain, o.Backend.Credential, o.Log),
		listeners: map[net.Listener]bool{}, connections: map[*connection]bool{}, perIP: map[string]int{},
	}, nil
}

// Shutdown stops accepting, moves every dialog (Moved), and waits until all connections are closed. When ctx ends before,
// it closes them at once and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.stop() {
		c.move()
	}
	quiet := make(chan struct{})
	go func() {
		s.running.Wait()
		s.closing.Wait()
		close(quiet)
	}()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
	}
	for _, c := range s.open() {
		c.out.cut()
	}
	<-quiet
	return ctx.Err()
}

// stop closes the listeners and lists the connections.
func (s *Server) stop() []*connection {
	s.mu.Lock()
	s.stopping = true
	for l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()
	return s.open()
}

func (s *Server) open() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		out = append(out, c)
	}
	return out
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// quotable makes text of an error safe between quotes in a header, and bounds it.
func quotable(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return oneLine(strings.NewReplacer(`"`, "'", `\`, "/").Replace(s))
}
