// Package poolapi connects the operator with the admin APIs of pools: HTTPS with the operator's client certificate,
// both ends certified by the pool's own CA. A connection is kept per pool and made anew when its certificates change.
package poolapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fresh is how long a connection is used without looking at its Secret again.
const fresh = 10 * time.Second

// Reader reads Secrets.
type Reader interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
}

// Connector gives clients of pools' admin APIs. It is safe for concurrent use.
type Connector struct {
	Reader Reader
	Now    func() time.Time
	// URL is where a pool's admin API is; nil means its admin Service. The server's certificate must always be for
	// the Service's name.
	URL func(*v1alpha1.ChatPool) string

	lock  sync.Mutex
	known map[types.NamespacedName]*connection
}

type connection struct {
	client  *adminapi.Client
	pool    types.UID
	secret  string // its resourceVersion
	checked time.Time
}

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get

// Connect gives the client of a pool.
func (c *Connector) Connect(ctx context.Context, pool *v1alpha1.ChatPool) (*adminapi.Client, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	key := client.ObjectKeyFromObject(pool)
	now := c.Now()
	old := c.known[key]
	if old != nil && old.pool == pool.UID && now.Sub(old.checked) < fresh {
		return old.client, nil
	}
	s := &corev1.Secret{}
	if err := c.Reader.Get(ctx, naming.Key(pool, naming.OperatorTLSSecret(pool)), s); err != nil {
		return nil, fmt.Errorf("read the client certificate for pool %q: %w", pool.Name, err)
	}
	if old != nil && old.pool == pool.UID && old.secret == s.ResourceVersion {
		old.checked = now
		return old.client, nil
	}
	config, err := tlsConfig(s, naming.AdminHost(pool))
	if err != nil {
		return nil, fmt.Errorf("read the client certificate in Secret %q: %w", s.Name, err)
	}
	if old != nil {
		old.client.CloseIdleConnections()
	}
	if c.known == nil {
		c.known = map[types.NamespacedName]*connection{}
	}
	fresh := &connection{client: adminapi.NewClient(c.url(pool), config), pool: pool.UID, secret: s.ResourceVersion, checked: now}
	c.known[key] = fresh
	return fresh.client, nil
}

// Forget drops a pool's connection: it may lead to a server that is gone, and the next one to another.
func (c *Connector) Forget(pool *v1alpha1.ChatPool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	key := client.ObjectKeyFromObject(pool)
	if old := c.known[key]; old != nil {
		old.client.CloseIdleConnections()
		delete(c.known, key)
	}
}

func (c *Connector) url(pool *v1alpha1.ChatPool) string {
	if c.URL != nil {
		return c.URL(pool)
	}
	return fmt.Sprintf("https://%s:%d", naming.AdminHost(pool), naming.PortAdmin)
}

func tlsConfig(s *corev1.Secret, host string) (*tls.Config, error) {
	cert, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.Data[build.KeyCACert]) {
		return nil, errors.New("ca.crt has no certificate")
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, RootCAs: roots, ServerName: host}, nil
}
