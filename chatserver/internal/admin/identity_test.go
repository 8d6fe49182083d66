package admin_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"chatpool.dev/chatserver/internal/admin"
)

// writeIdentity writes a self-signed certificate as all three files.
func writeIdentity(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, b := range map[string][]byte{
		"tls.crt": cert, "ca.crt": cert, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// served is the name in the certificate for the next client.
func served(t *testing.T, c *tls.Config) string {
	t.Helper()
	now, err := c.GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	if now.ClientAuth != tls.RequireAndVerifyClientCert || now.ClientCAs == nil {
		t.Error("clients need no certificate")
	}
	leaf, err := x509.ParseCertificate(now.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Subject.CommonName
}

func TestIdentityIsRenewedWithoutARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if _, err := admin.LoadIdentity(dir); err == nil {
			t.Error("no files are no error")
		}
		writeIdentity(t, dir, "first")
		id, err := admin.LoadIdentity(dir)
		if err != nil {
			t.Fatal(err)
		}
		c := id.Config()
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { id.Watch(ctx, time.Second, slog.New(slog.NewTextHandler(&log, nil))); close(done) }()
		writeIdentity(t, dir, "second")
		time.Sleep(1500 * time.Millisecond) // of the fake clock
		if got := served(t, c); got != "second" {
			t.Errorf("served %q after the renewal", got)
		}
		if err := os.WriteFile(filepath.Join(dir, "tls.key"), []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if got := served(t, c); got != "second" {
			t.Errorf("served %q after a broken renewal", got)
		}
		cancel()
		<-done
		if !bytes.Contains(log.Bytes(), []byte("cannot be used")) {
			t.Error("a broken renewal is not reported")
		}
	})
}
