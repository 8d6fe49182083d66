package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
)

// chartDir writes a small chart and returns its folder.
func chartDir(t *testing.T, extra map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"Chart.yaml":            "apiVersion: v2\nname: small\nversion: 1.0.0\n",
		"values.yaml":           "image: {tag: none}\n",
		"crds/thing.yaml":       "kind: CustomResourceDefinition\n",
		"templates/a.yaml":      "tag: {{ .Values.image.tag }}\nns: {{ .Release.Namespace }}\nkube: {{ .Capabilities.KubeVersion }}\n",
		"templates/empty.yaml":  "{{ if .Values.never }}never: true{{ end }}\n",
		"templates/NOTES.txt":   "notes",
		"templates/_helper.tpl": "{{ define \"x\" }}{{ end }}",
	}
	for name, text := range extra {
		files[name] = text
	}
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAChartIsRenderedWithItsDefinitionsFirst(t *testing.T) {
	var out bytes.Buffer
	options := common.ReleaseOptions{Name: "r", Namespace: "place", Revision: 1, IsInstall: true}
	if err := render(&out, chartDir(t, nil), options, "v1.34.4", sets{"image.tag=dev"}); err != nil {
		t.Fatal(err)
	}
	want := "---\n# small/crds/thing.yaml\nkind: CustomResourceDefinition\n" +
		"---\n# small/templates/a.yaml\ntag: dev\nns: place\nkube: v1.34.4\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestWhatCannotBeRenderedIsNamed(t *testing.T) {
	schema := `{"type": "object", "properties": {"image": {"type": "object", "properties": {"tag": {"type": "string"}}}}}`
	for name, c := range map[string]struct {
		extra map[string]string
		set   sets
		kube  string
		want  string
	}{
		"a hook":                     {extra: map[string]string{"templates/h.yaml": "a: helm.sh/hook"}, want: "small/templates/h.yaml: hooks"},
		"a value of the wrong type":  {extra: map[string]string{"values.schema.json": schema}, set: sets{"image.tag=5"}, want: "image/tag"},
		"a flag without a value":     {set: sets{"image"}, want: `-set "image"`},
		"a version that is not one":  {kube: "new", want: `-kube-version "new"`},
		"a template that is invalid": {extra: map[string]string{"templates/b.yaml": "{{ .Values.a.b.c }}"}, want: "small/templates/b.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.kube == "" {
				c.kube = "v1.34.4"
			}
			err := render(&bytes.Buffer{}, chartDir(t, c.extra), common.ReleaseOptions{Name: "r"}, c.kube, c.set)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}
