package twosites

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/peer"
	"chatpool.dev/controllers/internal/plugin"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// equalSecrets objects unless the shared Secrets are there and equal in both sites.
func equalSecrets(ns string) error {
	for _, name := range []string{"demo-ca", "demo-db-shared-ca", "demo-db-chat", "demo-db-compliance", "demo-users"} {
		a, b := &corev1.Secret{}, &corev1.Secret{}
		key := client.ObjectKey{Namespace: ns, Name: name}
		if err := errors.Join(home.Client.Get(context.Background(), key, a), backup.Client.Get(context.Background(), key, b)); err != nil {
			return err
		}
		if len(a.Data) == 0 || len(a.Data) != len(b.Data) {
			return fmt.Errorf("Secret %s has %d and %d keys", name, len(a.Data), len(b.Data))
		}
		for k := range a.Data {
			if !bytes.Equal(a.Data[k], b.Data[k]) {
				return fmt.Errorf("Secret %s differs in %s", name, k)
			}
		}
	}
	return nil
}

// bothUp makes a pool in both sites that lives in lives and is followed by the other.
func bothUp(t *testing.T, lives, follows *site, change ...func(*v1alpha1.ChatPool)) string {
	t.Helper()
	ns := namespace(t)
	home.create(t, ns, change...)
	backup.create(t, ns, change...)
	peering(t, ns, false)
	lives.playDatabase(t, ns)
	lives.playMetrics(ns, 0, 0, 5000, 1000, follows.name)
	follows.playDatabase(t, ns)
	follows.playMetrics(ns, 1, 1, 4900, 1000)
	for _, s := range []*site{lives, follows} {
		eventually(t, "failover to be ready", func() error { return s.says(ns, v1alpha1.ConditionFailoverReady, "True", v1alpha1.ReasonFollowing) })
	}
	return ns
}

func TestPeeringAndFirstCreation(t *testing.T) {
	ns := namespace(t)
	home.create(t, ns)
	backup.create(t, ns)
	for _, s := range []*site{home, backup} {
		eventually(t, "the operator to say what it waits for", func() error {
			p, err := s.read(ns)
			if err != nil {
				return err
			}
			for _, c := range p.Status.Conditions {
				if c.Type == v1alpha1.ConditionReady && strings.Contains(c.Message, "kubectl chatpool peer") && strings.Contains(c.Message, "--new-pool") {
					return s.says(ns, v1alpha1.ConditionReady, "False", v1alpha1.ReasonPeerUnknown)
				}
			}
			return fmt.Errorf("%+v", p.Status.Conditions)
		})
	}
	throughout(t, ns, "no database while the other site is unknown", func() error { return errors.Join(home.none(ns), backup.none(ns)) }, home, backup)

	if out := peering(t, ns, true); !strings.Contains(out, "would make Secret demo-peer-backup") {
		t.Errorf("a dry run says:\n%s", out)
	}
	if err := home.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "demo-peer-backup"}, &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Fatalf("a dry run made a Secret: %v", err)
	}
	out := peering(t, ns, false)
	for _, want := range []string{"made       Role demo-peer", "in site backup", "kubeconfigSecretName: demo-peer-home", "databaseEndpoint: 10.1.1.11:30432"} {
		if !strings.Contains(out, want) {
			t.Errorf("peer does not say %q, but:\n%s", want, out)
		}
	}
	eventually(t, "home to make an empty database", func() error {
		c, err := home.database(ns)
		if err != nil || c == nil || c.Spec.Bootstrap.InitDB == nil || c.Follows() {
			return fmt.Errorf("%+v, %w", c, err)
		}
		return nil
	})
	throughout(t, ns, "backup waits for home's database", func() error { return backup.none(ns) }, backup)
	home.playDatabase(t, ns)
	eventually(t, "backup to copy it", func() error {
		c, err := backup.database(ns)
		if err != nil || c == nil || c.Spec.Bootstrap.PGBaseBackup == nil || c.Spec.Bootstrap.InitDB != nil || !c.Follows() {
			return fmt.Errorf("%+v, %w", c, err)
		}
		return nil
	})
	eventually(t, "equal Secrets", func() error { return equalSecrets(ns) })
	if again := peering(t, ns, false); strings.Contains(again, "made ") || strings.Contains(again, "changed ") || strings.Count(again, "equal ") != 5 {
		t.Errorf("repeating it says:\n%s", again)
	}
}

func TestAStandbySite(t *testing.T) {
	ns := bothUp(t, home, backup)
	eventually(t, "backup to be ready as a standby", func() error { return backup.says(ns, v1alpha1.ConditionReady, "True", "") })
	p, err := backup.read(ns)
	if err != nil {
		t.Fatal(err)
	}
	if p.Status.State != v1alpha1.StateStandby || p.Status.Role != v1alpha1.RoleStandby || p.Status.Replication.Lag != "200ms" || *p.Status.Replication.LagBytes != 100 {
		t.Errorf("backup says %+v, %+v", p.Status, p.Status.Replication)
	}
	set := &appsv1.StatefulSet{}
	if err := backup.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "demo-chat"}, set); err != nil || *set.Spec.Replicas != 0 {
		t.Errorf("servers in the standby: %v, %v", set.Spec.Replicas, err)
	}
	slice := &discoveryv1.EndpointSlice{}
	if err := backup.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "demo-db-site-home"}, slice); err != nil || slice.Endpoints[0].Addresses[0] != "10.1.1.11" {
		t.Errorf("the name of home's database leads to %+v, %v", slice.Endpoints, err)
	}
	for _, s := range []*site{home, backup} {
		eventually(t, "each to know the other alive", func() error { return s.says(ns, v1alpha1.ConditionPeerReady, "True", "") })
	}
	// A new user's password goes from the active site to the other.
	hp, err := home.read(ns)
	if err != nil {
		t.Fatal(err)
	}
	for s, p := range map[*site]*v1alpha1.ChatPool{home: hp, backup: p} {
		before := p.DeepCopy()
		p.Spec.Directory.Static.Users = append(p.Spec.Directory.Static.Users, v1alpha1.StaticUser{Name: "zoe"})
		if err := s.Client.Patch(t.Context(), p, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "zoe's password in both sites", func() error {
		users := &corev1.Secret{}
		if err := backup.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "demo-users"}, users); err != nil {
			return err
		}
		if len(users.Data["zoe"]) == 0 {
			return errors.New("backup has none")
		}
		return equalSecrets(ns)
	})
	var out bytes.Buffer
	if err := plugin.Show(&out, "demo", []plugin.Seen{{Pool: hp}, {Pool: p}}); err != nil || !strings.Contains(out.String(), "Streaming, lag 200ms / 100 bytes") {
		t.Errorf("status says, %v:\n%s", err, out.String())
	}
	// The link of the databases is cut, then the standby cannot be asked at all: false, and unknown.
	home.playMetrics(ns, 0, 0, 6000, 1000)
	backup.playMetrics(ns, 1, 0, 4900, 1000)
	for _, s := range []*site{home, backup} {
		eventually(t, "failover not to be ready", func() error { return s.says(ns, v1alpha1.ConditionFailoverReady, "False", v1alpha1.ReasonNotFollowing) })
	}
	home.metrics.Delete(ns)
	eventually(t, "home to know nothing", func() error { return home.says(ns, v1alpha1.ConditionFailoverReady, "Unknown", "") })
}

// A site that was rebuilt from nothing joins the one that lives, whatever its role, and gets the shared Secrets.
func TestARebuiltHomeFollows(t *testing.T) {
	ns := bothUp(t, backup, home, func(p *v1alpha1.ChatPool) { p.Spec.PoolState = v1alpha1.FailedOver })
	// In the manifest home is where the pool lives again; nothing moves for that, but a careless home would begin anew.
	p, err := home.read(ns)
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Client.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	eventually(t, "home's pool to be gone", func() error {
		if _, err := home.read(ns); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	first, err := home.database(ns)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if err := home.Client.Delete(t.Context(), clusterObject(ns)); err != nil {
		t.Fatal(err)
	}
	for _, name := range naming.EqualSecrets(p) {
		if err := home.Client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	home.create(t, ns)
	eventually(t, "home to follow", func() error {
		c, err := home.database(ns)
		if err != nil || c == nil {
			return fmt.Errorf("no database: %w", err)
		}
		if c.Spec.Bootstrap.InitDB != nil || !c.Follows() {
			t.Fatalf("home began anew beside backup: %+v", c.Spec.Bootstrap)
		}
		return equalSecrets(ns)
	})
}

// Without an answer only a person's word makes a database, and the word is good once.
func TestAPersonSaysThatThePoolIsNew(t *testing.T) {
	ns := namespace(t)
	home.create(t, ns)
	silent, err := clientcmd.Write(*deadEnd())
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Client.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "demo-peer-backup"}, Data: map[string][]byte{peer.KeyKubeconfig: silent},
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "home to wait", func() error { return home.says(ns, v1alpha1.ConditionReady, "False", v1alpha1.ReasonPeerUnknown) })
	throughout(t, ns, "no database while backup does not answer", func() error { return home.none(ns) }, home)
	eventually(t, "the other site to be unknown", func() error { return home.says(ns, v1alpha1.ConditionPeerReady, "Unknown", "") })
	if err := plugin.SayNew(t.Context(), home.cluster(), ns, "demo", &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	home.playDatabase(t, ns)
	eventually(t, "home to know its data", func() error {
		if p, err := home.read(ns); err != nil || p.Status.Database.Data != v1alpha1.DataPresent || p.Status.Role != v1alpha1.RoleActive {
			return fmt.Errorf("%+v, %w", p.Status, err)
		}
		return nil
	})
	if err := plugin.SayNew(t.Context(), home.cluster(), ns, "demo", &bytes.Buffer{}); err == nil {
		t.Error("a site with a database may be said to be new")
	}
	if err := home.Client.Delete(t.Context(), clusterObject(ns)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "home to know that it lost its data", func() error { return home.says(ns, v1alpha1.ConditionStalled, "True", v1alpha1.ReasonDataLost) })
	throughout(t, ns, "the word of the first time makes no second database", func() error { return home.none(ns) }, home)
}

// A standby that needs a log that is gone is copied anew by itself.
func TestAStandbyThatFellBehindIsClonedAnew(t *testing.T) {
	ns := bothUp(t, home, backup)
	old, err := backup.database(ns)
	if err != nil {
		t.Fatal(err)
	}
	home.playMetrics(ns, 0, 0, 9000, 4901)
	backup.playMetrics(ns, 1, 0, 4900, 1000)
	eventually(t, "the old database to be given up", func() error {
		u := clusterObject(ns)
		if err := backup.Client.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}
		if u.GetDeletionTimestamp() == nil {
			return errors.New("it is there")
		}
		u.SetFinalizers(nil) // the garbage collector's part
		return backup.Client.Update(t.Context(), u)
	})
	eventually(t, "another one, copied", func() error {
		c, err := backup.database(ns)
		if err != nil || c == nil || c.UID == old.UID || c.Spec.Bootstrap.PGBaseBackup == nil {
			return fmt.Errorf("%+v, %w", c, err)
		}
		return nil
	})
	var list eventsv1.EventList
	if err := backup.Client.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range list.Items {
		found = found || e.Reason == v1alpha1.ReasonCloningAnew
	}
	if !found {
		t.Errorf("no event says it among %d", len(list.Items))
	}
}

// Taking spec.sites away does not make a second database that is written out of the one that follows.
func TestAStandbyWithoutSitesStaysOne(t *testing.T) {
	ns := bothUp(t, home, backup)
	p, err := backup.read(ns)
	if err != nil {
		t.Fatal(err)
	}
	before := p.DeepCopy()
	p.Spec.Sites = nil
	if err := backup.Client.Patch(t.Context(), p, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "backup to say what is wrong", func() error { return backup.says(ns, v1alpha1.ConditionStalled, "True", v1alpha1.ReasonPeerHasData) })
	if c, err := backup.database(ns); err != nil || c == nil || !c.Follows() {
		t.Errorf("the database is %+v, %v", c, err)
	}
}
