package envtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestAnExternalDatabase(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns, func(p *v1alpha1.ChatPool) {
		p.Spec.Database.Provider, p.Spec.Database.ExternalSecretName = v1alpha1.External, "dsn"
	}))
	eventually(t, "the missing Secret to be told", func() error {
		return says(conditions(t, ns), v1alpha1.ConditionDatabaseReady, "False", v1alpha1.ReasonSecretMissing)
	})
	if m := message(conditions(t, ns), v1alpha1.ConditionReady); !strings.Contains(m, "spec.database.externalSecretName") || !strings.Contains(m, "dsn") {
		t.Errorf("the message does not name the field and the Secret: %s", m)
	}
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "dsn", Namespace: ns}, StringData: map[string]string{"uri": "postgresql://chat@db/chat"}})
	touch(t, ns)
	playMigration(t, ns, operator.Image, true)
	playServers(t, ns, "demo-chat", 2)
	eventually(t, "the pool to be ready without knowing of a mirror", func() error {
		c := conditions(t, ns)
		return errors.Join(says(c, v1alpha1.ConditionReady, "True", ""), says(c, v1alpha1.ConditionMirrorInSync, "Unknown", v1alpha1.ReasonExternal))
	})
	if err := gone(t, cluster(ns)); err != nil {
		t.Error(err)
	}
	for _, v := range get(t, ns, "demo-chat", &appsv1.StatefulSet{}).Spec.Template.Spec.Volumes {
		if v.Name == "database" && v.Secret.SecretName != "dsn" || v.Name == "database-ca" {
			t.Errorf("volume %s is %+v", v.Name, v.Secret)
		}
	}
	config, err := adminapi.ParsePoolConfig([]byte(get(t, ns, "demo-chat", &corev1.ConfigMap{}).Data["config.json"]))
	if err != nil || config.Database.Host != "" {
		t.Errorf("configuration %+v, %v", config, err)
	}
}

func TestSecretsThatTheManifestNames(t *testing.T) {
	ns := namespace(t)
	create(t, testPool(ns, func(p *v1alpha1.ChatPool) {
		p.Spec.TLS = &v1alpha1.TLSSpec{SecretName: "public"}
		p.Spec.Directory.Static.PasswordsSecretName = "passwords"
	}))
	for condition, secret := range map[string]string{v1alpha1.ConditionCertificatesReady: "public", v1alpha1.ConditionDirectoryReady: "passwords"} {
		eventually(t, "the missing Secret "+secret, func() error {
			if m := message(conditions(t, ns), condition); !strings.Contains(m, "no Secret "+secret) {
				return fmt.Errorf("the message is %q", m)
			}
			return says(conditions(t, ns), condition, "False", v1alpha1.ReasonSecretMissing)
		})
	}
	passwords := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "passwords", Namespace: ns}, StringData: map[string]string{"alice": "secret"}}
	create(t, passwords)
	// Any certificate will do: that of the admin API.
	own := get(t, ns, "demo-internal-tls", &corev1.Secret{})
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "public", Namespace: ns}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": own.Data["tls.crt"], "tls.key": own.Data["tls.key"]}})
	touch(t, ns)
	eventually(t, "bob's password to be missed", func() error {
		if m := message(conditions(t, ns), v1alpha1.ConditionDirectoryReady); !strings.Contains(m, "no password for bob") {
			return fmt.Errorf("the message is %q", m)
		}
		return says(conditions(t, ns), v1alpha1.ConditionCertificatesReady, "True", "")
	})
	patch(t, passwords, func(s *corev1.Secret) { s.Data["bob"] = []byte("secret too") })
	touch(t, ns)
	playAll(t, ns)
	for _, name := range []string{"demo-users", "demo-chat-tls"} {
		if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, &corev1.Secret{}); client.IgnoreNotFound(err) != nil || err == nil {
			t.Errorf("Secret %s was made although another one is named: %v", name, err)
		}
	}
}

// An operator makes nothing of a pool whose sites do not name its own, and says what to correct.
func TestAPoolThatLivesElsewhere(t *testing.T) {
	for sentence, sites := range map[string][]v1alpha1.Site{
		"in one other site":   {{Name: "away", Role: v1alpha1.SitePrimary}},
		"in two other places": {{Name: "away", Role: v1alpha1.SitePrimary}, {Name: "far", Role: v1alpha1.SiteBackup}},
	} {
		t.Run(sentence, func(t *testing.T) {
			ns := namespace(t)
			create(t, testPool(ns, func(p *v1alpha1.ChatPool) { p.Spec.Sites = sites }))
			eventually(t, "the pool to be stalled", func() error {
				p := get(t, ns, "demo", &v1alpha1.ChatPool{})
				if m := message(p.Status.Conditions, v1alpha1.ConditionStalled); !strings.Contains(m, "correct spec.sites[].name, or the operator's --site") {
					return fmt.Errorf("state %s, message %q", p.Status.State, m)
				}
				return errors.Join(says(p.Status.Conditions, v1alpha1.ConditionStalled, "True", v1alpha1.ReasonSitesNotActive),
					says(p.Status.Conditions, v1alpha1.ConditionReady, "False", v1alpha1.ReasonSitesNotActive))
			})
			if err := gone(t, cluster(ns)); err != nil {
				t.Error(err)
			}
		})
	}
}
