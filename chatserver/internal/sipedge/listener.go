package sipedge

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// Serve accepts plain TCP connections until the listener fails or Shutdown is called; then it returns nil.
func (s *Server) Serve(l net.Listener) error { return s.accept(l, nil) }

// ServeTLS is Serve for TLS (1.2 and newer).
func (s *Server) ServeTLS(l net.Listener, c *Certificate) error {
	return s.accept(l, &tls.Config{GetCertificate: c.Get, MinVersion: tls.VersionTLS12})
}

func (s *Server) accept(l net.Listener, t *tls.Config) error {
	s.mu.Lock()
	stopping := s.stopping
	s.listeners[l] = true
	s.mu.Unlock()
	if stopping {
		l.Close()
	}
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.admit(conn, t)
		case errors.Is(err, net.ErrClosed):
			return nil
		case isTemporary(err):
			s.log.Error("accept", "err", err)
			time.Sleep(50 * time.Millisecond) // out of file descriptors: others are being closed
		default:
			return err
		}
	}
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// admit starts a connection, or closes it when there are too many.
func (s *Server) admit(conn net.Conn, t *tls.Config) {
	address, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		address = conn.RemoteAddr().String()
	}
	s.mu.Lock()
	reason := ""
	switch {
	case s.stopping:
		reason = "stopping"
	case s.accepted >= s.limits.Connections:
		reason = "limit"
	case s.perIP[address] >= s.limits.ConnectionsPerIP:
		reason = "limit of the address"
	default:
		s.accepted++
		s.perIP[address]++
		s.running.Add(1)
	}
	s.mu.Unlock()
	if reason != "" {
		s.metrics.refused.WithLabelValues(reason).Inc()
		conn.Close()
		return
	}
	go s.run(conn, t, address)
}

func (s *Server) run(conn net.Conn, t *tls.Config, address string) {
	s.metrics.connections.Inc()
	defer func() {
		conn.Close()
		s.metrics.connections.Dec()
		s.mu.Lock()
		s.accepted--
		if s.perIP[address]--; s.perIP[address] == 0 {
			delete(s.perIP, address)
		}
		s.mu.Unlock()
		s.running.Done()
	}()
	raw, transport := conn, "TCP"
	if t != nil {
		secured := tls.Server(conn, t)
		conn.SetDeadline(time.Now().Add(s.limits.HandshakeTimeout))
		if err := secured.Handshake(); err != nil {
			s.metrics.refused.WithLabelValues("handshake").Inc()
			return
		}
		conn.SetDeadline(time.Time{})
		conn, transport = secured, "TLS"
	}
	c := newConnection(s, conn, raw, transport, address)
	s.mu.Lock()
	stopping := s.stopping
	s.connections[c] = true
	s.mu.Unlock()
	if !stopping {
		c.serve()
	}
	s.mu.Lock()
	delete(s.connections, c)
	s.mu.Unlock()
}
