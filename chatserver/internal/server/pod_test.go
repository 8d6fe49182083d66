package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/internal/server"
	"chatpool.dev/chatserver/internal/store/pgtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16") // the tests do little but wait
	goleak.VerifyTestMain(m)
}

const (
	domain   = "example.test"
	password = "correct horse"
	// patience is how long a test waits for what must happen.
	patience = 20 * time.Second
)

// pool is a pool under test: a database, a CA, and files that its pods read.
type pool struct {
	t        *testing.T
	dir      string
	config   adminapi.PoolConfig
	ca       *x509.Certificate
	caKey    *ecdsa.PrivateKey
	operator *tls.Config
	warnings atomic.Int64 // of all pods
}

// counted counts warnings and errors.
type counted struct {
	slog.Handler
	n *atomic.Int64
}

func (c counted) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		c.n.Add(1)
	}
	return c.Handler.Handle(ctx, r)
}

func (c counted) WithAttrs(a []slog.Attr) slog.Handler { return counted{c.Handler.WithAttrs(a), c.n} }
func (c counted) WithGroup(g string) slog.Handler      { return counted{c.Handler.WithGroup(g), c.n} }

// newPool makes a pool with a database of its own and the users alice, bob and carol, all in group staff, and root,
// an administrator.
func newPool(t *testing.T) *pool {
	t.Parallel()
	return newPoolAt(t, pgtest.Database(t))
}

func newPoolAt(t *testing.T, database string) *pool {
	p := &pool{t: t, dir: t.TempDir()}
	for _, d := range []string{"tls", "internal-tls", "users", "database", "database-ca"} {
		p.check(os.Mkdir(filepath.Join(p.dir, d), 0o700))
	}
	p.write("database/uri", []byte(database))
	p.config = adminapi.PoolConfig{
		Pool: "demo", Namespace: "chat", Domain: domain, Site: "home", PlainTCP: true, LegacyDigest: true,
		Listen: adminapi.Listen{SIPS: "127.0.0.1:0", SIP: "127.0.0.1:0", Admin: "127.0.0.1:0", HTTP: "127.0.0.1:0"},
		Files: adminapi.Files{
			TLS: p.path("tls"), InternalTLS: p.path("internal-tls"), Users: p.path("users"),
			Database: p.path("database"), DatabaseCA: p.path("database-ca"),
		},
		Database:  adminapi.Database{MaxConns: 8},
		Directory: adminapi.Directory{Type: adminapi.Static},
		Policy:    chat.Policy{Enabled: true},
		Limits:    chat.DefaultLimits(),
	}
	for _, name := range []string{"alice", "bob", "carol", "root"} {
		p.config.Directory.Users = append(p.config.Directory.Users, adminapi.DirectoryUser{
			Name: name, DisplayName: "The " + name, Groups: []string{"staff"}, Admin: name == "root",
		})
		p.write("users/"+name, []byte(password+"\n"))
	}
	p.makePKI()
	p.saveConfig()
	return p
}

func (p *pool) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pool) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pool) write(name string, b []byte) {
	p.t.Helper()
	p.check(os.WriteFile(p.path(name+".new"), b, 0o600))
	p.check(os.Rename(p.path(name+".new"), p.path(name)))
}

func (p *pool) saveConfig() {
	p.t.Helper()
	b, err := json.Marshal(p.config)
	p.check(err)
	p.write("config.json", b)
}

func (p *pool) makePKI() {
	var err error
	p.caKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &p.caKey.PublicKey, p.caKey)
	p.check(err)
	p.ca, err = x509.ParseCertificate(der)
	p.check(err)
	p.write("internal-tls/ca.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	for _, dir := range []string{"tls", "internal-tls"} {
		cert, key := p.issue("chat")
		p.write(dir+"/tls.crt", cert)
		p.write(dir+"/tls.key", key)
	}
	p.operator = p.clientTLS(adminapi.OperatorName)
}

// issue makes a certificate of the pool's CA, valid for 127.0.0.1 and as a client.
func (p *pool) issue(name string) (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.check(err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, p.ca, &k.PublicKey, p.caKey)
	p.check(err)
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	p.check(err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// clientTLS is the configuration of an admin API client whose certificate has the name.
func (p *pool) clientTLS(name string) *tls.Config {
	pair, err := tls.X509KeyPair(p.issue(name))
	p.check(err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: p.roots()}
}

func (p *pool) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(p.ca)
	return roots
}

// pod is one running server.
type pod struct {
	server.Addresses
	stop func() // and wait
}

// startPod runs a pod until the test ends or it is stopped, and waits until it is ready.
func (p *pool) startPod(name string) *pod {
	p.t.Helper()
	one := p.launch(name)
	p.await("pod "+name+" is ready", func(ctx context.Context) bool { return httpStatus(ctx, p.t, one, "/readyz") == 200 })
	return one
}

// launch runs a pod until the test ends or it is stopped.
func (p *pool) launch(name string) *pod {
	p.t.Helper()
	log := slog.New(counted{slog.NewTextHandler(p.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}), &p.warnings})
	s, err := server.New(server.Options{ConfigPath: p.path("config.json"), Pod: name, Version: "test", Log: log.With("pod", name)})
	p.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	one := &pod{Addresses: s.Addresses()}
	one.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			p.t.Errorf("pod %s ended with: %v", name, err)
		}
	}
	p.t.Cleanup(one.stop)
	return one
}

// await polls until the condition holds.
func (p *pool) await(what string, holds func(context.Context) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			p.t.Fatalf("waited in vain until: %s", what)
		case <-tick.C:
		}
	}
}

// admin is the operator's client to a pod.
func (p *pool) admin(one *pod) *adminapi.Client {
	c := adminapi.NewClient("https://"+one.Admin, p.operator)
	p.t.Cleanup(c.CloseIdleConnections)
	return c
}

// dial signs a user in at the pods, in their order.
func (p *pool) dial(user string, pods ...*pod) *client.Client {
	p.t.Helper()
	o := client.Options{User: user + "@" + domain, Password: password, RootCAs: p.roots(), Patient: true}
	for _, one := range pods {
		o.Servers = append(o.Servers, one.SIPS)
	}
	c, err := client.Dial(p.context(), o)
	p.check(err)
	p.t.Cleanup(c.Abort)
	return c
}

func (p *pool) context() context.Context {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	p.t.Cleanup(cancel)
	return ctx
}

// next gives the client's next event of a kind; others are passed over.
func next[E client.Event](p *pool, c *client.Client) E {
	p.t.Helper()
	e, err := await[E](p.context(), c)
	p.check(err)
	return e
}

func await[E client.Event](ctx context.Context, c *client.Client) (E, error) {
	var none E
	for {
		select {
		case e, open := <-c.Events():
			if got, ok := e.(E); ok {
				return got, nil
			}
			if !open {
				return none, fmt.Errorf("events ended before a %T", none)
			}
		case <-ctx.Done():
			return none, fmt.Errorf("no %T came", none)
		}
	}
}
