package sipedge

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Certificate is a certificate with its key in two files that somebody else renews.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	seen              [sha256.Size]byte // of both files at the last load; Watch alone uses it after LoadCertificate
}

// LoadCertificate reads both files (PEM).
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Get is for tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// Watch reads the files again and again until ctx ends. Files that cannot be used are logged, and the last good ones
// stay in use.
func (c *Certificate) Watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch changed, err := c.reload(); {
		case err != nil:
			log.Error("the certificate cannot be used; the last one stays", "err", err)
		case changed:
			log.Info("certificate renewed", "file", c.certFile, "until", c.current.Load().Leaf.NotAfter)
		}
	}
}

func (c *Certificate) reload() (changed bool, err error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return false, fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("read key: %w", err)
	}
	sum := sha256.Sum256(append(append(cert, 0), key...))
	if sum == c.seen {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("certificate %q with key %q: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	c.seen = sum
	return true, nil
}
