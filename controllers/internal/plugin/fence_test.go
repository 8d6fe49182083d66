package plugin

import (
	"strings"
	"testing"
	"testing/synctest"

	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// aDatabase is the Cluster of the pool's database.
func aDatabase(annotations map[string]string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	u.SetNamespace("chat")
	u.SetName("trading-db")
	u.SetUID("uid-of-the-database")
	u.SetAnnotations(annotations)
	return u
}

func TestFenceOrdersTheDatabaseDown(t *testing.T) {
	for sentence, c := range map[string]struct {
		alive, absent bool
		before        map[string]string
		args          []string
		err           string
		says          string
		written       bool
	}{
		"with yes":                             {args: []string{"--yes"}, says: "PostgreSQL of site home stops and stays down", written: true},
		"not without":                          {err: "if people of site home are to be cut off, add --yes"},
		"not in a dry run":                     {args: []string{"--yes", "--dry-run"}, says: `would annotate Cluster chat/trading-db in site home: cnpg.io/fencedInstances=["*"], chatpool.dev/fenced=true`},
		"not while the operator lives":         {alive: true, args: []string{"--yes"}, err: "kubectl chatpool release -n chat trading --epoch 1"},
		"not while CloudNativePG turns it":     {before: map[string]string{cnpg.AnnotationFenced: `["trading-db-1"]`}, args: []string{"--yes"}, err: "for its own purposes"},
		"again, when the order stands already": {before: map[string]string{cnpg.AnnotationFenced: allInstances, naming.AnnotationFenced: "true"}, args: []string{"--yes"}, says: "the order stands already", written: true},
		"not what does not exist":              {absent: true, args: []string{"--yes"}, err: "there is no Cluster trading-db in site home"},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := both(t, nil, nil)
				home := sites["home"]
				home.still = !c.alive
				if !c.absent {
					if err := home.Create(t.Context(), aDatabase(c.before)); err != nil {
						t.Fatal(err)
					}
				}
				out, err := run(t, sites, append([]string{"fence", "--context", "home", "--peer-context", "backup", "trading"}, c.args...)...)
				if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q\n%s", err, c.err, out)
				}
				if !strings.Contains(out, c.says) {
					t.Errorf("want %q in:\n%s", c.says, out)
				}
				if c.absent {
					return
				}
				u := aDatabase(nil)
				if err := home.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
					t.Fatal(err)
				}
				a := u.GetAnnotations()
				if got := a[naming.AnnotationFenced] == "true" && a[cnpg.AnnotationFenced] == `["*"]`; got != c.written {
					t.Errorf("annotations are %v", a)
				}
			})
		})
	}
}
