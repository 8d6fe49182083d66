// Package peer reads the other site of a pool: its ChatPool, and the Secrets that must be equal in both sites; nothing
// else, which is all that the kubeconfig gives a right to. Every question has a deadline, and an answer is either
// complete and read from the other API server just now, or an error. It also connects package witness with its cluster.
//
// The kubeconfig comes from a Secret that anybody may have written who may write Secrets in the pool's namespace, so it
// may neither run a program nor name files of ours.
package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/sites"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patience is how long an answer may take.
const Patience = 1500 * time.Millisecond

// fresh is how long a connection is used without looking at its Secret again.
const fresh = 10 * time.Second

// Reader reads objects.
type Reader interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
}

// Link is a connection with another cluster.
type Link struct {
	client.Client
	// Namespace is that of the kubeconfig's context; empty: it names none.
	Namespace string
}

// Connector reads other sites. It is safe for concurrent use.
type Connector struct {
	// Reader reads this cluster.
	Reader Reader
	Scheme *runtime.Scheme

	lock  sync.Mutex
	known map[types.NamespacedName]*connection
}

type connection struct {
	link    *Link
	secret  types.UID
	version string
	checked time.Time
}

// Pool reads the pool's object in the other site.
func (c *Connector) Pool(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) (*v1alpha1.ChatPool, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	r, err := c.connect(ctx, own, pair.Peer)
	if err != nil {
		return nil, err
	}
	p := &v1alpha1.ChatPool{}
	if err := r.Get(ctx, client.ObjectKeyFromObject(own), p); apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("site %s has no ChatPool %s: apply the manifest there, too", pair.Peer.Name, own.Name)
	} else if err != nil {
		return nil, fmt.Errorf("read the ChatPool in site %s: %w", pair.Peer.Name, err)
	}
	return p, nil
}

// Beat reads the annotations of the site's Lease; there are none before its operator has begun.
func (c *Connector) Beat(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	r, err := c.connect(ctx, own, pair.Peer)
	if err != nil {
		return nil, err
	}
	l := &coordinationv1.Lease{}
	if err := r.Get(ctx, naming.Key(own, naming.SiteLease(own)), l); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read the counter of site %s: %w", pair.Peer.Name, err)
	}
	return l.Annotations, nil
}

// Secrets reads those that must be equal in both sites, as far as the other site has them.
func (c *Connector) Secrets(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) ([]*corev1.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*Patience)
	defer cancel()
	r, err := c.connect(ctx, own, pair.Peer)
	if err != nil {
		return nil, err
	}
	var out []*corev1.Secret
	for _, name := range naming.EqualSecrets(own) {
		s := &corev1.Secret{}
		if err := r.Get(ctx, naming.Key(own, name), s); apierrors.IsNotFound(err) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("read Secret %s in site %s: %w", name, pair.Peer.Name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// connect gives a reader of the other site.
func (c *Connector) connect(ctx context.Context, own *v1alpha1.ChatPool, site v1alpha1.Site) (Reader, error) {
	return c.Link(ctx, naming.Key(own, naming.PeerSecret(own, site)), "site "+site.Name, "kubectl chatpool peer "+own.Name)
}

// Link connects by the kubeconfig in a Secret, anew when the Secret changed. Errors say whose it is, and by which command
// it is made.
func (c *Connector) Link(ctx context.Context, key types.NamespacedName, whose, command string) (*Link, error) {
	c.lock.Lock()
	old := c.known[key]
	c.lock.Unlock()
	if old != nil && time.Since(old.checked) < fresh {
		return old.link, nil
	}
	s := &corev1.Secret{}
	if err := c.Reader.Get(ctx, key, s); apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Secret %s by which %s could be read: make it by %s", key.Name, whose, command)
	} else if err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", key.Name, err)
	}
	next := &connection{secret: s.UID, version: s.ResourceVersion, checked: time.Now()}
	if old != nil && old.secret == next.secret && old.version == next.version {
		next.link = old.link
	} else {
		var err error
		if next.link, err = c.open(s.Data[naming.KeyKubeconfig]); err != nil {
			return nil, fmt.Errorf("use Secret %s for %s, made by %s: %w", key.Name, whose, command, err)
		}
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.known == nil {
		c.known = map[types.NamespacedName]*connection{}
	}
	c.known[key] = next
	return next.link, nil
}

// open connects by a kubeconfig. It asks the other cluster nothing yet.
func (c *Connector) open(kubeconfig []byte) (*Link, error) {
	raw, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", naming.KeyKubeconfig, err)
	}
	if err := harmless(raw); err != nil {
		return nil, err
	}
	config, err := clientcmd.NewDefaultClientConfig(*raw, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", naming.KeyKubeconfig, err)
	}
	config.QPS, config.Burst, config.Timeout = 20, 40, 2*Patience
	config.UserAgent = naming.FieldOwner
	// The three kinds are known, so the other API server is not asked what it has.
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(v1alpha1.GroupVersion.WithKind("ChatPool"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	mapper.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), meta.RESTScopeNamespace)
	link := &Link{}
	if used := raw.Contexts[raw.CurrentContext]; used != nil {
		link.Namespace = used.Namespace
	}
	link.Client, err = client.New(config, client.Options{Scheme: c.Scheme, Mapper: mapper})
	return link, err
}

// harmless refuses a kubeconfig that runs something, reads our files or trusts anybody.
func harmless(raw *api.Config) error {
	if len(raw.Clusters) == 0 {
		return fmt.Errorf("key %s is missing or names no cluster", naming.KeyKubeconfig)
	}
	for name, u := range raw.AuthInfos {
		if u.Exec != nil || u.AuthProvider != nil || u.TokenFile != "" || u.ClientCertificate != "" || u.ClientKey != "" {
			return fmt.Errorf("user %q runs a program or names a file, which is refused: use a token or embedded certificates", name)
		}
	}
	for name, cl := range raw.Clusters {
		if cl.CertificateAuthority != "" {
			return fmt.Errorf("cluster %q names a file, which is refused: use certificate-authority-data", name)
		}
		if cl.InsecureSkipTLSVerify {
			return errors.New("insecure-skip-tls-verify is refused: use certificate-authority-data")
		}
	}
	return nil
}
