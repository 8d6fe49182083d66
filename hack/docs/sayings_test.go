package main

import (
	"go/ast"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a site says to people of why it waits or refuses: the texts that package failover gives to wait and refuse, and those
// that its functions return which say why something is missing.
func sayings(t *testing.T) []string {
	t.Helper()
	var out []string
	if err := parse(filepath.Join(root, "controllers/internal/failover"), func(f *ast.File) {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			returns := returnsText(fn) && fn.Recv != nil && isView(fn.Recv.List[0].Type)
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "wait" || s.Sel.Name == "refuse") && len(n.Args) > 0 {
						out = append(out, texts(n.Args[0])...)
					}
				case *ast.ReturnStmt:
					if returns && len(n.Results) == 1 {
						out = append(out, texts(n.Results[0])...)
					}
				}
				return true
			})
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d texts were found", len(out))
	}
	return out
}

func returnsText(fn *ast.FuncDecl) bool {
	r := fn.Type.Results
	if r == nil || len(r.List) != 1 {
		return false
	}
	id, ok := r.List[0].Type.(*ast.Ident)
	return ok && id.Name == "string"
}

func isView(e ast.Expr) bool {
	p, ok := e.(*ast.StarExpr)
	if !ok {
		return false
	}
	id, ok := p.X.(*ast.Ident)
	return ok && id.Name == "view"
}

// texts are the literals that an expression is put together from.
func texts(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return []string{text(e)}
	case *ast.BinaryExpr:
		return append(texts(e.X), texts(e.Y)...)
	}
	return nil
}

var verbs = regexp.MustCompile(`%(?:\[\d+\])?[a-z]`)

// Each piece of such a text between names and numbers, if it is more than a word, stands on the page about two sites.
func TestWhatASiteWaitsForAndRefusesIsExplained(t *testing.T) {
	plain := strings.Join(strings.Fields(strings.NewReplacer("*", "", "`", "").Replace(source(t, recovery))), " ")
	n := 0
	for _, said := range sayings(t) {
		for _, piece := range verbs.Split(said, -1) {
			piece = strings.Trim(piece, " ,;:")
			if !strings.Contains(piece, " ") {
				continue
			}
			n++
			if !strings.Contains(plain, piece) {
				t.Errorf("%s does not explain %q, of %q", recovery, piece, said)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d pieces were looked for", n)
	}
}

// Every command of kubectl chatpool stands on the page about two sites, and every flag of its own somewhere in these pages.
func TestEveryCommandOfThePluginIsExplained(t *testing.T) {
	plugin := buildPlugin(t)
	help := func(args ...string) string {
		out, err := exec.Command(plugin, append(args, "--help")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	var all strings.Builder
	for _, d := range pages(t) {
		all.WriteString(d.text)
	}
	_, commands, _ := strings.Cut(help(), "Available Commands:\n")
	commands, _, _ = strings.Cut(commands, "\n\n")
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+) `).FindAllStringSubmatch(commands, -1) {
		if m[1] == "help" || m[1] == "completion" {
			continue
		}
		n++
		if !strings.Contains(all.String(), "kubectl chatpool "+m[1]) {
			t.Errorf("no page names kubectl chatpool %s", m[1])
		}
		_, flags, _ := strings.Cut(help(m[1]), "\nFlags:\n")
		flags, _, _ = strings.Cut(flags, "\n\n")
		for _, f := range regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[a-z-]+)`).FindAllStringSubmatch(flags, -1) {
			short := f[1] != "" && regexp.MustCompile("`[^`]*"+f[1]+`\b`).MatchString(all.String())
			if f[2] != "--help" && !strings.Contains(all.String(), f[2]) && !short {
				t.Errorf("no page names %s of kubectl chatpool %s", f[2], m[1])
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d commands were found in:\n%s", n, commands)
	}
}
