package main

import (
	"errors"
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"

	"sigs.k8s.io/yaml"
)

func TestReferenceIsFresh(t *testing.T) {
	if err := run(root, true); err != nil {
		t.Error(err)
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	all := map[string]doc{}
	for _, d := range pages(t) {
		all[d.path] = d
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, d := range all {
		for _, m := range link.FindAllStringSubmatch(d.text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := d.path
			if file != "" {
				target = filepath.Join(filepath.Dir(d.path), file)
			}
			if !exists(t, target) {
				t.Errorf("%s links to %s, which does not exist", d.path, target)
			} else if page, ok := all[target]; ok && anchor != "" && !page.anchors[anchor] {
				t.Errorf("%s links to %s, which has no heading #%s", d.path, target, anchor)
			}
		}
	}
}

func TestFilesNamedExist(t *testing.T) {
	each(t, `(?:^|[\s"])((?:api|charts|chatserver|config|controllers|docs|hack)/[\w./-]*)`, func(d doc, m []string) {
		if !exists(t, strings.TrimRight(m[1], "./")) {
			t.Errorf("%s names %s, which does not exist", d.path, m[1])
		}
	})
	each(t, `\bbin/(\w+)`, func(d doc, m []string) {
		if !exists(t, "chatserver/cmd/"+m[1]) && !exists(t, "controllers/cmd/"+m[1]) && m[1] != "kubectl" {
			t.Errorf("%s names bin/%s, of which there is no source", d.path, m[1])
		}
	})
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(root, path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestMakeTargetsExist(t *testing.T) {
	makefile := source(t, "Makefile")
	each(t, `\bmake ([a-z][a-z0-9-]*)`, func(d doc, m []string) {
		if !regexp.MustCompile(`(?m)^([a-z0-9-]+ )*` + m[1] + `( [a-z0-9-]+)*:`).MatchString(makefile) {
			t.Errorf("%s names make %s, which the Makefile does not have", d.path, m[1])
		}
	})
}

// Flags are read from the calls that define them.
func TestFlagsExist(t *testing.T) {
	flags := definedFlags(t, "chatserver/internal/chatcli")
	check := func(d doc, m []string) {
		if !flags[m[1]] {
			t.Errorf("%s names the flag -%s, which bin/chat does not have", d.path, m[1])
		}
	}
	each(t, `^-([a-z][a-z-]+)`, check)
	each(t, `^bin/chat(.*)$`, func(d doc, m []string) {
		for _, f := range regexp.MustCompile(`\s-([a-z][a-z-]*)`).FindAllStringSubmatch(m[1], -1) {
			check(d, f)
		}
	})
}

func definedFlags(t *testing.T, dir string) map[string]bool {
	t.Helper()
	flags := map[string]bool{"h": true}
	if err := parse(filepath.Join(root, dir), func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || len(c.Args) < 3 {
				return true
			}
			if s, ok := c.Fun.(*ast.SelectorExpr); ok && strings.HasSuffix(s.Sel.Name, "Var") {
				flags[text(c.Args[1])] = true
			}
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
	if len(flags) < 5 {
		t.Fatalf("only these flags were found in %s: %v", dir, flags)
	}
	return flags
}

func TestChartValuesExist(t *testing.T) {
	var values map[string]any
	if err := yaml.Unmarshal([]byte(source(t, "charts/chatpool-operator/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	each(t, `--set ([\w.]+)=`, func(d doc, m []string) {
		var v any = values
		for _, name := range strings.Split(m[1], ".") {
			below, _ := v.(map[string]any)
			if v = below[name]; v == nil {
				t.Errorf("%s sets %s, which the chart's values do not have", d.path, m[1])
				return
			}
		}
	})
}

// A field is named from the top (spec.tls.secretName) or from below spec (tls.secretName); its value may follow.
func TestFieldsExist(t *testing.T) {
	kinds, err := readKinds(root)
	if err != nil {
		t.Fatal(err)
	}
	each(t, `^(\w+(?:\[\])?(?:\.\w+(?:\[\])?)*)(?:: (\w+))?$`, func(d doc, m []string) {
		if slices.Contains([]string{"kind", "tls.crt", "tls.key"}, m[1]) {
			return
		}
		path := strings.Split(strings.ReplaceAll(m[1], "[]", ""), ".")
		var found *schema
		begins := false
		for _, k := range kinds {
			from := k.schema
			if path[0] != "spec" && path[0] != "status" {
				from = from.Properties["spec"]
			}
			begins = begins || len(path) > 1 && from.Properties[path[0]] != nil || m[2] != ""
			if s := find(from, path); s != nil && (found == nil || s.Enum != nil) {
				found = s
			}
		}
		switch {
		case begins && found == nil:
			t.Errorf("%s names the field %s, which no kind has", d.path, m[1])
		case found != nil && m[2] != "" && found.Enum != nil && !slices.Contains(found.Enum, m[2]):
			t.Errorf("%s says %s: %s; it takes %v", d.path, m[1], m[2], found.Enum)
		}
	})
}

func find(s *schema, path []string) *schema {
	for _, name := range path {
		if s.Items != nil {
			s = s.Items
		}
		if s = s.Properties[name]; s == nil {
			return nil
		}
	}
	return s
}

// others are names in CamelCase that are not ours.
var others = strings.Fields(`ConfigMap StatefulSet ServiceAccount NetworkPolicy PodDisruptionBudget PodMonitor PrometheusRule
	StorageClass NodePort LoadBalancer ClusterIP CloudNativePG PostgreSQL ChatpoolSite ChatpoolServers`)

func TestConditionsReasonsAndChoicesExist(t *testing.T) {
	a, err := readAPI(root)
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Concat(others, []string{"ChatPool"}, alertNames(t))
	for _, c := range slices.Concat(a.conditions, a.reasons, a.words) {
		known = append(known, c.value)
	}
	known = append(known, failoverWords(t)...)
	each(t, `^([A-Z][a-z]+(?:[A-Z]+[a-z]+)+)(?:=\w+)?$`, func(d doc, m []string) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("%s names %s, which is no condition, reason or choice of the API", d.path, m[1])
		}
	})
}

func TestMetricsExist(t *testing.T) {
	labels := metricLabels(t)
	each(t, series, func(d doc, m []string) { checkSeries(t, labels, d.path, m) })
}

// Names of a pool's objects are written POOL-SUFFIX, or with the sample pool's name.
func TestNamesOfObjectsExist(t *testing.T) {
	code := source(t, "controllers/internal/naming/children.go") + source(t, "controllers/internal/build/netpol.go")
	each(t, `\b(?:POOL|trading)-([a-z-]*[a-z])\b`, func(d doc, m []string) {
		switch name := "-" + m[1]; {
		case strings.Contains(code, `"`+name+`"`), strings.Contains(code, `"`+name+`-"`):
		case name == "-db-chat", name == "-db-compliance": // -db and the role's name
		case strings.HasPrefix(name, "-db-") && strings.Contains(code, `"`+strings.TrimPrefix(name, "-db")+`"`):
		case name == "-witness-token": // of kubectl chatpool witness
		case name == "-peer-token", name == "-peer-home", name == "-peer-backup": // of kubectl chatpool peer; -peer- and the site's name
		case name == "-database": // a Secret that the reader makes
		default:
			t.Errorf("%s names POOL%s, which the operator does not make", d.path, name)
		}
	})
}

func TestYAMLIsStrictlyValid(t *testing.T) {
	n := 0
	for _, d := range pages(t) {
		for _, b := range d.blocks {
			if b.language != "yaml" {
				continue
			}
			for _, text := range strings.Split(b.text, "\n---\n") {
				n++
				if err := strictly(text); err != nil {
					t.Errorf("%s: %v in\n%s", d.path, err, text)
				}
			}
		}
	}
	if n < 5 {
		t.Errorf("only %d objects in YAML were found", n)
	}
}

// strictly parses an object, or a part of a ChatPool that begins with spec.
func strictly(text string) error {
	var o struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	var into any
	switch {
	case o.Kind == "" || o.Kind == "ChatPool":
		into = &v1alpha1.ChatPool{}
	case o.Kind == "Category":
		into = &v1alpha1.Category{}
	case o.Kind == "Room":
		into = &v1alpha1.Room{}
	default:
		return nil // somebody else's kind
	}
	if o.Kind != "" && o.APIVersion != v1alpha1.GroupVersion.String() {
		return errors.New("apiVersion is " + o.APIVersion)
	}
	return yaml.UnmarshalStrict([]byte(text), into)
}

func TestStrictlyRefusesUnknownFields(t *testing.T) {
	if strictly("spec: {domain: example.com}") != nil {
		t.Error("a part of a ChatPool is refused")
	}
	for _, bad := range []string{"spec: {domains: example.com}", "kind: Room\nspec: {}", "kind: ["} {
		if strictly(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
