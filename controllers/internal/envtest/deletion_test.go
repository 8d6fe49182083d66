package envtest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func cluster(ns string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	u.SetNamespace(ns)
	u.SetName("demo-db")
	return u
}

func TestRetainKeepsTheDataAndANewPoolTakesItOver(t *testing.T) {
	ns := namespace(t)
	pool := testPool(ns)
	create(t, pool)
	playAll(t, ns)
	db, users := get(t, ns, "demo-db", cluster(ns)), get(t, ns, "demo-users", &corev1.Secret{})
	if err := k8s.Delete(t.Context(), pool, client.PropagationPolicy("Foreground")); err != nil {
		t.Fatal(err)
	}
	// There is no garbage collector here, which would take away what a foreground deletion waits for.
	eventually(t, "the operator to let go", func() error {
		p := &v1alpha1.ChatPool{}
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(pool), p); err != nil {
			return client.IgnoreNotFound(err)
		}
		if strings.Join(p.Finalizers, " ") != "foregroundDeletion" {
			return errors.New(strings.Join(p.Finalizers, " "))
		}
		p.Finalizers = nil
		return k8s.Update(t.Context(), p)
	})
	eventually(t, "the pool to be gone", func() error { return gone(t, pool) })
	for _, o := range []client.Object{db, users} {
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil || o.GetDeletionTimestamp() != nil || len(o.GetOwnerReferences()) > 0 {
			t.Errorf("%s did not stay: %v", o.GetName(), err)
		}
	}
	create(t, testPool(ns))
	eventually(t, "the new pool to be ready", func() error { return says(conditions(t, ns), v1alpha1.ConditionDatabaseReady, "True", "") })
	if again := get(t, ns, "demo-db", cluster(ns)); again.GetUID() != db.GetUID() {
		t.Error("the database is another one")
	}
	if again := get(t, ns, "demo-users", &corev1.Secret{}); !bytes.Equal(again.Data["alice"], users.Data["alice"]) {
		t.Error("alice has another password")
	}
}

func TestDeleteTakesTheDataAlong(t *testing.T) {
	ns := namespace(t)
	pool := testPool(ns, func(p *v1alpha1.ChatPool) { p.Spec.DeletionPolicy = v1alpha1.Delete })
	create(t, pool)
	playAll(t, ns)
	if err := k8s.Delete(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pool to be gone", func() error { return gone(t, pool) })
	for _, o := range []client.Object{
		cluster(ns),
		&corev1.Secret{}, &corev1.Secret{},
	} {
		o.SetNamespace(ns)
		if o.GetName() == "" {
			o.SetName("demo-users")
		}
		if err := gone(t, o); err != nil {
			t.Error(err)
		}
	}
}

// An object of a name that the pool needs, but of somebody else, is left alone and told about.
func TestAForeignObjectIsLeftAlone(t *testing.T) {
	ns := namespace(t)
	foreign := &corev1.Service{}
	foreign.Name, foreign.Namespace = "demo-admin", ns
	foreign.Spec.Ports = []corev1.ServicePort{{Name: "admin", Port: 8443}}
	foreign.Spec.Selector = map[string]string{"app.kubernetes.io/component": "mine"}
	create(t, foreign)
	create(t, testPool(ns))
	playDatabase(t, ns, "demo-db", "demo-db-1", "demo-db-2")
	playMigration(t, ns, operator.Image, true)
	eventually(t, "the pool to say so", func() error {
		return says(conditions(t, ns), v1alpha1.ConditionServersReady, "False", v1alpha1.ReasonNotOurs)
	})
	if m := message(conditions(t, ns), v1alpha1.ConditionReady); !strings.Contains(m, `"demo-admin"`) {
		t.Errorf("the message does not name it: %s", m)
	}
	if s := get(t, ns, "demo-admin", &corev1.Service{}); s.Spec.Selector["app.kubernetes.io/component"] != "mine" {
		t.Error("it was changed")
	}
}

// Nor is one taken over that has no field in common with what the pool needs; its owner can hand it over.
func TestAForeignObjectIsNotTakenOver(t *testing.T) {
	ns := namespace(t)
	foreign := &corev1.ConfigMap{Data: map[string]string{"mine": "1"}}
	foreign.Name, foreign.Namespace = "demo-chat", ns
	create(t, foreign)
	create(t, testPool(ns))
	eventually(t, "the pool to say so", func() error {
		return says(conditions(t, ns), v1alpha1.ConditionSchemaReady, "False", v1alpha1.ReasonNotOurs)
	})
	if m := message(conditions(t, ns), v1alpha1.ConditionSchemaReady); !strings.Contains(m, "chatpool.dev/pool") {
		t.Errorf("the message does not say how to hand it over: %s", m)
	}
	if c := get(t, ns, "demo-chat", &corev1.ConfigMap{}); len(c.Data) != 1 || len(c.Labels)+len(c.OwnerReferences) > 0 {
		t.Errorf("it was changed: %+v", c)
	}
	patch(t, foreign, func(c *corev1.ConfigMap) { c.Labels = map[string]string{"chatpool.dev/pool": "demo"} })
	touch(t, ns)
	playAll(t, ns)
	if c := get(t, ns, "demo-chat", &corev1.ConfigMap{}); len(c.Data) != 2 {
		t.Errorf("it was not taken over: %+v", c)
	}
}
