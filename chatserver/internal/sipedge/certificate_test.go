package sipedge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue writes a self-signed certificate of that serial number and its key.
func issue(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{domain},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		keyFile: {Type: "PRIVATE KEY", Bytes: der}, certFile: {Type: "CERTIFICATE", Bytes: cert},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTLSWithARenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if _, err := LoadCertificate(certFile, keyFile); err == nil {
		t.Error("it loaded what is not there")
	}
	issue(t, certFile, keyFile, 1)
	cert, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	go cert.Watch(t.Context(), 5*time.Millisecond, slog.New(slog.DiscardHandler))
	s, err := New(Options{Domain: domain, Backend: &backend{}, Limits: Limits{HandshakeTimeout: 2 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.ServeTLS(l, cert) }()
	t.Cleanup(func() {
		s.Shutdown(t.Context())
		<-served
	})
	connect := func() (*peer, int64) {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return newPeer(t, conn, "alice"), conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	old, serial := connect()
	old.signIn()
	old.write(old.request("INVITE", "", contact))
	old.accepted(old.want(200))
	if serial != 1 {
		t.Errorf("serial %d", serial)
	}
	issue(t, certFile, keyFile, 2)
	eventually(t, "the new certificate", func() bool { _, serial := connect(); return serial == 2 })
	if err := os.WriteFile(certFile, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCertificate(certFile, keyFile); err == nil || !strings.Contains(err.Error(), certFile) {
		t.Errorf("the error is %v", err)
	}
	fresh, serial := connect()
	if serial != 2 {
		t.Errorf("serial %d", serial)
	}
	fresh.signIn()
	old.write(old.request("INFO", "<x/>", plain))
	old.want(200)

	dial(t, l.Addr().String(), "alice").wantClosed() // never shakes hands
}
