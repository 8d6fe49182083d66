package main

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const monitoring = "charts/chatpool-operator/monitoring/"

// series is a metric in an expression, with its label matchers.
const series = `\b(chatpool_\w+)(?:\{([^}]*)\})?`

func metricLabels(t *testing.T) map[string][]string {
	t.Helper()
	metrics, err := readMetrics(root)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string][]string{}
	for _, m := range metrics {
		labels[m.name] = m.labels
	}
	return labels
}

// checkSeries: the metric exists, and has the labels by which it is chosen.
func checkSeries(t *testing.T, labels map[string][]string, where string, m []string) {
	t.Helper()
	if strings.HasPrefix(m[1], "chatpool_dev_") { // Kubernetes labels as Prometheus spells them
		return
	}
	name := m[1]
	if _, ok := labels[name]; !ok {
		name = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
	}
	has, ok := labels[name]
	if !ok {
		t.Errorf("%s names the metric %s, which does not exist", where, m[1])
	}
	for _, l := range regexp.MustCompile(`(\w+)(?:=~?|!~|!=)"`).FindAllStringSubmatch(m[2], -1) {
		if !slices.Contains(has, l[1]) {
			t.Errorf("%s uses %s{%s}; its labels are %v", where, name, l[1], has)
		}
	}
}

// alert is a rule of the chart.
type alert struct {
	Alert, Expr string
	Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(source(t, monitoring+"alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var out []alert
	for _, g := range file.Groups {
		out = append(out, g.Rules...)
	}
	if len(out) < 8 {
		t.Fatalf("only %d alerts were found", len(out))
	}
	return out
}

func alertNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, a := range alerts(t) {
		names = append(names, a.Alert)
	}
	return names
}

// Every alert leads to a heading that is about it, and asks for what exists.
func TestAlertsLeadToTheirRunbook(t *testing.T) {
	all := map[string]doc{}
	for _, d := range pages(t) {
		all[d.path] = d
	}
	labels := metricLabels(t)
	words := conditionsAndSteps(t)
	for _, a := range alerts(t) {
		u, err := url.Parse(a.Annotations["runbook_url"])
		if err != nil {
			t.Fatal(err)
		}
		page, ok := all[strings.TrimPrefix(u.Path, "/")]
		if !ok || !page.anchors[u.Fragment] {
			t.Errorf("%s leads to %s, which is no heading", a.Alert, u)
			continue
		}
		_, section, _ := strings.Cut(page.text, "\n### "+heading(page, u.Fragment)+"\n")
		section, _, _ = strings.Cut(section, "\n#")
		if !strings.Contains(heading(page, u.Fragment)+section, a.Alert) {
			t.Errorf("%s leads to %s, where it is not named", a.Alert, u)
		}
		for _, m := range regexp.MustCompile(series).FindAllStringSubmatch(a.Expr, -1) {
			checkSeries(t, labels, a.Alert, m)
		}
		for _, m := range regexp.MustCompile(`(?:type|step|role)[=!]~?"([^"]*)"`).FindAllStringSubmatch(a.Expr, -1) {
			for _, word := range strings.Split(m[1], "|") {
				if !slices.Contains(words, word) {
					t.Errorf("%s asks for %s, which no status says", a.Alert, word)
				}
			}
		}
	}
}

// heading is the text of a page's heading of the third level.
func heading(d doc, anchor string) string {
	for _, line := range strings.Split(d.text, "\n") {
		if text, ok := strings.CutPrefix(line, "### "); ok && slug(text) == anchor {
			return text
		}
	}
	return ""
}

func conditionsAndSteps(t *testing.T) []string {
	t.Helper()
	a, err := readAPI(root)
	if err != nil {
		t.Fatal(err)
	}
	words := failoverWords(t)
	for _, c := range a.conditions {
		words = append(words, c.value)
	}
	return words
}

func TestDashboardAsksForWhatExists(t *testing.T) {
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Definition string }
		}
	}
	b, err := os.ReadFile(filepath.Join(root, monitoring+"dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	labels, n := metricLabels(t), 0
	check := func(where, expr string) {
		for _, m := range regexp.MustCompile(series).FindAllStringSubmatch(expr, -1) {
			n++
			checkSeries(t, labels, where, m)
		}
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			check("panel "+p.Title, target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		check("a variable", v.Definition)
	}
	if n < 10 {
		t.Errorf("only %d series were found", n)
	}
}
