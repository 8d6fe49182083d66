package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Peering is what kubectl chatpool peer is asked to do.
type Peering struct {
	// Own and Peer are the two clusters; Secrets that must be equal are copied from Own to Peer.
	Own, Peer       *Cluster
	Namespace, Pool string
	// OwnServer and PeerServer are the API servers' addresses as the other site's operator reaches them; those of the
	// caller's kubeconfigs when empty.
	OwnServer, PeerServer string
	DryRun                bool
	Out                   io.Writer
}

// tokenPatience is how long the cluster may take to fill in a token.
const tokenPatience = 20 * time.Second

func peerCommand(f *flags) *cobra.Command {
	p := Peering{}
	c := &cobra.Command{
		Use: "peer POOL", Short: "Let the operators of two sites read each other's ChatPool",
		Long: `Makes in each cluster a ServiceAccount that may read this ChatPool, the Lease beside it and the Secrets
that both sites share, nothing else, and puts a kubeconfig for it into a Secret of the other cluster.
Copies the shared Secrets that exist in this cluster to the other one where they are missing; the
operators keep them equal from then on. The namespace must exist in both clusters; the pool may be made
before or after. Repeat it at any time; to revoke, delete the Secret POOL-peer-token.`,
		Example: "  kubectl chatpool peer -n chat --context home --peer-context backup --site home --peer-site backup trading",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if p.Own, p.Peer, err = f.both(); err != nil {
				return err
			}
			p.Namespace, p.Pool, p.Out = f.namespace, args[0], c.OutOrStdout()
			return p.Run(c.Context())
		},
	}
	c.Flags().StringVar(&p.OwnServer, "server", "", "address of this cluster's API server for the other site's operator; the kubeconfig's by default")
	c.Flags().StringVar(&p.PeerServer, "peer-server", "", "address of the other cluster's API server for this site's operator")
	c.Flags().BoolVar(&p.DryRun, "dry-run", false, "say what would be done, and do nothing")
	return c
}

// Run makes both directions, copies Secrets and prints the lines for the manifest.
func (p *Peering) Run(ctx context.Context) error {
	pool, err := p.pool(ctx)
	if err != nil {
		return err
	}
	for _, way := range []struct {
		read, by *Cluster
		server   string
	}{{p.Peer, p.Own, p.PeerServer}, {p.Own, p.Peer, p.OwnServer}} {
		if err := p.way(ctx, pool, way.read, way.by, way.server); err != nil {
			return err
		}
	}
	if err := p.copy(ctx, pool); err != nil {
		return err
	}
	p.sayf("\nIn the manifest, the same in both clusters (databaseEndpoint: where the other site reaches the database):\n\n%s", lines(pool))
	return nil
}

// pool reads the pool as far as it exists, and settles what the sites are called.
func (p *Peering) pool(ctx context.Context) (*v1alpha1.ChatPool, error) {
	pool := &v1alpha1.ChatPool{}
	for _, c := range []*Cluster{p.Peer, p.Own} {
		found := &v1alpha1.ChatPool{}
		err := c.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: p.Pool}, found)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read ChatPool %s: %w", p.Pool, err)
		}
		if err == nil {
			if c.Site == "" {
				c.Site = found.Status.Site
			}
			pool = found
		}
	}
	pool.Name, pool.Namespace = p.Pool, p.Namespace
	if p.Own.Site == "" || p.Peer.Site == "" {
		return nil, errors.New("what the sites are called is not known yet: say --site and --peer-site, the names in spec.sites")
	}
	if p.Own.Site == p.Peer.Site {
		return nil, fmt.Errorf("both clusters are called site %s: one of --site and --peer-site is wrong, or the same cluster is given twice", p.Own.Site)
	}
	if !pool.HasTwoSites() {
		pool.Spec.Sites = []v1alpha1.Site{{Name: p.Own.Site, Role: v1alpha1.SitePrimary}, {Name: p.Peer.Site, Role: v1alpha1.SiteBackup}}
	}
	for _, c := range []*Cluster{p.Own, p.Peer} {
		if s := pool.Spec.Sites; s[0].Name != c.Site && s[1].Name != c.Site {
			return nil, fmt.Errorf("spec.sites has no site %q, but %s and %s: correct --site or --peer-site, or the operator's --site", c.Site, s[0].Name, s[1].Name)
		}
	}
	return pool, nil
}

// way lets the operator of by's site read the cluster read.
func (p *Peering) way(ctx context.Context, pool *v1alpha1.ChatPool, read, by *Cluster, server string) error {
	for _, o := range account(pool) {
		if err := p.apply(ctx, read, o); err != nil {
			return err
		}
	}
	site := siteOf(pool, read.Site)
	secret := peerSecret(pool, site, nil)
	if p.DryRun {
		return p.apply(ctx, by, secret)
	}
	token, ca, err := waitForToken(ctx, read, pool, naming.PeerAccount(pool))
	if err != nil {
		return err
	}
	if server == "" {
		server = read.Config.Host
	}
	if own := caOf(read.Config); len(own) > 0 {
		ca = own
	}
	config, err := kubeconfig(server, read.Site, pool.Namespace, ca, token)
	if err != nil {
		return err
	}
	secret.Data = map[string][]byte{naming.KeyKubeconfig: config}
	return p.apply(ctx, by, secret)
}

// waitForToken waits until the cluster has filled in the account's token.
func waitForToken(ctx context.Context, c *Cluster, pool *v1alpha1.ChatPool, account string) (token string, ca []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	name := tokenName(account)
	for {
		s := &corev1.Secret{}
		if err := c.Get(ctx, naming.Key(pool, name), s); err != nil && ctx.Err() == nil {
			return "", nil, fmt.Errorf("read Secret %s in %s: %w", name, c.place(), err)
		}
		if t := s.Data[corev1.ServiceAccountTokenKey]; len(t) > 0 {
			return string(t), s.Data[corev1.ServiceAccountRootCAKey], nil
		}
		select {
		case <-ctx.Done():
			return "", nil, fmt.Errorf("%s did not make a token for ServiceAccount %s within %v: does its controller manager run?", c.place(), account, tokenPatience)
		case <-tick.C:
		}
	}
}

func caOf(c *rest.Config) []byte {
	if len(c.CAData) > 0 {
		return c.CAData
	}
	full := rest.CopyConfig(c)
	if err := rest.LoadTLSFiles(full); err != nil {
		return nil // the token's Secret has the cluster's own CA
	}
	return full.CAData
}

// copy gives the other cluster the shared Secrets that it lacks.
func (p *Peering) copy(ctx context.Context, pool *v1alpha1.ChatPool) error {
	for _, name := range naming.EqualSecrets(pool) {
		ours, theirs := &corev1.Secret{}, &corev1.Secret{}
		errOurs, errTheirs := p.Own.Get(ctx, naming.Key(pool, name), ours), p.Peer.Get(ctx, naming.Key(pool, name), theirs)
		if err := errors.Join(client.IgnoreNotFound(errOurs), client.IgnoreNotFound(errTheirs)); err != nil {
			return fmt.Errorf("read Secret %s: %w", name, err)
		}
		switch {
		case apierrors.IsNotFound(errOurs):
			p.sayf("later   %-28s site %s has none yet; the operators copy it when it does\n", "Secret "+name, p.Own.Site)
		case apierrors.IsNotFound(errTheirs):
			if err := p.apply(ctx, p.Peer, copied(pool, ours)); err != nil {
				return err
			}
		case maps.EqualFunc(ours.Data, theirs.Data, bytes.Equal):
			p.sayf("equal   %-28s in both sites\n", "Secret "+name)
		default:
			p.sayf("differs %-28s the operator of the standby takes over the active site's\n", "Secret "+name)
		}
	}
	return nil
}

func (p *Peering) sayf(format string, args ...any) { fmt.Fprintf(p.Out, format, args...) } //nolint:errcheck // a terminal

// lines are spec.sites as they belong into the manifest.
func lines(pool *v1alpha1.ChatPool) string {
	sites := make([]v1alpha1.Site, 0, 2)
	for _, s := range pool.Spec.Sites {
		s.KubeconfigSecretName = v1alpha1.ObjectName(naming.PeerSecret(pool, s))
		if s.DatabaseEndpoint == "" {
			s.DatabaseEndpoint = "db." + s.Name + ".example.com:5432"
		}
		sites = append(sites, s)
	}
	b, err := yaml.Marshal(map[string]any{"spec": map[string]any{"sites": sites}})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func siteOf(pool *v1alpha1.ChatPool, name string) v1alpha1.Site {
	for _, s := range pool.Spec.Sites {
		if s.Name == name {
			return s
		}
	}
	return v1alpha1.Site{Name: name}
}
