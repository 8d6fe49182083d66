// Package poolapi connects the operator with the admin APIs of pools: HTTPS with the operator's client certificate,
// both ends certified by the pool's own CA. A connection is kept per pool and made anew when its certificates change.
package poolapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
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
	// Live lists pods; URLs, if set, says instead where each server's admin API is.
	Live client.Reader
	URLs func(*v1alpha1.ChatPool) map[string]string

	lock  sync.Mutex
	known map[types.NamespacedName]*connection // the name of a server's has the pod's after it
}

// +kubebuilder:rbac:groups="",resources=pods,verbs=list

// Each gives a client for each chat server whose pod exists, by the pod's name: past the Service, which leads to ready
// ones only. A pod without an address yet is left out.
func (c *Connector) Each(ctx context.Context, pool *v1alpha1.ChatPool) (map[string]*adminapi.Client, error) {
	urls, err := c.addresses(ctx, pool)
	if err != nil || len(urls) == 0 {
		return nil, err
	}
	out := map[string]*adminapi.Client{}
	for name, url := range urls {
		client, err := c.connect(ctx, pool, "/"+name, url)
		if err != nil {
			return nil, err
		}
		out[name] = client
	}
	return out, nil
}

// addresses are the URLs of the servers, by pod.
func (c *Connector) addresses(ctx context.Context, pool *v1alpha1.ChatPool) (map[string]string, error) {
	if c.URLs != nil {
		return c.URLs(pool), nil
	}
	var pods corev1.PodList
	if err := c.Live.List(ctx, &pods, client.InNamespace(pool.Namespace), client.MatchingLabels(naming.Selector(pool, naming.Chat))); err != nil {
		return nil, fmt.Errorf("list the servers' pods: %w", err)
	}
	out := map[string]string{}
	for _, p := range pods.Items {
		if p.Status.PodIP != "" && p.Status.Phase == corev1.PodRunning {
			out[p.Name] = "https://" + net.JoinHostPort(p.Status.PodIP, strconv.Itoa(naming.PortAdmin))
		}
	}
	return out, nil
}

type connection struct {
	client  *adminapi.Client
	url     string
	pool    types.UID
	secret  string // its resourceVersion
	checked time.Time
}

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get

// Connect gives the client of a pool.
func (c *Connector) Connect(ctx context.Context, pool *v1alpha1.ChatPool) (*adminapi.Client, error) {
	return c.connect(ctx, pool, "", c.url(pool))
}

func (c *Connector) connect(ctx context.Context, pool *v1alpha1.ChatPool, suffix, url string) (*adminapi.Client, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	key := client.ObjectKeyFromObject(pool)
	key.Name += suffix
	now := c.Now()
	old := c.known[key]
	if old != nil && old.url != url { // the pod was made anew
		old.client.CloseIdleConnections()
		old = nil
	}
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
	fresh := &connection{client: adminapi.NewClient(url, config), url: url, pool: pool.UID, secret: s.ResourceVersion, checked: now}
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
