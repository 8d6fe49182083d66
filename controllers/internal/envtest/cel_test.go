package envtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// object reads a manifest.
func object(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &u.Object); err != nil {
		t.Fatalf("%v in\n%s", err, manifest)
	}
	return u
}

func pool(spec string) string     { return manifest("ChatPool", "domain: example.com\n"+spec) }
func room(spec string) string     { return manifest("Room", "poolName: demo\ncategoryName: desks\n"+spec) }
func category(spec string) string { return manifest("Category", "poolName: demo\n"+spec) }

func manifest(kind, spec string) string {
	return "apiVersion: chatpool.dev/v1alpha1\nkind: " + kind + "\nmetadata: {name: demo}\nspec:\n  " +
		strings.ReplaceAll(strings.TrimSpace(spec), "\n", "\n  ") + "\n"
}

// Each manifest is refused at admission; the message names the field, and says what to do.
func TestInvalidManifestsAreRefused(t *testing.T) {
	ns := namespace(t)
	for sentence, c := range map[string]struct {
		manifest string
		want     []string // parts of the message
	}{
		"a pool without a domain":               {manifest("ChatPool", "policy: {enabled: true}"), []string{"spec.domain", "Required value"}},
		"a domain in capitals":                  {manifest("ChatPool", "domain: Example.com"), []string{"spec.domain", "DNS name in lower case"}},
		"a pool with a long name":               {strings.Replace(pool(""), "name: demo", "name: "+strings.Repeat("a", 33), 1), []string{"metadata.name", "at most 32 characters"}},
		"a pool whose name begins with a digit": {strings.Replace(pool(""), "name: demo", "name: 1st", 1), []string{"metadata.name", "begin with a letter"}},
		"no server":                             {pool("servers: {replicas: 0}"), []string{"spec.servers.replicas", "greater than or equal to 1"}},
		"an unknown field":                      {pool("servers: {replica: 3}"), []string{"spec.servers.replica", "unknown field"}},
		"node ports of a ClusterIP": {pool("servers: {service: {nodePorts: {sips: 30061}}}"),
			[]string{"spec.servers.service.nodePorts", "set type to NodePort"}},
		"the same node port twice": {pool("servers: {service: {type: NodePort, nodePorts: {sips: 30061, sip: 30061}}}"),
			[]string{"spec.servers.service.nodePorts.sip", "two different ports"}},
		"ten database instances": {pool("database: {instances: 10}"), []string{"spec.database.instances", "less than or equal to 9"}},
		"a mirror with one instance": {pool("database: {instances: 1}"),
			[]string{"spec.database.instances", "set instances to 2 or more, or durability to PreferMirror"}},
		"an external database without its secret": {pool("database: {provider: External}"),
			[]string{"spec.database.externalSecretName", "key uri"}},
		"a managed database with a secret": {pool("database: {externalSecretName: dsn}"),
			[]string{"spec.database.externalSecretName", "set provider to External"}},
		"more log than volume": {pool("database: {walKeep: 2Gi, storage: {size: 1Gi}}"),
			[]string{"spec.database.walKeep", "raise storage.size or lower walKeep"}},
		"hardly any log": {pool("database: {walKeep: 1Mi}"), []string{"spec.database.walKeep", "at least 64Mi"}},
		"a parameter that would break the promises": {pool("database: {parameters: {synchronous_commit: \"off\"}}"),
			[]string{"spec.database.parameters", "use durability instead"}},
		"the same in upper case": {pool("database: {parameters: {FSYNC: \"off\"}}"), []string{"spec.database.parameters", "lower-case"}},
		"two primary sites": {pool("sites: [{name: a, role: Primary}, {name: b, role: Primary}]"),
			[]string{"spec.sites", "set the other one to Backup"}},
		"one site, and it is the backup": {pool("sites: [{name: a, role: Backup}]"), []string{"spec.sites", "exactly one site must have role Primary"}},
		"two sites of one name":          {pool("sites: [{name: a, role: Primary}, {name: a, role: Backup}]"), []string{"spec.sites[1]", "Duplicate value"}},
		"three sites": {pool("sites: [{name: a, role: Primary}, {name: b, role: Backup}, {name: c, role: Backup}]"),
			[]string{"spec.sites", "must have at most 2 items"}},
		"a failover to nowhere": {pool("poolState: FailedOver"), []string{"spec.poolState", "add an entry with role Backup"}},
		"an external database in two sites": {
			pool("database: {provider: External, externalSecretName: dsn}\nsites: [{name: a, role: Primary}, {name: b, role: Backup}]"),
			[]string{"spec.database.provider", "use CloudNativePG"}},
		"a fixed port of a load balancer": {
			pool("sites: [{name: a, role: Primary, databaseService: {type: LoadBalancer, nodePort: 30432}}]"),
			[]string{"spec.sites[0].databaseService.nodePort", "set type to NodePort"}},
		"names of pool and site that are too long together": {
			"apiVersion: chatpool.dev/v1alpha1\nkind: ChatPool\nmetadata: {name: " + strings.Repeat("p", 32) + "}\nspec: {domain: example.com, sites: [{name: " + strings.Repeat("s", 23) + ", role: Primary}]}",
			[]string{"spec.sites[].name", "at most 54 characters"}},
		"a database endpoint that is a URL": {pool("sites: [{name: a, role: Primary, databaseEndpoint: \"tcp://db\"}]"),
			[]string{"spec.sites[0].databaseEndpoint", "HOST or HOST:PORT"}},
		"a user's name with a space": {pool("directory: {static: {users: [{name: al ice}]}}"),
			[]string{"spec.directory.static.users[0].name", "before the @"}},
		"a user twice":              {pool("directory: {static: {users: [{name: al}, {name: al}]}}"), []string{"spec.directory.static.users[1]", "Duplicate value"}},
		"another directory":         {pool("directory: {type: LDAP}"), []string{"spec.directory.type", `supported values: "Static"`}},
		"too much history":          {pool("limits: {defaultHistory: 501}"), []string{"spec.limits.defaultHistory", "less than or equal to 500"}},
		"a policy for nobody":       {pool("policy: {enabledFor: [alice]}"), []string{"spec.policy.enabledFor[0]", "sip:USER@DOMAIN"}},
		"a retention unknown":       {pool("deletionPolicy: Keep"), []string{"spec.deletionPolicy", `"Retain", "Delete"`}},
		"a room without a category": {manifest("Room", "poolName: demo"), []string{"spec.categoryName", "Required value"}},
		"presenters in a normal room": {room("presenters: [\"sip:a@example.com\"]"),
			[]string{"spec.presenters", "set type to Auditorium, or remove them"}},
		"a privacy in lower case":         {room("privacy: open"), []string{"spec.privacy", `"Open", "Closed", "Secret"`}},
		"invitations switched on":         {room("invitations: \"True\""), []string{"spec.invitations", `"Inherit", "False"`}},
		"a member without a scheme":       {room("members: [alice@example.com]"), []string{"spec.members[0]", "sip:USER@DOMAIN"}},
		"a member without a domain":       {room("members: [\"sip:alice\"]"), []string{"spec.members[0]", "sip:USER@DOMAIN"}},
		"the same member twice":           {room("members: [\"group:a\", \"group:a\"]"), []string{"spec.members[1]", "Duplicate value"}},
		"a name of 257 characters":        {room("name: " + strings.Repeat("x", 257)), []string{"spec.name", "may not be more than 256"}},
		"a name that begins with a space": {room("name: \" lobby\""), []string{"spec.name", "must not begin or end with a space"}},
		"a description of two lines":      {category("description: \"a\\nb\""), []string{"spec.description", "write one line"}},
		"an empty principal":              {category("allowedMembers: [\"group:\"]"), []string{"spec.allowedMembers[0]", "group:NAME"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			u := object(t, c.manifest)
			u.SetNamespace(ns)
			err := k8s.Create(t.Context(), u, client.DryRunAll, client.FieldValidation("Strict"))
			if err == nil {
				t.Fatalf("it was taken:\n%s", c.manifest)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the message lacks %q:\n%v", part, err)
				}
			}
		})
	}
}

// Each change of a valid object is refused.
func TestWhatCannotBeChanged(t *testing.T) {
	ns := namespace(t)
	for sentence, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"a pool's domain":   {pool(""), manifest("ChatPool", "domain: example.org"), []string{"spec.domain", "make another pool"}},
		"a pool's provider": {pool(""), pool("database: {provider: External, externalSecretName: dsn}"), []string{"spec.database.provider", "cannot be changed"}},
		"a smaller volume":  {pool("database: {storage: {size: 5Gi}}"), pool("database: {storage: {size: 4Gi}}"), []string{"spec.database.storage.size", "can only grow"}},
		"a room's pool":     {room(""), manifest("Room", "poolName: other\ncategoryName: desks"), []string{"spec.poolName", "make another one there"}},
		"a category's pool": {category(""), manifest("Category", "poolName: other"), []string{"spec.poolName", "make another one there"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			u := object(t, c.before)
			u.SetNamespace(ns)
			u.SetName(strings.ReplaceAll(strings.ReplaceAll(sentence, " ", "-"), "'", ""))
			create(t, u)
			change, err := json.Marshal(map[string]any{"spec": object(t, c.after).Object["spec"]})
			if err != nil {
				t.Fatal(err)
			}
			err = k8s.Patch(t.Context(), u, client.RawPatch(types.MergePatchType, change), client.DryRunAll)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the message lacks %q:\n%v", part, err)
				}
			}
		})
	}
}

func TestValidManifestsAreTaken(t *testing.T) {
	ns := namespace(t)
	for sentence, m := range map[string]string{
		"a minimal pool":       pool(""),
		"one site":             pool("sites: [{name: home, role: Primary, sipName: chat.example.com}]"),
		"two sites":            pool("poolState: FailedOver\nsites: [{name: a, role: Primary, databaseEndpoint: \"10.1.2.3:30432\"}, {name: b, role: Backup, databaseService: {type: NodePort, nodePort: 30432}}]"),
		"an external database": pool("database: {provider: External, externalSecretName: dsn}"),
		"one instance":         pool("database: {instances: 1, durability: PreferMirror}"),
		"a larger volume":      pool("database: {storage: {size: 2Ti, storageClassName: fast}}"),
		"every principal":      category("allowedMembers: [\"sip:Alice.O'Neil+x@Example.COM\", \"group:Traders EMEA.\", \"ou:OU=Sales,DC=example,DC=com\", \"domain:example.com\"]"),
		"an auditorium":        room("type: Auditorium\npresenters: [\"sip:a@b.c\"]"),
		"a name in Greek":      room("name: Αίθουσα 1"),
	} {
		t.Run(sentence, func(t *testing.T) {
			u := object(t, m)
			u.SetNamespace(ns)
			if err := k8s.Create(t.Context(), u, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Errorf("%v\n%s", err, m)
			}
		})
	}
}

// A pool that says only its domain gets the documented defaults.
func TestDefaults(t *testing.T) {
	ns := namespace(t)
	u := object(t, pool(""))
	u.SetNamespace(ns)
	if err := k8s.Create(t.Context(), u, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(u.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	const want = `database:
  durability: Mirror
  instances: 2
  provider: CloudNativePG
  storage:
    size: 10Gi
  walKeep: 1Gi
deletionPolicy: Retain
directory:
  type: Static
domain: example.com
limits:
  defaultHistory: 30
  endpointsPerUser: 16
  messageBytes: 8192
  participantUpdateLimit: 75
  searchResults: 999
maxDataLossSeconds: 5
poolState: Normal
servers:
  replicas: 2
  service:
    type: ClusterIP
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The samples are valid, use no unknown field, and their rooms name categories that are there.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "config/samples/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	categories, rooms := map[string]bool{}, map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range strings.Split(string(b), "\n---\n") {
			u := object(t, doc)
			if err := k8s.Create(t.Context(), u, client.FieldValidation("Strict")); err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			switch u.GetKind() {
			case "Category":
				categories[u.GetName()] = true
			case "Room":
				rooms[u.GetName()], _, _ = unstructured.NestedString(u.Object, "spec", "categoryName")
			}
		}
	}
	for r, c := range rooms {
		if !categories[c] {
			t.Errorf("room %s names category %q, which the samples do not have", r, c)
		}
	}
	if len(rooms) < 5 || len(categories) < 2 {
		t.Errorf("%d rooms in %d categories", len(rooms), len(categories))
	}
}
