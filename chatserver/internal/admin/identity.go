package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

// Identity is the server's certificate for the admin API and the CA of its clients, from the files tls.crt, tls.key and
// ca.crt of a directory. They may be renewed at any time.
type Identity struct {
	dir     string
	seen    [3][]byte // of LoadIdentity and Watch alone
	current atomic.Pointer[tls.Config]
}

// LoadIdentity reads the files.
func LoadIdentity(dir string) (*Identity, error) {
	i := &Identity{dir: dir}
	if _, err := i.reload(); err != nil {
		return nil, err
	}
	return i, nil
}

// Config is for the listener: mutual TLS with the files as they are at each handshake.
func (i *Identity) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return i.current.Load(), nil },
	}
}

// Watch reads the files again and again until ctx ends. Files that cannot be used are logged, and the last good ones
// stay in use.
func (i *Identity) Watch(ctx context.Context, every time.Duration, log *slog.Logger) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		switch changed, err := i.reload(); {
		case err != nil:
			log.Error("the admin API's certificate cannot be used, the last one stays", "err", err)
		case changed:
			log.Info("the admin API's certificate was renewed")
		}
	}
}

func (i *Identity) reload() (changed bool, err error) {
	var files [3][]byte
	for n, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if files[n], err = os.ReadFile(filepath.Join(i.dir, name)); err != nil {
			return false, fmt.Errorf("read the admin API's identity: %w", err)
		}
		changed = changed || !bytes.Equal(files[n], i.seen[n])
	}
	if !changed {
		return false, nil
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return false, fmt.Errorf("admin API's certificate in %q: %w", i.dir, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(files[2]) {
		return false, fmt.Errorf("admin API's CA %q: no certificate in it", filepath.Join(i.dir, "ca.crt"))
	}
	i.current.Store(&tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		NextProtos:   []string{"h2", "http/1.1"},
	})
	i.seen = files
	return true, nil
}

// operatorOnly lets in who proved to be the operator.
func operatorOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || r.TLS.PeerCertificates[0].Subject.CommonName != adminapi.OperatorName {
			writeProblem(w, chat.Errorf(chat.Denied, "only the client certificate of %s is let in", adminapi.OperatorName))
			return
		}
		next.ServeHTTP(w, r)
	})
}
