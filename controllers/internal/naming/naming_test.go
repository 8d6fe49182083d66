package naming

import (
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The longest pool name still gives names and labels that Kubernetes takes.
func TestNamesOfTheLongestPoolAreValid(t *testing.T) {
	p := &v1alpha1.ChatPool{}
	p.Name, p.Namespace = strings.Repeat("a", 32), "chat"
	for what, name := range map[string]string{
		"Service of clients":     PublicService(p),
		"admin Service":          AdminService(p),
		"headless Service":       Servers(p),
		"migration Job":          Migration(p, "0123456789"),
		"database instance":      Cluster(p) + "-99",
		"database instance Job":  Cluster(p) + "-99-initdb",
		"revision of the pods":   Servers(p) + "-0123456789",
		"database write Service": Cluster(p) + "-rw",
		"database of a site":     SiteService(p, strings.Repeat("b", 54-len(p.Name))),
		"Lease of a site":        SiteLease(p),
	} {
		if errs := validation.IsDNS1035Label(name); len(errs) > 0 {
			t.Errorf("%s %q: %v", what, name, errs)
		}
	}
	for k, v := range Labels(p, Chat) {
		if errs := append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...); len(errs) > 0 {
			t.Errorf("label %s=%s: %v", k, v, errs)
		}
	}
}
