package twosites

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/plugin"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const limit = 40 * time.Second

func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); ; <-tick.C {
		err := ok()
		if err == nil {
			return
		}
		if time.Since(start) > limit {
			t.Fatalf("waited %v for %s; last objection: %v", limit, what, err)
		}
	}
}

// throughout asks again and again that something stays so, for as long as both operators looked twice more.
func throughout(t *testing.T, ns, what string, ok func() error, sites ...*site) {
	t.Helper()
	for _, s := range sites {
		from := heartbeat(s, ns)
		eventually(t, "the operator of "+s.name+" to beat", func() error {
			if err := ok(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if n := heartbeat(s, ns); n < from+2 {
				return fmt.Errorf("at %d, from %d", n, from)
			}
			return nil
		})
	}
}

func heartbeat(s *site, ns string) int64 {
	if p, err := s.read(ns); err == nil && p.Status.Peer != nil {
		return p.Status.Peer.Heartbeat
	}
	return 0
}

func (s *site) read(ns string) (*v1alpha1.ChatPool, error) {
	p := &v1alpha1.ChatPool{}
	return p, s.Client.Get(context.Background(), client.ObjectKey{Namespace: ns, Name: "demo"}, p)
}

// says tells whether a condition of the pool is as wanted, and what it says else.
func (s *site) says(ns, name string, status metav1.ConditionStatus, reason string) error {
	p, err := s.read(ns)
	if err != nil {
		return err
	}
	c := meta.FindStatusCondition(p.Status.Conditions, name)
	if c == nil {
		return fmt.Errorf("%s: no condition %s among %v", s.name, name, p.Status.Conditions)
	}
	if c.Status != status || reason != "" && c.Reason != reason {
		return fmt.Errorf("%s: %s is %s, %s: %s", s.name, name, c.Status, c.Reason, c.Message)
	}
	return nil
}

// namespace makes one namespace in both sites, and pool an object of the same manifest in each.
func namespace(t *testing.T) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	if err := home.Client.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := backup.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name}}); err != nil {
		t.Fatal(err)
	}
	return n.Name
}

func (s *site) create(t *testing.T, ns string, change ...func(*v1alpha1.ChatPool)) *v1alpha1.ChatPool {
	t.Helper()
	p := &v1alpha1.ChatPool{ObjectMeta: metav1.ObjectMeta{Name: "demo", Namespace: ns}}
	p.Spec.Domain = "example.com"
	p.Spec.Directory.Static.Users = []v1alpha1.StaticUser{{Name: "alice"}}
	p.Spec.Sites = []v1alpha1.Site{
		{Name: "home", Role: v1alpha1.SitePrimary, DatabaseEndpoint: "10.1.1.11:30432",
			DatabaseService: &v1alpha1.DatabaseService{Type: corev1.ServiceTypeNodePort, NodePort: 30432}},
		{Name: "backup", Role: v1alpha1.SiteBackup, DatabaseEndpoint: "db.backup.example.com:5432"},
	}
	for _, c := range change {
		c(p)
	}
	if err := s.Client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// peering runs kubectl chatpool peer while the token controllers are played.
func peering(t *testing.T, ns string, dryRun bool) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for _, s := range []*site{home, backup} {
		go s.playTokens(ctx, ns)
	}
	var out bytes.Buffer
	p := &plugin.Peering{Own: home.cluster(), Peer: backup.cluster(), Namespace: ns, Pool: "demo", DryRun: dryRun, Out: &out}
	if err := p.Run(ctx); err != nil {
		t.Fatalf("kubectl chatpool peer: %v; it said:\n%s", err, out.String())
	}
	return out.String()
}

// playTokens fills in the token of the peer account as the token controller does.
func (s *site) playTokens(ctx context.Context, ns string) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ctx.Err() == nil; <-tick.C {
		secret := &corev1.Secret{}
		if err := s.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: "demo-peer-token"}, secret); err != nil {
			continue
		}
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: secret.Annotations[corev1.ServiceAccountNameKey]}}
		request := &authenticationv1.TokenRequest{}
		if len(secret.Data["token"]) > 0 || s.Client.SubResource("token").Create(ctx, account, request) != nil {
			continue
		}
		before := secret.DeepCopy()
		secret.Data = map[string][]byte{"token": []byte(request.Status.Token), "ca.crt": s.Config.CAData}
		_ = s.Client.Patch(ctx, secret, client.MergeFrom(before))
	}
}

// database reads the Cluster of the pool; nil if there is none.
func (s *site) database(ns string) (*cnpg.Cluster, error) {
	u := clusterObject(ns)
	if err := s.Client.Get(context.Background(), client.ObjectKeyFromObject(u), u); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return cnpg.Read(u)
}

func clusterObject(ns string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	u.SetNamespace(ns)
	u.SetName("demo-db")
	return u
}

// none objects to there being a database.
func (s *site) none(ns string) error {
	c, err := s.database(ns)
	if err == nil && c != nil {
		err = fmt.Errorf("%s has a database: %+v", s.name, c.Spec.Bootstrap)
	}
	return err
}

// playDatabase does what CloudNativePG does: two instances are healthy.
func (s *site) playDatabase(t *testing.T, ns string) {
	t.Helper()
	eventually(t, "the Cluster in "+s.name, func() error {
		u := clusterObject(ns)
		if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}
		before := u.DeepCopy()
		u.Object["status"] = map[string]any{
			"phase": cnpg.PhaseHealthy, "instances": int64(2), "readyInstances": int64(2), "currentPrimary": "demo-db-1",
			"targetPrimary": "demo-db-1", "instancesStatus": map[string]any{"healthy": []any{"demo-db-1", "demo-db-2"}},
		}
		return s.Client.Status().Patch(t.Context(), u, client.MergeFrom(before))
	})
}

// playMetrics does what the database's metrics do.
func (s *site) playMetrics(ns string, recovery, receiving, position, oldest int64, followers ...string) {
	text := ""
	for name, v := range map[string]int64{"recovery": recovery, "receiving": receiving, "position": position, "oldest": oldest} {
		text += fmt.Sprintf("# TYPE cnpg_chatpool_site_%s gauge\ncnpg_chatpool_site_%s %d\n", name, name, v)
	}
	for _, f := range followers {
		text += fmt.Sprintf("# TYPE cnpg_chatpool_follower_lag_bytes gauge\ncnpg_chatpool_follower_lag_bytes{name=%q,state=\"streaming\"} 100\n", f)
		text += fmt.Sprintf("# TYPE cnpg_chatpool_follower_lag_seconds gauge\ncnpg_chatpool_follower_lag_seconds{name=%q,state=\"streaming\"} 0.2\n", f)
	}
	s.metrics.Store(ns, text)
}

// deadEnd is a kubeconfig that leads to nobody.
func deadEnd() *api.Config {
	c := api.NewConfig()
	c.Clusters["x"] = &api.Cluster{Server: "https://127.0.0.1:1"}
	c.AuthInfos["x"] = &api.AuthInfo{Token: "t"}
	c.Contexts["x"] = &api.Context{Cluster: "x", AuthInfo: "x"}
	c.CurrentContext = "x"
	return c
}
