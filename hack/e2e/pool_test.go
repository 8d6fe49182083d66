//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pool is a pool of the tests: in a namespace of its own, with users user0, user1, ... and rooms room0, room1, ...
type pool struct {
	namespace string
	instances int
	nodePort  int // of TLS; the one of plain TCP is one less
	ca        string
	domain    string
}

const (
	poolName = "trading"
	users    = 24
	rooms    = 10
)

// makePool applies a pool and waits until it is Ready; a pool of the same shape from an earlier test is used again.
func makePool(t *testing.T, instances int) *pool {
	t.Helper()
	p := &pool{
		namespace: fmt.Sprintf("e2e-%d", instances), instances: instances, nodePort: 30100 + 10*instances + 1, domain: "e2e.test",
		ca: filepath.Join(t.TempDir(), "ca.crt"),
	}
	start := time.Now()
	apply(t, p.manifest())
	p.awaitReady(t, 5*time.Minute)
	t.Logf("a pool with %d database instances is Ready after %v", instances, time.Since(start).Round(time.Second))
	p.keepCA(t)
	return p
}

// keepCA keeps the certificate by which clients trust the pool.
func (p *pool) keepCA(t *testing.T) {
	t.Helper()
	pem, err := base64.StdEncoding.DecodeString(p.get(t, "secret", poolName+"-ca", `{.data.ca\.crt}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.ca, pem, 0o600); err != nil {
		t.Fatal(err)
	}
}

// remove takes the pool away, to leave the machine to the next test.
func (p *pool) remove(t *testing.T) {
	t.Helper()
	run(t, 4*time.Minute, kubectlPath, kubeArgs([]string{"delete", "namespace", p.namespace, "--wait=true", "--timeout=200s"})...)
}

func (p *pool) manifest() string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: v1
kind: Namespace
metadata: {name: %[1]s, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: chatpool.dev/v1alpha1
kind: ChatPool
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  domain: %[3]s
  servers:
    replicas: 2
    resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 256Mi}}
    service: {type: NodePort, nodePorts: {sips: %[4]d, sip: %[5]d}}
  database:
    instances: %[6]d
    storage: {size: 1Gi}
    walKeep: 256Mi
    resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}
  deletionPolicy: Delete
  auth: {legacyDigest: true, plainTCP: true}
  policy: {enabled: true}
  directory:
    type: Static
    static:
      users:
`, p.namespace, poolName, p.domain, p.nodePort, p.nodePort-1, p.instances)
	for i := range users {
		fmt.Fprintf(&b, "      - {name: user%d, displayName: User %d}\n", i, i)
	}
	fmt.Fprintf(&b, `---
apiVersion: chatpool.dev/v1alpha1
kind: Category
metadata: {name: all, namespace: %s}
spec: {poolName: %s, allowedMembers: ["domain:%s"]}
`, p.namespace, poolName, p.domain)
	for i := range rooms {
		fmt.Fprintf(&b, "---\napiVersion: chatpool.dev/v1alpha1\nkind: Room\nmetadata: {name: room%d, namespace: %s}\nspec: {poolName: %s, categoryName: all, privacy: Open}\n", i, p.namespace, poolName)
	}
	return b.String()
}

func (p *pool) awaitReady(t *testing.T, limit time.Duration) {
	t.Helper()
	conditions := func(kind, name string) map[string]string {
		out, err := try(t.Context(), 10*time.Second, "", kubectlPath, kubeArgs([]string{"-n", p.namespace, "get", kind, name, "-o", "json"})...)
		if err != nil {
			return map[string]string{"error": err.Error()}
		}
		var o struct {
			Metadata struct{ Generation int64 }
			Status   struct {
				ObservedGeneration int64
				Conditions         []struct{ Type, Status, Reason, Message string }
			}
		}
		if err := json.Unmarshal([]byte(out), &o); err != nil {
			t.Fatal(err)
		}
		said := map[string]string{}
		if o.Status.ObservedGeneration != o.Metadata.Generation {
			return said
		}
		for _, c := range o.Status.Conditions {
			said[c.Type] = c.Status
			if c.Status != "True" {
				said[c.Type] += " " + c.Reason + ": " + c.Message
			}
		}
		return said
	}
	eventually(t, limit, "the pool to be Ready", func() (bool, string) {
		c := conditions("chatpool", poolName)
		return c["Ready"] == "True", fmt.Sprint(c)
	})
	for i := range rooms {
		eventually(t, time.Minute, fmt.Sprintf("room%d to be Ready", i), func() (bool, string) {
			c := conditions("room", fmt.Sprintf("room%d", i))
			return c["Ready"] == "True", fmt.Sprint(c)
		})
	}
}

// get reads a field of an object of the pool's namespace.
func (p *pool) get(t testing.TB, kind, name, jsonpath string) string {
	t.Helper()
	return kubectl(t, "-n", p.namespace, "get", kind, name, "-o", "jsonpath="+jsonpath)
}

// servers are the addresses at which the pool is reached: its node port on every worker.
func (p *pool) servers(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, ip := range strings.Fields(kubectl(t, "get", "nodes", "-o", `jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}`)) {
		out = append(out, fmt.Sprintf("%s:%d", ip, p.nodePort))
	}
	return out
}

// pod is the address of one chat pod, past every Service.
func (p *pool) pod(t testing.TB, n int) string {
	t.Helper()
	return p.get(t, "pod", fmt.Sprintf("%s-chat-%d", poolName, n), "{.status.podIP}") + ":5061"
}

func (p *pool) password(t testing.TB, user string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(p.get(t, "secret", poolName+"-users", "{.data."+user+"}"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// primary names the database pod that takes writes and the node that it is on; mirror names another instance.
func (p *pool) primary(t testing.TB) (pod, node string) {
	t.Helper()
	pod = p.primaryName(t)
	return pod, p.get(t, "pod", pod, "{.spec.nodeName}")
}

func (p *pool) primaryName(t testing.TB) string {
	t.Helper()
	return p.get(t, "cluster.postgresql.cnpg.io", poolName+"-db", "{.status.currentPrimary}")
}

func (p *pool) mirror(t testing.TB) (pod, node string) {
	t.Helper()
	primary, _ := p.primary(t)
	names := kubectl(t, "-n", p.namespace, "get", "pods", "-l", "cnpg.io/cluster="+poolName+"-db", "-o", "jsonpath={.items[*].metadata.name}")
	for _, pod = range strings.Fields(names) {
		if pod != primary {
			return pod, p.get(t, "pod", pod, "{.spec.nodeName}")
		}
	}
	t.Fatalf("no mirror among the database pods %q", names)
	return "", ""
}

// awaitDatabase waits until every instance is there and healthy again.
func (p *pool) awaitDatabase(t *testing.T, limit time.Duration) {
	t.Helper()
	d := eventually(t, limit, "the database to be whole again", func() (bool, string) {
		state := p.get(t, "cluster.postgresql.cnpg.io", poolName+"-db", "{.status.readyInstances}/{.spec.instances} {.status.phase}")
		return state == fmt.Sprintf("%d/%d Cluster in healthy state", p.instances, p.instances), state
	})
	t.Logf("the database is whole again after %v", d.Round(time.Second))
}
