package plugin

import (
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

func TestWhoManagesAnObject(t *testing.T) {
	for sentence, c := range map[string]struct {
		object     metav1.ObjectMeta
		name, sign string
	}{
		"nobody":            {metav1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/instance": "trading"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}}, "", ""},
		"Argo CD, by label": {metav1.ObjectMeta{Labels: map[string]string{"argocd.argoproj.io/instance": "x"}}, "Argo CD", "label argocd.argoproj.io/instance"},
		"Argo CD, by annotation": {metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD",
			"annotation argocd.argoproj.io/tracking-id"},
		"Argo CD, by its fields": {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd-controller"}}}, "Argo CD", "field manager argocd-controller"},
		"Flux, by label": {metav1.ObjectMeta{Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux",
			"label kustomize.toolkit.fluxcd.io/name"},
		"Flux's Helm": {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "helm-controller"}}}, "Flux", "field manager helm-controller"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if name, sign := managedBy(&c.object); name != c.name || sign != c.sign {
				t.Errorf("got %q, %q; want %q, %q", name, sign, c.name, c.sign)
			}
		})
	}
}

func TestWhatGitMayTakeBackIsTold(t *testing.T) {
	sites := both(t, nil, []change{func(p *v1alpha1.ChatPool) { p.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "x"} }})
	out, err := run(t, sites, with("failover")...)
	if err != nil || strings.Count(out, "warning:") != 1 || !strings.Contains(out, "warning: in site backup the ChatPool is managed by Flux (label kustomize.toolkit.fluxcd.io/name)") {
		t.Error(out, err)
	}
}

// The other site's operator may read what it needs, by name, and nothing else.
func TestThePeersRightsAreLeast(t *testing.T) {
	p := aPool(failover.Home)
	for _, o := range account(p) {
		role, ok := o.(*rbacv1.Role)
		if !ok {
			continue
		}
		want := []rbacv1.PolicyRule{
			{APIGroups: []string{"chatpool.dev"}, Resources: []string{"chatpools", "chatpools/status"}, ResourceNames: []string{"trading"}, Verbs: []string{"get"}},
			{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{"trading-site"}, Verbs: []string{"get"}},
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: naming.EqualSecrets(p), Verbs: []string{"get"}},
		}
		if d := cmp.Diff(want, role.Rules); d != "" {
			t.Error(d)
		}
		return
	}
	t.Error("there is no Role")
}

func TestKubeconfig(t *testing.T) {
	b, err := kubeconfig("https://192.0.2.1:6443", "home", "chat", []byte("ca"), "secret")
	if err != nil {
		t.Fatal(err)
	}
	c, err := clientcmd.RESTConfigFromKubeConfig(b)
	if err != nil || c.Host != "https://192.0.2.1:6443" || c.BearerToken != "secret" || string(c.CAData) != "ca" {
		t.Errorf("%v %v", c, err)
	}
}

// Every command has an example, says what it changes, and knows where to stop.
func TestHelp(t *testing.T) {
	for _, c := range Command(nil).Commands() {
		if c.Example == "" || len(c.Long) < 100 || c.Args == nil {
			t.Errorf("%s needs an example, a long help text and a check of its arguments", c.Name())
		}
		for _, line := range strings.Split(c.Long+"\n"+c.Example, "\n") {
			if len(line) > 110 {
				t.Errorf("%s: a line of %d characters: %s", c.Name(), len(line), line)
			}
		}
	}
}
