package main

import (
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const recovery = "docs/disaster-recovery.md"

// failoverWords are what the status of a pool with two sites says: roles, kinds and steps of transitions, conditions and
// their reasons, as package failover writes them.
func failoverWords(t *testing.T) []string {
	t.Helper()
	var out []string
	count := map[string]int{}
	add := func(kind, word string) {
		if word != "" {
			count[kind]++
			out = append(out, word)
		}
	}
	dir := filepath.Join(root, "controllers/internal/failover")
	if err := parse(dir, func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.ValueSpec); ok && len(s.Values) == 1 {
				switch kind := typeOf(s); kind {
				case "Role", "Kind", "Step":
					add(kind, text(s.Values[0]))
				}
			}
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
	// Conditions and reasons are the texts of one word in the file about them.
	for _, m := range regexp.MustCompile(`"([A-Z][A-Za-z]+)"`).FindAllStringSubmatch(source(t, "controllers/internal/failover/conditions.go"), -1) {
		if m[1] != "True" && m[1] != "False" && m[1] != "Unknown" {
			add("condition", m[1])
		}
	}
	for kind, least := range map[string]int{"Role": 4, "Kind": 5, "Step": 20, "condition": 20} {
		if count[kind] < least {
			t.Fatalf("only %d words of kind %s were found in %s", count[kind], kind, dir)
		}
	}
	return out
}

func typeOf(s *ast.ValueSpec) string {
	if id, ok := s.Type.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func TestWhatAPoolWithTwoSitesSaysIsExplained(t *testing.T) {
	said := map[string]bool{}
	for _, d := range pages(t) {
		if d.path == recovery {
			for _, c := range d.code {
				said[c] = true
			}
		}
	}
	for _, word := range failoverWords(t) {
		if !said[word] {
			t.Errorf("%s does not explain `%s`, which the status says", recovery, word)
		}
	}
}

// TestMain keeps the program that buildPlugin makes until all tests have ended.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir) //nolint:errcheck // it is in the folder for such things
	}
	os.Exit(code)
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// buildPlugin makes kubectl-chatpool, once for all tests.
func buildPlugin(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "docs"); built.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", built.dir, "chatpool.dev/controllers/cmd/kubectl-chatpool").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build kubectl-chatpool: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "kubectl-chatpool")
}

// Commands of kubectl chatpool are held against what they say of themselves.
func TestCommandsOfThePluginExist(t *testing.T) {
	plugin := buildPlugin(t)
	helps := map[string]string{}
	each(t, `\bkubectl chatpool ([a-z][a-z-]*)([^#]*)`, func(d doc, m []string) {
		help, ok := helps[m[1]]
		if !ok {
			out, err := exec.Command(plugin, m[1], "--help").Output()
			if err != nil {
				out = nil
			}
			help = string(out)
			helps[m[1]] = help
		}
		if help == "" {
			t.Errorf("%s names kubectl chatpool %s, which there is not", d.path, m[1])
			return
		}
		for _, f := range regexp.MustCompile(`\s(--?[a-z][a-z-]*)`).FindAllStringSubmatch(m[2], -1) {
			if !regexp.MustCompile(`(?m)^ +(-\w, )?` + f[1] + `\b`).MatchString(help) {
				t.Errorf("%s uses kubectl chatpool %s %s, which has no such flag", d.path, m[1], f[1])
			}
		}
	})
}

func TestSamplesAreStrictlyValid(t *testing.T) {
	n := 0
	if err := filepath.WalkDir(filepath.Join(root, "config/samples"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range strings.Split(string(b), "\n---\n") {
			n++
			if err := strictly(text); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n < 5 {
		t.Errorf("only %d objects were found", n)
	}
}
