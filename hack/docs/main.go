// Command docs writes docs/reference.md: the template beside this file, filled with the fields of the custom resources
// (config/crd, in the order of the Go types), the conditions and reasons (api/v1alpha1) and the metrics (the source of
// server and operator).
//
//	go run ./hack/docs          write it
//	go run ./hack/docs -check   fail when it is not as it would be written now
//
// The package's tests hold the documentation to the code: links and files, make targets, commands and flags, fields,
// conditions, metrics, Secrets, and every YAML block and sample; and what the status of a pool with two sites can say must
// be explained.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

const reference = "docs/reference.md"

//go:embed reference.md.tmpl
var page string

func main() {
	check := flag.Bool("check", false, "fail when "+reference+" is stale, and write nothing")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// run writes the reference of the repository at root, or checks it.
func run(root string, check bool) error {
	want, err := render(root)
	if err != nil {
		return err
	}
	path := filepath.Join(root, reference)
	if !check {
		return os.WriteFile(path, want, 0o644)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New(reference + " is stale: go run ./hack/docs, and commit it")
	}
	return nil
}

// render fills the template.
func render(root string) ([]byte, error) {
	api, err := readAPI(root)
	if err != nil {
		return nil, err
	}
	kinds, err := readKinds(root)
	if err != nil {
		return nil, err
	}
	metrics, err := readMetrics(root)
	if err != nil {
		return nil, err
	}
	var fields, contents strings.Builder
	for _, k := range kinds {
		fields.WriteString(k.markdown(api))
		fmt.Fprintf(&contents, "[%s](#%s), ", k.name, strings.ToLower(k.name))
	}
	t, err := template.New("reference").Parse(page)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]string{
		"Fields": fields.String(), "Contents": strings.TrimSuffix(contents.String(), ", "),
		"Types": typeTable(kinds, api), "Conditions": conditionTable(api), "Reasons": reasonTable(api),
		"ServerMetrics": metricTable(metrics, false), "OperatorMetrics": metricTable(metrics, true),
	})
	return out.Bytes(), err
}

// table makes a Markdown table; cells lose their line ends and bars.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + strings.NewReplacer("\n\n", " ", "\n", " ", "|", `\|`).Replace(c) + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	line(strings.Fields(strings.Repeat("--- ", len(head))))
	for _, r := range rows {
		line(r)
	}
	return b.String()
}
