package integrations

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

const root = "../.."

// pools are the ChatPools that package moves writes, at every step of every move and return.
func pools(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("testdata/statuses/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d statuses, %v", len(files), err)
	}
	out := map[string]map[string]any{}
	for _, f := range files {
		out[strings.TrimSuffix(filepath.Base(f), ".yaml")] = load(t, f)
	}
	return out
}

func load(t *testing.T, file string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = yaml.YAMLToJSON(b); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var o map[string]any
	if err := utiljson.Unmarshal(b, &o); err != nil { // whole numbers stay whole, as clients of Kubernetes read them
		t.Fatalf("%s: %v", file, err)
	}
	return o
}

// reading is what tools make of a ChatPool.
type reading struct{ argo, kstatus string }

var (
	fine  = reading{"Healthy", "Current"}
	onWay = reading{"Progressing", "InProgress"}
	// helpless: only a person can help, and nobody serves here. kstatus knows no word for it but for what is Stalled.
	helpless = reading{"Degraded", "InProgress"}
)

// others than onWay.
var readings = map[string]reading{
	"home-serves":                             fine,
	"backup-assisted-switches-the-address":    fine, // it serves already
	"backup-salvages-what-home-had-not-sent":  fine,
	"home-serves-and-its-witness-is-silent":   fine,
	"backup-follows":                          fine,
	"home-one-manifest-wants-backup":          fine,
	"backup-bare-flip-and-home-silent":        fine,
	"backup-planned-waits-for-home-to-follow": fine,
	"home-waits-for-proof":                    helpless,
}

// cases are the ChatPools with what is to be read in them, and such changes as a step alone does not show.
func cases(t *testing.T) map[string]struct {
	object map[string]any
	want   reading
} {
	t.Helper()
	type one = struct {
		object map[string]any
		want   reading
	}
	out := map[string]one{}
	for name, o := range pools(t) {
		want, ok := readings[name]
		if !ok {
			want = onWay
		}
		out[name] = one{o, want}
	}
	for _, name := range slices.Sorted(maps.Keys(readings)) {
		if _, ok := out[name]; !ok {
			t.Errorf("there is no status %s", name)
		}
	}
	changed := func(name string, want reading, change func(o map[string]any)) {
		o := (&unstructured.Unstructured{Object: out["home-serves"].object}).DeepCopy().Object
		change(o)
		out[name] = one{o, want}
	}
	changed("a manifest that was not looked at yet", onWay, func(o map[string]any) { o["metadata"].(map[string]any)["generation"] = int64(4) })
	changed("one that waits for a change of the manifest", reading{"Degraded", "Failed"}, func(o map[string]any) {
		setStatus(o, "Ready", "False")
		setStatus(o, "Stalled", "True")
	})
	changed("one that is not ready", onWay, func(o map[string]any) {
		setStatus(o, "Ready", "False")
		setStatus(o, "Reconciling", "True")
	})
	changed("one that is being deleted", reading{"Progressing", "Terminating"}, func(o map[string]any) {
		o["metadata"].(map[string]any)["deletionTimestamp"] = "2026-11-20T12:00:00Z"
	})
	return out
}

func setStatus(o map[string]any, condition, status string) {
	for _, c := range conditions(o) {
		if c["type"] == condition {
			c["status"] = status
		}
	}
}

// conditions are those of the object itself, to be changed in place.
func conditions(o map[string]any) []map[string]any {
	var out []map[string]any
	for _, c := range o["status"].(map[string]any)["conditions"].([]any) {
		out = append(out, c.(map[string]any))
	}
	return out
}
