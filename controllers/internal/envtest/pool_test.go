package envtest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func conditions(t *testing.T, ns string) []metav1.Condition {
	t.Helper()
	return get(t, ns, "demo", &v1alpha1.ChatPool{}).Status.Conditions
}

func TestAPoolComesUpStepByStep(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	waits := func(name string, status metav1.ConditionStatus, reason string) {
		t.Helper()
		eventually(t, name+" to be "+reason, func() error { return says(conditions(t, ns), name, status, reason) })
	}
	waits(v1alpha1.ConditionDatabaseReady, "False", v1alpha1.ReasonProgressing)
	waits(v1alpha1.ConditionSchemaReady, "False", v1alpha1.ReasonWaitingForDatabase)
	waits(v1alpha1.ConditionServersReady, "False", v1alpha1.ReasonWaitingForMigration)
	waits(v1alpha1.ConditionReconciling, "True", v1alpha1.ReasonProgressing)

	playDatabase(t, ns, "demo-db", "demo-db-1")
	waits(v1alpha1.ConditionDatabaseReady, "True", v1alpha1.ReasonReady)
	waits(v1alpha1.ConditionMirrorInSync, "False", v1alpha1.ReasonMirrorLost)
	waits(v1alpha1.ConditionSchemaReady, "False", v1alpha1.ReasonMigrationRunning)
	if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "demo-chat"}, &appsv1.StatefulSet{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("servers before the migration: %v", err)
	}

	playAll(t, ns)
	p := get(t, ns, "demo", &v1alpha1.ChatPool{})
	want := v1alpha1.ChatPoolStatus{
		ObservedGeneration: p.Generation, State: v1alpha1.StateRunning, Site: "home", Address: "sip:demo@example.com",
		Servers: v1alpha1.ServersStatus{Replicas: 2, Ready: 2, Summary: "2/2", Image: operator.Image,
			Selector: "app.kubernetes.io/component=chat,app.kubernetes.io/instance=demo,app.kubernetes.io/name=chatpool"},
		Database: v1alpha1.DatabaseStatus{Instances: 2, Summary: "2/2", Primary: "demo-db-1", Mirror: "InSync"},
	}
	got := p.Status
	got.Conditions, got.Certificates = nil, v1alpha1.CertificatesStatus{}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
	for _, name := range append(p.ReadyWhen(), v1alpha1.ConditionReady) {
		if err := says(p.Status.Conditions, name, "True", ""); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "an event that says Ready", func() error {
		var list eventsv1.EventList
		if err := k8s.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Action == v1alpha1.ConditionReady && e.Reason == v1alpha1.ReasonReady && e.Regarding.Name == "demo" {
				return nil
			}
		}
		return fmt.Errorf("%d events", len(list.Items))
	})
}

// Everything that a pool consists of is there, is the pool's, and is found by its label.
func TestAPoolsChildren(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	object := func(kind, name string) client.Object {
		u := &unstructured.Unstructured{}
		u.SetAPIVersion(cnpg.GroupVersion.String())
		u.SetKind(kind)
		u.SetName(name)
		return u
	}
	named := func(o client.Object, name string) client.Object { o.SetName(name); return o }
	for _, c := range []struct {
		object client.Object
		kept   bool // it outlives the pool
	}{
		{named(&corev1.Secret{}, "demo-ca"), true},
		{named(&corev1.Secret{}, "demo-users"), true},
		{named(&corev1.Secret{}, "demo-db-chat"), true},
		{named(&corev1.Secret{}, "demo-db-compliance"), true},
		{object("Cluster", "demo-db"), true},
		{object("Database", "demo-db-compliance"), true},
		{named(&networkingv1.NetworkPolicy{}, "demo-db"), true},
		{named(&corev1.Secret{}, "demo-chat-tls"), false},
		{named(&corev1.Secret{}, "demo-internal-tls"), false},
		{named(&corev1.Secret{}, "demo-operator-tls"), false},
		{named(&corev1.ConfigMap{}, "demo-chat"), false},
		{named(&corev1.ServiceAccount{}, "demo-chat"), false},
		{named(&corev1.Service{}, "demo"), false},
		{named(&corev1.Service{}, "demo-admin"), false},
		{named(&corev1.Service{}, "demo-chat"), false},
		{named(&appsv1.StatefulSet{}, "demo-chat"), false},
		{named(&policyv1.PodDisruptionBudget{}, "demo-chat"), false},
		{named(&networkingv1.NetworkPolicy{}, "demo-chat"), false},
		{named(&networkingv1.NetworkPolicy{}, "demo-migrate"), false},
	} {
		get(t, ns, c.object.GetName(), c.object)
		if c.object.GetLabels()[naming.LabelPool] != "demo" {
			t.Errorf("%T %s has labels %v", c.object, c.object.GetName(), c.object.GetLabels())
		}
		if kept := len(c.object.GetOwnerReferences()) == 0; kept != c.kept {
			t.Errorf("%T %s: owners %v, want kept %t", c.object, c.object.GetName(), c.object.GetOwnerReferences(), c.kept)
		}
	}
	config, err := adminapi.ParsePoolConfig([]byte(get(t, ns, "demo-chat", &corev1.ConfigMap{}).Data["config.json"]))
	if err != nil {
		t.Fatalf("the chat server would refuse its configuration: %v", err)
	}
	if config.Database.Host != "demo-db-rw."+ns+".svc" || len(config.Directory.Users) != 2 || !config.Policy.Enabled {
		t.Errorf("configuration %+v", config)
	}
}

func TestDriftIsRepaired(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	service := get(t, ns, "demo", &corev1.Service{})
	patch(t, service, func(s *corev1.Service) { s.Spec.Ports[0].TargetPort.StrVal = "elsewhere"; s.Labels["mine"] = "stays" })
	eventually(t, "the Service's port to be put right", func() error {
		s := get(t, ns, "demo", &corev1.Service{})
		if s.Spec.Ports[0].TargetPort.StrVal != naming.NameSIPS || s.Labels["mine"] != "stays" {
			return fmt.Errorf("port %v, labels %v", s.Spec.Ports[0].TargetPort, s.Labels)
		}
		return nil
	})
	set := get(t, ns, "demo-chat", &appsv1.StatefulSet{})
	if err := k8s.Delete(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the StatefulSet to be made anew", func() error {
		again := &appsv1.StatefulSet{}
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(set), again); err != nil {
			return err
		}
		if again.UID == set.UID {
			return errors.New("it is still the old one")
		}
		return nil
	})
}

// touch makes the operator look at a pool again.
func touch(t *testing.T, ns string) {
	t.Helper()
	p := get(t, ns, "demo", &v1alpha1.ChatPool{})
	patch(t, p, func(p *v1alpha1.ChatPool) { p.Annotations = map[string]string{"touched": time.Now().String()} })
}

func TestCertificatesAreRotatedAndPasswordsKept(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	before := map[string]*corev1.Secret{}
	names := []string{"demo-ca", "demo-chat-tls", "demo-internal-tls", "demo-operator-tls", "demo-users", "demo-db-chat"}
	for _, n := range names {
		before[n] = get(t, ns, n, &corev1.Secret{})
	}
	same := func(name, key string) bool {
		return bytes.Equal(before[name].Data[key], get(t, ns, name, &corev1.Secret{}).Data[key])
	}
	clock.forward(t, 61*24*time.Hour)
	touch(t, ns)
	for _, n := range names[1:4] {
		eventually(t, n+" to be issued anew", func() error {
			if same(n, "tls.crt") {
				return errors.New("it is the old one")
			}
			return nil
		})
	}
	if !same("demo-ca", "ca.crt") || !same("demo-users", "alice") || !same("demo-db-chat", "password") {
		t.Error("CA or passwords changed after 61 days")
	}
	clock.forward(t, 7*365*24*time.Hour)
	touch(t, ns)
	eventually(t, "the CA to be renewed, the old one still trusted", func() error {
		now := get(t, ns, "demo-ca", &corev1.Secret{}).Data["ca.crt"]
		if bytes.Equal(now, before["demo-ca"].Data["ca.crt"]) || !bytes.HasSuffix(now, before["demo-ca"].Data["ca.crt"]) {
			return errors.New("the bundle is not the new CA and then the old one")
		}
		if got := get(t, ns, "demo-internal-tls", &corev1.Secret{}).Data["ca.crt"]; !bytes.Equal(got, now) {
			return errors.New("the servers do not have the bundle yet")
		}
		return nil
	})
	if !same("demo-users", "bob") {
		t.Error("a password changed")
	}
}

func TestAnUpdateWaitsForItsMigration(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	first := get(t, ns, "demo-chat", &appsv1.StatefulSet{})
	p := get(t, ns, "demo", &v1alpha1.ChatPool{})
	// Listening without TLS is read at the start only, so it is a new revision.
	patch(t, p, func(p *v1alpha1.ChatPool) { p.Spec.Auth.PlainTCP = true })
	failed := playMigration(t, ns, operator.Image, false)
	eventually(t, "the failed migration to be told", func() error {
		return says(conditions(t, ns), v1alpha1.ConditionSchemaReady, "False", v1alpha1.ReasonMigrationFailed)
	})
	if m := message(conditions(t, ns), v1alpha1.ConditionSchemaReady); !strings.Contains(m, "kubectl -n "+ns+" logs job/"+failed.Name) {
		t.Errorf("the message names no command: %s", m)
	}
	if err := says(conditions(t, ns), v1alpha1.ConditionStalled, "True", v1alpha1.ReasonMigrationFailed); err != nil {
		t.Error(err)
	}
	if got := get(t, ns, "demo-chat", &appsv1.StatefulSet{}); got.Generation != first.Generation {
		t.Error("servers were changed before the migration succeeded")
	}
	// It is tried again by itself, after a while.
	clock.forward(t, 6*time.Minute)
	touch(t, ns)
	playMigration(t, ns, operator.Image, true)
	eventually(t, "the servers to be updated", func() error {
		a, b := first.Spec.Template.Annotations, get(t, ns, "demo-chat", &appsv1.StatefulSet{}).Spec.Template.Annotations
		if a[naming.AnnotationConfigHash] == b[naming.AnnotationConfigHash] {
			return errors.New("they have the old configuration")
		}
		return nil
	})
	eventually(t, "the Job of the former revision to be removed", func() error {
		var list batchv1.JobList
		if err := k8s.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
			return err
		}
		if len(list.Items) != 1 {
			return fmt.Errorf("%d Jobs", len(list.Items))
		}
		return nil
	})
	playServers(t, ns, "demo-chat", 2)
	eventually(t, "the pool to be ready", func() error { return says(conditions(t, ns), v1alpha1.ConditionReady, "True", "") })
}

// Users, policy and limits reach running servers without a restart.
func TestTheDirectoryChangesWithoutARestart(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	first := get(t, ns, "demo-chat", &appsv1.StatefulSet{})
	p := get(t, ns, "demo", &v1alpha1.ChatPool{})
	patch(t, p, func(p *v1alpha1.ChatPool) {
		p.Spec.Directory.Static.Users = []v1alpha1.StaticUser{{Name: "alice"}, {Name: "zoe"}}
	})
	eventually(t, "the new user", func() error {
		users := get(t, ns, "demo-users", &corev1.Secret{}).Data
		if len(users["zoe"]) != 20 || len(users["alice"]) != 20 || users["bob"] != nil {
			return fmt.Errorf("passwords for %d users", len(users))
		}
		if c := get(t, ns, "demo-chat", &corev1.ConfigMap{}).Data["config.json"]; !strings.Contains(c, `"zoe"`) {
			return errors.New("the configuration lacks the user")
		}
		return nil
	})
	if got := get(t, ns, "demo-chat", &appsv1.StatefulSet{}); got.Generation != first.Generation {
		t.Error("the servers' template changed")
	}
}

func TestAMirrorThatIsLostIsTold(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	playDatabase(t, ns, "demo-db", "demo-db-1")
	eventually(t, "the pool to be degraded", func() error {
		p := get(t, ns, "demo", &v1alpha1.ChatPool{})
		if p.Status.State != v1alpha1.StateDegraded || p.Status.Database.Mirror != "Lost" {
			return fmt.Errorf("state %s, mirror %s", p.Status.State, p.Status.Database.Mirror)
		}
		return errors.Join(says(p.Status.Conditions, v1alpha1.ConditionReady, "False", v1alpha1.ReasonMirrorLost),
			says(p.Status.Conditions, v1alpha1.ConditionDatabaseReady, "True", ""))
	})
}

func TestScale(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	p := get(t, ns, "demo", &v1alpha1.ChatPool{})
	scale := &autoscalingv1.Scale{}
	if err := k8s.SubResource("scale").Get(t.Context(), p, scale); err != nil {
		t.Fatal(err)
	}
	if scale.Status.Replicas != 2 || scale.Status.Selector != p.Status.Servers.Selector {
		t.Errorf("scale says %+v", scale.Status)
	}
	scale.Spec.Replicas = 3
	if err := k8s.SubResource("scale").Update(t.Context(), p, client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three servers", func() error {
		if n := *get(t, ns, "demo-chat", &appsv1.StatefulSet{}).Spec.Replicas; n != 3 {
			return fmt.Errorf("%d are wanted", n)
		}
		return says(conditions(t, ns), v1alpha1.ConditionServersReady, "False", "")
	})
}

// A round that finds all as declared writes nothing, not even once: a write would wake the operator again.
func TestARoundThatChangesNothingWritesNothing(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns))
	playAll(t, ns)
	versions := func() map[string]string {
		out := map[string]string{}
		for _, list := range []client.ObjectList{
			&appsv1.StatefulSetList{}, &batchv1.JobList{}, &corev1.ServiceList{}, &corev1.ConfigMapList{}, &corev1.SecretList{},
			&corev1.ServiceAccountList{}, &networkingv1.NetworkPolicyList{}, &policyv1.PodDisruptionBudgetList{}, clusters(),
		} {
			if err := k8s.List(t.Context(), list, client.InNamespace(ns)); err != nil {
				t.Fatal(err)
			}
			if err := meta.EachListItem(list, func(o runtime.Object) error {
				m, err := meta.Accessor(o)
				if err == nil {
					out[fmt.Sprintf("%T %s", o, m.GetName())] = m.GetResourceVersion()
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	before := versions()
	if len(before) < 18 {
		t.Fatalf("only %d children", len(before))
	}
	patch(t, get(t, ns, "demo", &v1alpha1.ChatPool{}), func(p *v1alpha1.ChatPool) { p.Spec.Limits.DefaultHistory = 31 })
	generation := get(t, ns, "demo", &v1alpha1.ChatPool{}).Generation
	eventually(t, "a round", func() error {
		if got := get(t, ns, "demo", &v1alpha1.ChatPool{}).Status.ObservedGeneration; got != generation {
			return fmt.Errorf("observed is generation %d", got)
		}
		return nil
	})
	after := versions()
	for name, v := range before {
		if after[name] != v && name != "*v1.ConfigMap demo-chat" {
			t.Errorf("%s was written", name)
		}
	}
	if after["*v1.ConfigMap demo-chat"] == before["*v1.ConfigMap demo-chat"] {
		t.Error("the new limit did not reach the configuration")
	}
}

func clusters() *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(cnpg.GroupVersion.WithKind("ClusterList"))
	return l
}
