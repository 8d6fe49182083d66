package twosites

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/plugin"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// beats is how long an operator is watched for whether it beats.
const beats = 5 * time.Second

func (c *cast) fence() (string, error) {
	v, err := plugin.Look(c.t.Context(), []*plugin.Cluster{home.cluster(), backup.cluster()}, client.ObjectKey{Namespace: c.ns, Name: "demo"}, beats)
	if err != nil {
		c.t.Fatal(err)
	}
	var out bytes.Buffer
	err = (&plugin.Fencing{Yes: true, Out: &out}).Run(c.t.Context(), v, v.Home)
	return out.String(), err
}

// A person orders the database of a site down whose operator is dead, and the operator takes it back when it lives again
// and nobody has taken over meanwhile.
func TestAPersonOrdersTheDatabaseDown(t *testing.T) {
	c := upright(t)
	if out, err := c.fence(); err == nil || !strings.Contains(err.Error(), "kubectl chatpool release") {
		t.Fatalf("it is not refused while the operator lives: %v\n%s", err, out)
	}
	c.home.stop()
	if out, err := c.fence(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.eventually("the database to be down", func() error {
		if mode := ask(c.world, func() any { return c.world.sides["home"].db.mode }); mode != stopped {
			return fmt.Errorf("it is %v", mode)
		}
		return nil
	})
	c.home.start()
	c.eventually("the order to be taken back", func() error {
		cluster, err := home.database(c.ns)
		if err != nil {
			return err
		}
		if a := cluster.Annotations; a[cnpg.AnnotationFenced] != "" || a[naming.AnnotationFenced] != "" {
			return fmt.Errorf("the annotations are %v", a)
		}
		if mode := ask(c.world, func() any { return c.world.sides["home"].db.mode }); mode != open {
			return fmt.Errorf("the database is %v", mode)
		}
		return nil
	})
	c.lives(home, 1)
}

// What kubectl chatpool report packs from real API servers has everything and nothing out of a Secret.
func TestAReportHasNothingOutOfASecret(t *testing.T) {
	c := upright(t)
	var b bytes.Buffer
	r := &plugin.Report{Namespace: c.ns, Pool: "demo", Logs: true, LogLines: 10, Now: time.Now()}
	missing, err := r.Run(t.Context(), &b, []*plugin.Cluster{home.cluster(), backup.cluster()})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missing {
		if !strings.Contains(m, "/logs/") { // no kubelet plays here
			t.Errorf("missing: %s", m)
		}
	}
	files := unpack(t, b.Bytes())
	for name, has := range map[string]string{
		"status.txt": "Standby", "home/chatpool.yaml": "heldEpoch: 1", "backup/clusters.yaml": "demo-db", "home/versions.yaml": "gitVersion", "backup/leases.yaml": "demo-site",
	} {
		if !strings.Contains(files[name], has) {
			t.Errorf("%s lacks %q:\n%s", name, has, files[name])
		}
	}
	n := 0
	for _, s := range []*site{home, backup} {
		list := &corev1.SecretList{}
		if err := s.Client.List(t.Context(), list, client.InNamespace(c.ns)); err != nil {
			t.Fatal(err)
		}
		for _, secret := range list.Items {
			for key, value := range secret.Data {
				if len(value) < 12 || key == "username" || key == corev1.ServiceAccountNamespaceKey {
					continue
				}
				n++
				for name, text := range files {
					if strings.Contains(text, string(value)) {
						t.Errorf("%s has %s of Secret %s", name, key, secret.Name)
					}
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d secrets were looked for", n)
	}
}

// unpack gives the files of a .tar.gz by their path below its only folder.
func unpack(t *testing.T, b []byte) map[string]string {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		out[name] = string(text)
	}
}
