package build

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/apply"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/pki"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pool is a pool with the API's defaults.
func pool(change ...func(*v1alpha1.ChatPool)) *v1alpha1.ChatPool {
	p := &v1alpha1.ChatPool{}
	p.Name, p.Namespace, p.UID = "demo", "chat", "11111111-2222-3333-4444-555555555555"
	p.Spec.Domain = "example.com"
	p.Spec.Servers.Replicas = ptr[int32](2)
	p.Spec.Database = v1alpha1.DatabaseSpec{
		Provider: v1alpha1.CloudNativePG, Instances: 2, Durability: v1alpha1.Mirror,
		Storage: v1alpha1.StorageSpec{Size: resource.MustParse("10Gi")}, WALKeep: resource.MustParse("1Gi"),
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func external(p *v1alpha1.ChatPool) {
	p.Spec.Database = v1alpha1.DatabaseSpec{Provider: v1alpha1.External, ExternalSecretName: "dsn"}
}

func rich(p *v1alpha1.ChatPool) {
	p.Spec.Sites = []v1alpha1.Site{{Name: "home", Role: v1alpha1.SitePrimary, SIPName: "sip.example.com"}}
	p.Spec.Auth.PlainTCP = true
	p.Spec.TLS = &v1alpha1.TLSSpec{SecretName: "public"}
	p.Spec.Directory.Static.PasswordsSecretName = "passwords"
	p.Spec.Servers.Service = v1alpha1.ServiceSpec{
		Type: corev1.ServiceTypeLoadBalancer, Annotations: map[string]string{"example.com/lb": "internal"},
		NodePorts: &v1alpha1.NodePorts{SIPS: 30061, SIP: 30060},
	}
	p.Spec.Servers.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
	p.Spec.Database.Instances, p.Spec.Database.Durability = 3, v1alpha1.PreferMirror
	p.Spec.Database.Storage.StorageClassName = "fast"
	p.Spec.Database.Parameters = map[string]string{"shared_buffers": "1GB", "wal_receiver_timeout": "10s"}
	p.Spec.Database.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
}

// twoSites: home is reached by its address and has a fixed port, backup by a name.
func twoSites(p *v1alpha1.ChatPool) {
	p.Spec.Sites = []v1alpha1.Site{
		{
			Name: "home", Role: v1alpha1.SitePrimary, DatabaseEndpoint: "10.90.1.11:30432",
			DatabaseService: &v1alpha1.DatabaseService{Type: corev1.ServiceTypeNodePort, NodePort: 30432},
		},
		{
			Name: "backup", Role: v1alpha1.SiteBackup, DatabaseEndpoint: "db.backup.example.com:15432",
			DatabaseService: &v1alpha1.DatabaseService{
				Type: corev1.ServiceTypeLoadBalancer, Annotations: map[string]string{"example.com/lb": "internal"},
			},
		},
	}
}

// place is a site's database: one that is written, or else a copy that follows.
func place(self string, written bool) *Place {
	s := pool(twoSites).Spec.Sites
	l := &Place{Copied: !written}
	l.Self, l.Peer = s[0], s[1]
	if self != s[0].Name {
		l.Self, l.Peer = l.Peer, l.Self
	}
	l.Replica = cnpg.Replica{Self: self, Primary: self, Source: l.Peer.Name}
	if !written {
		l.Replica.Primary = l.Peer.Name
	}
	return l
}

// isolated is home's database, made there, once it follows nobody.
func isolated() *Place {
	l := place("home", true)
	l.Replica.Primary, l.Replica.Source = l.Peer.Name, naming.Nobody
	return l
}

// siteObjects is all about the database of one of two sites.
func siteObjects(t *testing.T, l *Place) []any {
	t.Helper()
	p := pool(twoSites)
	objects, err := SiteObjects(p, l)
	if err != nil {
		t.Fatal(err)
	}
	objects = append(objects, Cluster(p, "example.com/postgres:15", l), SharedCASecret(p, &pki.Authority{Bundle: []byte("bundle"), Key: []byte("key")}),
		CopiedSecret(p, RoleSecret(p, "chat", []byte("secret"))), databasePolicy(p), serverPolicy(p, "chatpool-system"))
	return objects
}

var revision = Revision{Image: "example.com/chatpool:1", ConfigHash: "0123456789"}

// Every builder, for the pools that make a difference to it.
func TestGolden(t *testing.T) {
	plain := pool()
	for name, objects := range map[string][]any{
		"servers":            {Servers(plain, revision)},
		"servers-rich":       {Servers(pool(rich), revision)},
		"servers-external":   {Servers(pool(external), revision)},
		"migration":          {Migration(plain, revision)},
		"migration-external": {Migration(pool(external), revision)},
		"database":           {Cluster(plain, "example.com/postgres:15", nil), ComplianceDatabase(plain)},
		"database-rich":      {Cluster(pool(rich), "", nil)},
		"database-single": {Cluster(pool(func(p *v1alpha1.ChatPool) {
			p.Spec.Database.Instances, p.Spec.Database.Durability = 1, v1alpha1.PreferMirror
		}), "", nil)},
		"sites-home":            siteObjects(t, place("home", true)),
		"sites-backup":          siteObjects(t, place("backup", false)),
		"sites-isolated":        {Cluster(pool(twoSites), "example.com/postgres:15", isolated())},
		"services":              list(Services(plain)),
		"services-rich":         list(Services(pool(rich))),
		"networkpolicies":       list(NetworkPolicies(plain, "chatpool-system")),
		"networkpolicies-plain": list(NetworkPolicies(pool(external, func(p *v1alpha1.ChatPool) { p.Spec.Auth.PlainTCP = true }), "chatpool-system")),
		"secrets": {
			CASecret(plain, &pki.Authority{Bundle: []byte("bundle"), Key: []byte("key")}),
			TLSSecret(plain, "demo-chat-tls", pki.Leaf{Cert: []byte("cert"), Key: []byte("key")}, []byte("bundle")),
			UsersSecret(plain, map[string][]byte{"alice": []byte("secret")}),
			RoleSecret(plain, "chat", []byte("secret")),
		},
		"others": {DisruptionBudget(plain), ServiceAccount(plain), ConfigMap(plain, "{}\n"), ServerNames(pool(rich)), InternalNames(plain)},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, objects)
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; make it by go test ./controllers/internal/build -update, and read it", err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got), -update takes it over:\n%s", file, d)
			}
		})
	}
}

func list[T any](in []T) []any {
	out := make([]any, 0, len(in))
	for _, o := range in {
		out = append(out, o)
	}
	return out
}

// render writes objects as they are sent to the API server.
func render(t *testing.T, objects []any) string {
	t.Helper()
	var docs []string
	for _, o := range objects {
		var v any = o
		if _, plain := o.(pki.Names); !plain {
			u, err := apply.Unstructured(o)
			if err != nil {
				t.Fatal(err)
			}
			v = u.Object
		}
		b, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(b))
	}
	return strings.Join(docs, "---\n")
}
