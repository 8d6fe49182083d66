// Package plugin has the commands of kubectl chatpool. Each works on a pool in two clusters, given by two kubeconfigs
// or two contexts of one, with the rights of whoever calls it. A command says what it did, and with --dry-run what it
// would do; it can be repeated, and changes nothing that is already as it should be.
//
// What moves a pool is decided by the operators alone. A command writes what a person wants (spec.poolState,
// spec.failover, spec.servers.active, the words of package naming), after asking the statuses whether it can come true:
// what an operator would refuse is refused here, with the reason and what helps. A site that does not answer is never
// taken for one that is down.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cluster is one of the two clusters as the caller reaches it.
type Cluster struct {
	client.Client
	Config *rest.Config
	// Site is the cluster's name among spec.sites.
	Site string
	// Context is the kubeconfig's context by which it is reached; empty: the current one.
	Context string
	// isPeer: it is the other cluster, not this one.
	isPeer bool
}

// access is how a cluster is reached.
type access struct{ kubeconfig, context, site string }

// place names the cluster for people.
func (c *Cluster) place() string {
	if c.Site == "" {
		return "the witness's cluster"
	}
	return "site " + c.Site
}

// connector connects with a cluster, and tells the namespace of its context.
type connector func(access) (*Cluster, string, error)

// flags are those that all commands share.
type flags struct {
	namespace string
	own, peer access
	connect   connector
}

// Command is kubectl chatpool; it prints to out.
func Command(out io.Writer) *cobra.Command { return command(out, access.open) }

func command(out io.Writer, connect connector) *cobra.Command {
	f := &flags{connect: connect}
	root := &cobra.Command{
		Use: "kubectl-chatpool", Short: "Persistent chat pools in two sites",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl chatpool"},
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetOut(out)
	p := root.PersistentFlags()
	p.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the pool, the same in both clusters; the context's by default")
	p.StringVar(&f.own.kubeconfig, "kubeconfig", "", "kubeconfig for this cluster (or KUBECONFIG)")
	p.StringVar(&f.own.context, "context", "", "context for this cluster; the current one by default")
	p.StringVar(&f.own.site, "site", "", "this cluster's name in spec.sites; as its operator says by default")
	p.StringVar(&f.peer.kubeconfig, "peer-kubeconfig", "", "kubeconfig for the other cluster; --kubeconfig by default")
	p.StringVar(&f.peer.context, "peer-context", "", "context for the other cluster")
	p.StringVar(&f.peer.site, "peer-site", "", "the other cluster's name in spec.sites; as its operator says by default")
	root.AddCommand(peerCommand(f), witnessCommand(f), statusCommand(f), moveCommand(f, failover.Backup), moveCommand(f, failover.Home),
		serversCommand(f), activateCommand(f), releaseCommand(f), fenceCommand(f), salvageCommand(f), abandonTailCommand(f), reportCommand(f))
	return root
}

// open connects with a cluster.
func (a access) open() (*Cluster, string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = a.kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: a.context})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, "", err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, "", fmt.Errorf("connect with %s: %w", config.Host, err)
	}
	return &Cluster{Client: c, Config: config, Site: a.site, Context: a.context}, namespace, nil
}

func newScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	return s, errors.Join(clientscheme.AddToScheme(s), v1alpha1.AddToScheme(s))
}

// hasPeer tells whether the flags name a second cluster.
func (f *flags) hasPeer() bool { return f.peer.kubeconfig != "" || f.peer.context != "" }

// one connects with this cluster, and settles the namespace.
func (f *flags) one() (*Cluster, error) {
	own, namespace, err := f.connect(f.own)
	if err != nil {
		return nil, err
	}
	if f.namespace == "" {
		f.namespace = namespace
	}
	return own, nil
}

// both connects with both clusters, and settles the namespace.
func (f *flags) both() (own, peer *Cluster, err error) {
	if !f.hasPeer() {
		return nil, nil, errors.New("say which is the other cluster: --peer-context, or --peer-kubeconfig")
	}
	if own, err = f.one(); err != nil {
		return nil, nil, err
	}
	if f.peer.kubeconfig == "" {
		f.peer.kubeconfig = f.own.kubeconfig
	}
	if peer, _, err = f.connect(f.peer); err != nil {
		return nil, nil, fmt.Errorf("the other cluster: %w", err)
	}
	peer.isPeer = true
	return own, peer, nil
}

// given connects with the clusters that the flags name: one, or both.
func (f *flags) given() ([]*Cluster, error) {
	if !f.hasPeer() {
		own, err := f.one()
		return []*Cluster{own}, err
	}
	own, peer, err := f.both()
	return []*Cluster{own, peer}, err
}

// look asks the clusters that the flags name about a pool.
func (f *flags) look(ctx context.Context, pool string, pulse time.Duration) (View, error) {
	clusters, err := f.given()
	if err != nil {
		return View{}, err
	}
	return Look(ctx, clusters, client.ObjectKey{Namespace: f.namespace, Name: pool}, pulse)
}

// kubeconfig is a kubeconfig with a token.
func kubeconfig(server, name, namespace string, ca []byte, token string) ([]byte, error) {
	c := api.NewConfig()
	c.Clusters[name] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	c.AuthInfos[name] = &api.AuthInfo{Token: token}
	c.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	c.CurrentContext = name
	b, err := clientcmd.Write(*c)
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig for %s: %w", name, err)
	}
	return b, nil
}
