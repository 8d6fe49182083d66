package clienttest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Server is one listener of a pool.
type Server struct {
	// Addr is host:port.
	Addr string
	// Site is what it says of its site, if the pool names servers; set it before clients come.
	Site string
	// CAFile holds the CA certificate in PEM, CA the same ready for use. Both are empty without TLS.
	CAFile string
	CA     *x509.CertPool

	pool     *Pool
	listener net.Listener
	mu       sync.Mutex
	conns    map[net.Conn]bool
	stopped  bool
}

// Listen starts a server without TLS.
func (p *Pool) Listen() *Server {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	return p.serve(l, &Server{})
}

// papers are a certificate and the CA that it is of, in PEM.
type papers struct {
	certificate tls.Certificate
	authority   []byte
}

// ListenTLS starts a server whose certificate is for the DNS name given. Servers of one name have the same certificate.
func (p *Pool) ListenTLS(name string) *Server {
	p.t.Helper()
	its, known := p.papers[name]
	if !known {
		its.certificate, its.authority = certify(p.t, name)
		p.papers[name] = its
	}
	authority := its.authority
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{its.certificate}})
	if err != nil {
		p.t.Fatal(err)
	}
	s := &Server{CA: x509.NewCertPool(), CAFile: filepath.Join(p.t.TempDir(), "ca.crt")}
	s.CA.AppendCertsFromPEM(authority)
	if err := os.WriteFile(s.CAFile, authority, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return p.serve(l, s)
}

func (p *Pool) serve(l net.Listener, s *Server) *Server {
	s.Addr, s.pool, s.listener, s.conns = l.Addr().String(), p, l, map[net.Conn]bool{}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !s.track(conn) {
				continue
			}
			wg.Go(func() {
				newSession(p, s, conn).serve(bufio.NewReader(conn))
				s.drop(conn)
			})
		}
	})
	p.t.Cleanup(func() {
		s.Stop()
		wg.Wait()
	})
	return s
}

// track notes a connection; a stopped server closes it.
func (s *Server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		_ = conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *Server) drop(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close()
}

// Stop closes the listener and cuts all connections.
func (s *Server) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	_ = s.listener.Close()
	s.CutAll()
}

// CutAll cuts all connections; new ones are taken.
func (s *Server) CutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// certify makes a CA and a certificate of it for a DNS name.
func certify(t testing.TB, name string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
}
