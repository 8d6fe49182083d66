package sipedge

import (
	"context"
	"log/slog"
	"net"

	"github.com/prometheus/client_golang/prometheus"
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
type Server struct{ o Options }

// New makes a server; Serve and ServeTLS give it listeners.
func New(o Options) (*Server, error) { return &Server{o: o}, nil }

// Serve accepts plain TCP connections until the listener fails or Shutdown is called; then it returns nil.
func (s *Server) Serve(l net.Listener) error { return nil }

// ServeTLS is Serve for TLS.
func (s *Server) ServeTLS(l net.Listener, c *Certificate) error { return nil }

// Shutdown stops accepting, moves every dialog (Moved), and waits until all connections are closed. When ctx ends before,
// it closes them at once and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error { return nil }
