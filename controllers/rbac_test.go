package controllers

import (
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

func readRules(t *testing.T, file string) []rbacv1.PolicyRule {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(b, &role); err != nil {
		t.Fatal(err)
	}
	if len(role.Rules) == 0 {
		t.Fatalf("%s has no rules", file)
	}
	return role.Rules
}

// The operator's role names what it may do one by one, lists no Secrets, and cannot give itself more.
func TestTheRoleIsLeastPrivilege(t *testing.T) {
	for _, r := range readRules(t, "../config/rbac/role.yaml") {
		for _, list := range [][]string{r.APIGroups, r.Resources, r.Verbs, r.NonResourceURLs} {
			if slices.Contains(list, "*") {
				t.Errorf("a wildcard in %v", r)
			}
		}
		if slices.Contains(r.Resources, "secrets") && (slices.Contains(r.Verbs, "list") || slices.Contains(r.Verbs, "watch")) {
			t.Errorf("Secrets can be listed: %v", r.Verbs)
		}
		for _, forbidden := range []string{"pods/exec", "nodes", "namespaces"} {
			if slices.Contains(r.Resources, forbidden) {
				t.Errorf("%s is allowed: %v", forbidden, r)
			}
		}
		// Which servers and volumes there are is listed, and nothing else.
		for _, counted := range []string{"pods", "persistentvolumeclaims"} {
			if slices.Contains(r.Resources, counted) && !slices.Equal(r.Verbs, []string{"list"}) {
				t.Errorf("%s may be more than listed: %v", counted, r)
			}
		}
		for _, group := range []string{"rbac.authorization.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io"} {
			if slices.Contains(r.APIGroups, group) {
				t.Errorf("%s is allowed: %v", group, r)
			}
		}
		for _, verb := range []string{"deletecollection", "escalate", "bind", "impersonate"} {
			if slices.Contains(r.Verbs, verb) {
				t.Errorf("%s is allowed: %v", verb, r)
			}
		}
	}
}
