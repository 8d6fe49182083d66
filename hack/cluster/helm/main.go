// Command helmrender prints what a Helm chart would install, its custom resource definitions
// first, for `kubectl apply --server-side`. It is Helm's own engine, without a cluster, a
// repository or a release kept anywhere. Charts with hooks are refused: nothing here would run them.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/strvals"
)

// sets collects the -set flags.
type sets []string

// String joins the values, as flag.Value asks for.
func (s *sets) String() string { return strings.Join(*s, ",") }

// Set adds a value, as flag.Value asks for.
func (s *sets) Set(v string) error { *s = append(*s, v); return nil }

func main() {
	log.SetFlags(0)
	log.SetPrefix("helmrender: ")
	dir := flag.String("chart", "", "folder of the chart")
	release := flag.String("release", "", "name of the release")
	namespace := flag.String("namespace", "default", "namespace of the release")
	kube := flag.String("kube-version", "v1.34.4", "version of Kubernetes that the chart is told")
	var values sets
	flag.Var(&values, "set", "value of the chart, KEY=VALUE (repeat)")
	flag.Parse()
	if *dir == "" || *release == "" {
		log.Fatal("-chart and -release are needed")
	}
	options := common.ReleaseOptions{Name: *release, Namespace: *namespace, Revision: 1, IsInstall: true}
	if err := render(os.Stdout, *dir, options, *kube, values); err != nil {
		log.Fatalf("render chart %q: %v", *dir, err)
	}
}

// render writes the chart's definitions and its templates, each file's origin in a comment.
func render(w io.Writer, dir string, options common.ReleaseOptions, kube string, set sets) error {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return err
	}
	given := map[string]any{}
	for _, s := range set {
		if err := strvals.ParseInto(s, given); err != nil {
			return fmt.Errorf("-set %q: %w", s, err)
		}
	}
	version, err := common.ParseKubeVersion(kube)
	if err != nil {
		return fmt.Errorf("-kube-version %q: %w", kube, err)
	}
	caps := *common.DefaultCapabilities
	caps.KubeVersion = *version
	values, err := util.ToRenderValues(c, given, options, &caps)
	if err != nil {
		return err
	}
	files, err := engine.Render(c, values)
	if err != nil {
		return err
	}
	return print(w, c, files)
}

// print writes the rendered files in the order of their names, without notes and empty ones.
func print(w io.Writer, c *chart.Chart, files map[string]string) error {
	for _, crd := range c.CRDObjects() {
		if err := document(w, crd.Filename, string(crd.File.Data)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		if path.Base(name) == "NOTES.txt" || strings.TrimSpace(text) == "" {
			continue
		}
		if strings.Contains(text, "helm.sh/hook") {
			return fmt.Errorf("%s: hooks are not supported here", name)
		}
		if err := document(w, name, text); err != nil {
			return err
		}
	}
	return nil
}

func document(w io.Writer, name, text string) error {
	_, err := fmt.Fprintf(w, "---\n# %s\n%s\n", name, strings.TrimSpace(text))
	return err
}
