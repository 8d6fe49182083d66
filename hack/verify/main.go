// Command verify checks the rules that neither the compiler nor vet knows: which package may import which, and how
// large a file may be. It prints each violation with the rule it breaks. Run it in the repository's top folder.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "chatpool.dev"

func main() {
	packages, err := load()
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
	wrong := arrows(packages)
	large, err := sizes(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
	for _, w := range append(wrong, large...) {
		fmt.Println(w)
	}
	if len(wrong)+len(large) > 0 {
		os.Exit(1)
	}
}

// pkg is a package of ours or of others.
type pkg struct {
	path     string
	std      bool
	imports  []string // its own, tests left out
	inTests  []string
	fromOurs bool
}

// load asks the go command for all packages of the module and everything they need.
func load() (map[string]pkg, error) {
	const format = `{{.ImportPath}}|{{.Standard}}|{{join .Imports " "}}|{{join .TestImports " "}} {{join .XTestImports " "}}`
	cmd := exec.Command("go", "list", "-deps", "-f", format, "./...")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, errs.String())
	}
	all := map[string]pkg{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.Split(line, "|")
		if len(f) != 4 {
			return nil, fmt.Errorf("go list printed %q", line)
		}
		all[f[0]] = pkg{
			path: f[0], std: f[1] == "true", imports: strings.Fields(f[2]), inTests: strings.Fields(f[3]),
			fromOurs: strings.HasPrefix(f[0], module+"/"),
		}
	}
	all["C"] = pkg{path: "C", std: true} // what cgo imports
	return all, nil
}

// sizes finds Go files that are too large: 400 lines, tests 800. Generated files are left out.
func sizes(root string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasPrefix(d.Name(), "zz_generated"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		limit := 400
		if strings.HasSuffix(path, "_test.go") {
			limit = 800
		}
		if n := bytes.Count(b, []byte("\n")); n > limit {
			out = append(out, fmt.Sprintf("%s has %d lines; at most %d: split it by subject", path, n, limit))
		}
		return nil
	})
	return out, err
}
