package plugin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// planted are secrets; each contains the word that no report may have.
const planted = "hunter2"

const plantedKey = "-----BEGIN EC PRIVATE KEY-----\nhunter2hunter2\n-----END EC PRIVATE KEY-----"

// plant puts objects with secrets in every place where one was ever seen into a cluster.
func plant(t *testing.T, s *aSite) {
	t.Helper()
	here := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "chat", Labels: map[string]string{naming.LabelPool: "trading", naming.LabelComponent: "chat", naming.LabelName: "chatpool"}}
	}
	pod := &corev1.Pod{ObjectMeta: here("trading-chat-0")}
	pod.Annotations = map[string]string{
		"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"password":"hunter2"}}`,
		"example.com/json": `{"user":"ada","password":"hunter2","nested":{"apiToken":["hunter2"]}}`,
	}
	pod.Spec.Containers = []corev1.Container{{Name: "server", Env: []corev1.EnvVar{
		{Name: "PGPASSWORD", Value: planted}, {Name: "DATABASE_URL", Value: "postgresql://chat:hunter2@db:5432/chat"}, {Name: "LOG_LEVEL", Value: "info"},
	}, Args: []string{"--token=hunter2", "--header", "Authorization: Bearer hunter2hunter2"}}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "server", RestartCount: 1}}
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e1", Namespace: "chat"}, InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "trading-chat-0"},
		Message: "could not sign in with password: 'hunter2'\n" + plantedKey}
	other := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e2", Namespace: "chat"}, InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "somebody-else"}}
	secret := &corev1.Secret{ObjectMeta: here("trading-users"), Data: map[string][]byte{"ada": []byte(planted)}}
	config := &corev1.ConfigMap{ObjectMeta: here("trading-chat"), Data: map[string]string{"config.json": planted}}
	room := &v1alpha1.Room{ObjectMeta: metav1.ObjectMeta{Name: "fx-desk", Namespace: "chat"}}
	room.Spec.PoolName = "trading"
	database := aDatabase(map[string]string{"cnpg.io/x": "postgres://u:hunter2@h/x"})
	database.Object["spec"] = map[string]any{"replica": map[string]any{"primary": "home", "promotionToken": "hunter2"}, "pin": map[string]any{"passwordNumber": int64(1)}}
	if err := errors.Join(s.Create(t.Context(), pod), s.Create(t.Context(), event), s.Create(t.Context(), other), s.Create(t.Context(), secret),
		s.Create(t.Context(), config), s.Create(t.Context(), room), s.Create(t.Context(), database)); err != nil {
		t.Fatal(err)
	}
}

const plantedLog = `{"time":"t","level":"INFO","msg":"connected","host":"db"}
{"time":"t","level":"ERROR","msg":"dial postgresql://chat:hunter2@db/chat","body":"hunter2, said Ada","password":"hunter2"}
panic: token=hunter2 kubeconfig follows
client-key-data: hunter2hunter2
` + plantedKey + "\n" + `{"msg":"raw","frame":"hunter2","authorization":"Digest hunter2hunter2"}
eyJhbGciOiJIUzI1NiJ9.hunter2.hunter2
`

// files unpacks a bundle.
func files(t *testing.T, b []byte) map[string]string {
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
		name, ok := strings.CutPrefix(h.Name, "trading-report-20261120T120000Z/")
		if !ok {
			t.Errorf("the bundle has %s", h.Name)
		}
		out[name] = string(text)
	}
}

func aReport(logs bool) *Report {
	return &Report{Namespace: "chat", Pool: "trading", Logs: logs, LogLines: 50, Now: noon.Time,
		Raw: func(_ context.Context, _ *Cluster, path string, query map[string]string) (io.ReadCloser, error) {
			switch {
			case path == "/version":
				return io.NopCloser(strings.NewReader(`{"gitVersion":"v1.35.0","platform":"linux/amd64"}`)), nil
			case query["previous"] == "true":
				return nil, errors.New("previous terminated container not found, token=hunter2")
			}
			return io.NopCloser(strings.NewReader(plantedLog)), nil
		}}
}

func TestAReportHasEverythingButSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := both(t, overtaken, salvages(v1alpha1.SalvageRunning, ""))
		plant(t, sites["home"])
		sites["backup"].dead = true
		home, backup := *sites["home"].Cluster, *sites["backup"].Cluster
		home.Context, backup.Context, backup.isPeer = "home", "backup", true
		var b bytes.Buffer
		missing, err := aReport(true).Run(t.Context(), &b, []*Cluster{&home, &backup})
		if err != nil {
			t.Fatal(err)
		}
		got := files(t, b.Bytes())
		for name, text := range got {
			if strings.Contains(text, planted) {
				t.Errorf("%s has a secret:\n%s", name, text)
			}
		}
		for _, m := range missing {
			if strings.Contains(m, planted) {
				t.Errorf("what is missing tells a secret: %s", m)
			}
		}
		for name, has := range map[string][]string{
			"status.txt":                          {"Return, Salvaging", "the cluster backup does not answer"},
			"home/chatpool.yaml":                  {"role: Fenced", "heldEpoch: 1"},
			"home/rooms.yaml":                     {"name: fx-desk"},
			"home/clusters.yaml":                  {"promotionToken: '[redacted, 7 bytes]'", "primary: home"},
			"home/pods.yaml":                      {"name: PGPASSWORD", "[redacted, 7 bytes]", "postgresql://chat:[redacted]@db:5432/chat", "value: info", `"user":"ada"`},
			"home/events.yaml":                    {"could not sign in", "[redacted private key]"},
			"home/leases.yaml":                    {"trading-site"},
			"home/versions.yaml":                  {"v1.35.0"},
			"home/logs/trading-chat-0-server.log": {`"msg":"connected"`, "postgresql://chat:[redacted]@db/chat", "[redacted private key]"},
			"missing.txt":                         {"backup/chatpool.yaml", "no route to host", "home/logs/trading-chat-0-server-PREVIOUS.log"},
			"README.txt":                          {"No"},
			"versions.txt":                        {"kubectl chatpool"},
		} {
			for _, h := range has {
				if name != "README.txt" && !strings.Contains(got[name], h) {
					t.Errorf("%s lacks %q:\n%s", name, h, got[name])
				}
			}
		}
		if strings.Contains(got["home/events.yaml"], "somebody-else") {
			t.Error("an Event of something else is there")
		}
		for name := range got {
			if strings.Contains(name, "secret") || strings.Contains(name, "configmap") {
				t.Errorf("the report has %s", name)
			}
		}
	})
}

func TestAReportWithoutLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := both(t, nil, nil)
		plant(t, sites["home"])
		var b bytes.Buffer
		if _, err := aReport(false).Run(t.Context(), &b, []*Cluster{sites["home"].Cluster}); err != nil {
			t.Fatal(err)
		}
		names := slices.Sorted(maps.Keys(files(t, b.Bytes())))
		want := []string{"README.txt", "missing.txt", "status.txt", "versions.txt"}
		for _, k := range aReport(false).kinds() {
			want = append(want, "home/"+k.file+".yaml")
		}
		want = append(want, "home/versions.yaml")
		slices.Sort(want)
		if d := cmp.Diff(want, names); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	})
}

func TestAReportIsAFileForItsOwnerThatReplacesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := both(t, nil, nil)
		file := filepath.Join(t.TempDir(), "r.tar.gz")
		var out bytes.Buffer
		if err := aReport(false).write(t.Context(), &out, []*Cluster{sites["home"].Cluster}, file); err != nil {
			t.Fatal(err)
		}
		s, err := os.Stat(file)
		if err != nil || s.Mode().Perm() != 0o600 || !strings.Contains(out.String(), "wrote      "+file) {
			t.Errorf("%v, %v: %s", s.Mode(), err, out.String())
		}
		before := s.Size()
		if err := aReport(false).write(t.Context(), &out, []*Cluster{sites["home"].Cluster}, file); !errors.Is(err, os.ErrExist) {
			t.Errorf("it was written over: %v", err)
		}
		if s, err = os.Stat(file); err != nil || s.Size() != before {
			t.Errorf("the first report is gone: %v", err)
		}
	})
}

func TestRedactedIsWhatIsSecretAndNothingElse(t *testing.T) {
	for in, want := range map[string]string{
		"sip:ada@example.com posts to fx-desk":              "sip:ada@example.com posts to fx-desk",
		"postgres://chat:pw@db/chat?sslmode=verify-full":    "postgres://chat:[redacted]@db/chat?sslmode=verify-full",
		"https://db.example.com:5432/x":                     "https://db.example.com:5432/x",
		`password="two words" and more`:                     "password=[redacted] and more",
		"Authorization: Bearer abcdefghijk":                 "Authorization: Bearer [redacted]",
		"the token is bad":                                  "the token is bad",
		"secretName: trading-users":                         "secretName: trading-users",
		"db_password: x1":                                   "db_password: [redacted]",
		`{"msg":"a","n":1,"token":"t"}`:                     `{"msg":"a","n":1,"token":"[redacted, 1 bytes]"}`,
		`{"kubeconfigSecretName":"x","kubeconfig":{"a":1}}`: `{"kubeconfig":{"a":"[redacted]"},"kubeconfigSecretName":"x"}`,
	} {
		if got := redactString(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// The sites are named by what was seen; a cluster of which nothing is known still has its place.
func TestAReportOfAPoolThatNobodyTellsOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := map[string]*aSite{"home": newSite(t, aPool(failover.Home))}
		sites["home"].dead = true
		var b bytes.Buffer
		missing, err := aReport(true).Run(t.Context(), &b, []*Cluster{sites["home"].Cluster})
		if err != nil || len(missing) == 0 || !strings.Contains(missing[0], "does not answer") {
			t.Errorf("%v, %q", err, missing)
		}
	})
}
