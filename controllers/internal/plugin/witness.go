package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Witnessing is what kubectl chatpool witness is asked to do.
type Witnessing struct {
	// Own and Peer are the sites' clusters, Third is the witness's.
	Own, Peer, Third *Cluster
	Namespace, Pool  string
	// ThirdNamespace is where the Lease is; the pool's namespace when empty.
	ThirdNamespace string
	// OwnServer and PeerServer are the address of the witness's API server as this site's operator and the other one's reach
	// it; the caller's kubeconfig's when empty.
	OwnServer, PeerServer string
	DryRun                bool
	Out                   io.Writer
}

func witnessCommand(f *flags) *cobra.Command {
	w, third, server := Witnessing{}, access{}, ""
	c := &cobra.Command{
		Use: "witness POOL", Short: "Make a third cluster the witness of a pool with two sites",
		Long: `Makes in a third cluster a Lease, and a ServiceAccount that may get and update this one Lease, nothing else;
and puts a kubeconfig for it into the Secret POOL-witness in both sites. The third cluster needs nothing of
Chatpool. Then add spec.witness to the manifest, in both clusters. Repeat it at any time: it never touches
who holds the Lease. To revoke, delete the Secret POOL-witness-token in the third cluster. To change the
witness, take spec.witness out of the manifest in both clusters first.`,
		Example: "  kubectl chatpool witness -n chat --context home --peer-context backup --witness-context third trading",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if third.kubeconfig == "" && third.context == "" {
				return errors.New("say which is the witness's cluster: --witness-context, or --witness-kubeconfig")
			}
			if w.Own, w.Peer, err = f.both(); err != nil {
				return err
			}
			if third.kubeconfig == "" {
				third.kubeconfig = f.own.kubeconfig
			}
			if w.Third, _, err = f.connect(third); err != nil {
				return fmt.Errorf("the witness's cluster: %w", err)
			}
			w.Namespace, w.Pool, w.Out, w.OwnServer, w.PeerServer = f.namespace, args[0], c.OutOrStdout(), server, server
			return w.Run(c.Context())
		},
	}
	c.Flags().StringVar(&third.kubeconfig, "witness-kubeconfig", "", "kubeconfig for the witness's cluster; --kubeconfig by default")
	c.Flags().StringVar(&third.context, "witness-context", "", "context for the witness's cluster")
	c.Flags().StringVar(&w.ThirdNamespace, "witness-namespace", "", "namespace of the Lease in the witness's cluster, made if it is missing; the pool's by default")
	c.Flags().StringVar(&server, "witness-server", "", "address of the witness's API server for the operators; the kubeconfig's by default")
	c.Flags().BoolVar(&w.DryRun, "dry-run", false, "say what would be done, and do nothing")
	return c
}

// Run makes the Lease and who may use it, gives both sites a kubeconfig and prints the lines for the manifest.
func (w *Witnessing) Run(ctx context.Context) error {
	p := &Peering{Own: w.Own, Peer: w.Peer, Namespace: w.Namespace, Pool: w.Pool, DryRun: w.DryRun, Out: w.Out}
	pool, err := p.pool(ctx)
	if err != nil {
		return err
	}
	w.Third.Site = "" // it is none
	there := pool.DeepCopy()
	if w.ThirdNamespace != "" {
		there.Namespace = w.ThirdNamespace
	}
	if err := w.warn(ctx, p); err != nil {
		return err
	}
	if err := w.namespace(ctx, p, there.Namespace); err != nil {
		return err
	}
	for _, o := range witnessObjects(there) {
		if err := p.apply(ctx, w.Third, o); err != nil {
			return err
		}
	}
	for _, way := range []struct {
		site   *Cluster
		server string
	}{{w.Own, w.OwnServer}, {w.Peer, w.PeerServer}} {
		if err := w.way(ctx, p, pool, there, way.site, way.server); err != nil {
			return err
		}
	}
	lines, err := witnessLines(pool)
	if err != nil {
		return err
	}
	p.sayf("\nIn the manifest, the same in both clusters:\n\n%s", lines)
	return nil
}

// warn says when the witness is where one of the sites is: it is lost with it then.
func (w *Witnessing) warn(ctx context.Context, p *Peering) error {
	third, err := clusterID(ctx, w.Third)
	if err != nil || third == "" {
		return err
	}
	for _, c := range []*Cluster{w.Own, w.Peer} {
		id, err := clusterID(ctx, c)
		if err != nil {
			return err
		}
		if id == third {
			p.sayf("warning    the witness is in the cluster of site %s, and is lost with it: take a third cluster\n", c.Site)
		}
	}
	return nil
}

// clusterID tells clusters apart; empty: the caller may not read it.
func clusterID(ctx context.Context, c *Cluster) (types.UID, error) {
	n := &corev1.Namespace{}
	err := c.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, n)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", c.place(), err)
	}
	return n.UID, nil
}

// namespace makes the Lease's namespace where it is missing. Whoever may not look is to have one.
func (w *Witnessing) namespace(ctx context.Context, p *Peering, name string) error {
	err := w.Third.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{})
	switch {
	case err == nil, apierrors.IsForbidden(err):
		return nil
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("read Namespace %s in %s: %w", name, w.Third.place(), err)
	}
	return p.apply(ctx, w.Third, &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// way gives a site a kubeconfig for the witness.
func (w *Witnessing) way(ctx context.Context, p *Peering, pool, there *v1alpha1.ChatPool, site *Cluster, server string) error {
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metaOf(pool, naming.WitnessSecret(pool)), Type: corev1.SecretTypeOpaque,
	}
	if w.DryRun {
		return p.apply(ctx, site, secret)
	}
	token, ca, err := waitForToken(ctx, w.Third, there, naming.WitnessAccount(pool))
	if err != nil {
		return err
	}
	if server == "" {
		server = w.Third.Config.Host
	}
	if own := caOf(w.Third.Config); len(own) > 0 {
		ca = own
	}
	config, err := kubeconfig(server, "witness", there.Namespace, ca, token)
	if err != nil {
		return err
	}
	secret.Data = map[string][]byte{naming.KeyKubeconfig: config}
	return p.apply(ctx, site, secret)
}

// witnessObjects are what the third cluster has: the Lease, and who may get and update it.
func witnessObjects(pool *v1alpha1.ChatPool) []any {
	name := naming.WitnessAccount(pool)
	no := false
	return []any{
		&coordinationv1.Lease{
			TypeMeta: metav1.TypeMeta{APIVersion: coordinationv1.SchemeGroupVersion.String(), Kind: "Lease"}, ObjectMeta: metaOf(pool, naming.WitnessLease(pool)),
		},
		&corev1.ServiceAccount{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: metaOf(pool, name), AutomountServiceAccountToken: &no,
		},
		&rbacv1.Role{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: metaOf(pool, name),
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{coordinationv1.GroupName}, Resources: []string{"leases"}, ResourceNames: []string{naming.WitnessLease(pool)},
				Verbs: []string{"get", "update"},
			}},
		},
		&rbacv1.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"}, ObjectMeta: metaOf(pool, name),
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: pool.Namespace}},
		},
		token(pool, name),
	}
}

// witnessLines are spec.witness as it belongs into the manifest.
func witnessLines(pool *v1alpha1.ChatPool) ([]byte, error) {
	spec := pool.Spec.Witness
	if spec == nil {
		spec = &v1alpha1.WitnessSpec{}
	}
	return yaml.Marshal(map[string]any{"spec": map[string]any{"witness": spec}})
}
