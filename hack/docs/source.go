package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// api is what the source of the API says besides the schema.
type api struct {
	// types are the comments of types, markers included.
	types map[string]string
	// conditions and reasons, in the order of the source.
	conditions, reasons []constant
	// words are all other constants: choices and states.
	words []constant
}

// constant is a text constant and its comment.
type constant struct{ name, value, doc string }

// readAPI parses api/v1alpha1.
func readAPI(root string) (*api, error) {
	a := &api{types: map[string]string{}}
	err := parse(filepath.Join(root, "api"), func(f *ast.File) {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				a.declared(g)
			}
		}
	})
	if err == nil && (len(a.conditions) == 0 || len(a.reasons) == 0) {
		err = fmt.Errorf("api: no conditions or no reasons found")
	}
	return a, err
}

func (a *api) declared(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			for _, c := range g.Doc.List {
				a.types[s.Name.Name] += strings.TrimPrefix(strings.TrimPrefix(c.Text, "//"), " ") + "\n"
			}
		case *ast.ValueSpec:
			if len(s.Values) != 1 {
				continue
			}
			c := constant{name: s.Names[0].Name, value: text(s.Values[0]), doc: oneLine(s.Doc.Text() + s.Comment.Text())}
			switch {
			case c.value == "":
			case strings.HasPrefix(c.name, "Condition"):
				a.conditions = append(a.conditions, c)
			case strings.HasPrefix(c.name, "Reason"):
				a.reasons = append(a.reasons, c)
			default:
				a.words = append(a.words, c)
			}
		}
	}
}

// summary explains the three conditions that stand above, which have no comment of their own.
var summary = map[string]string{
	"Ready":       "everything below that counts is True; its message is that of the first that is not",
	"Reconciling": "the operator works towards the manifest, or waits for what comes by itself",
	"Stalled":     "only a person can go on; the message says what to change",
}

func conditionTable(a *api) string {
	var rows [][]string
	for _, c := range a.conditions {
		_, doc, _ := strings.Cut(c.doc, ": ")
		if doc == "" {
			doc = summary[c.value]
		}
		rows = append(rows, []string{"`" + c.value + "`", doc})
	}
	return table([]string{"condition", "True means"}, rows)
}

func reasonTable(a *api) string {
	var rows [][]string
	for _, r := range a.reasons {
		doc := r.doc
		if doc == "" {
			doc = plain(r.value)
		}
		rows = append(rows, []string{"`" + r.value + "`", doc})
	}
	return table([]string{"reason", "meaning"}, rows)
}

// plain writes CamelCase as words.
func plain(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// beforeMarkers is a comment without its +kubebuilder part.
func beforeMarkers(doc string) string {
	doc, _, _ = strings.Cut(doc, "\n+")
	return doc
}

// metric is a Prometheus metric of server or operator.
type metric struct {
	name, kind, help string
	labels           []string
	operator         bool
}

// readMetrics finds every chatpool_ metric that the code makes.
func readMetrics(root string) ([]metric, error) {
	var out []metric
	for _, dir := range []string{"chatserver", "controllers"} {
		err := parse(filepath.Join(root, dir), func(f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok {
					if m, ok := metricOf(c); ok {
						m.operator = dir == "controllers"
						out = append(out, m)
					}
				}
				return true
			})
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	if len(out) == 0 {
		return nil, fmt.Errorf("no metrics found")
	}
	return out, nil
}

// metricOf understands prometheus.NewX(prometheus.XOpts{Name: ..., Help: ...}, []string{labels}).
func metricOf(c *ast.CallExpr) (metric, bool) {
	fun, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(fun.Sel.Name, "New") || len(c.Args) == 0 {
		return metric{}, false
	}
	m := metric{kind: strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(fun.Sel.Name, "New"), "Vec"), "Func"))}
	opts, ok := c.Args[0].(*ast.CompositeLit)
	if !ok {
		return metric{}, false
	}
	for _, e := range opts.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			switch fmt.Sprint(kv.Key) {
			case "Name":
				m.name = text(kv.Value)
			case "Help":
				m.help = text(kv.Value)
			}
		}
	}
	if labels, ok := c.Args[len(c.Args)-1].(*ast.CompositeLit); ok && len(c.Args) == 2 {
		for _, l := range labels.Elts {
			m.labels = append(m.labels, text(l))
		}
	}
	return m, strings.HasPrefix(m.name, "chatpool_")
}

func metricTable(all []metric, operator bool) string {
	var rows [][]string
	for _, m := range all {
		if m.operator == operator {
			rows = append(rows, []string{"`" + m.name + "`", m.kind, quoted(m.labels), m.help})
		}
	}
	return table([]string{"metric", "kind", "labels", "meaning"}, rows)
}

// text is the value of a string literal; "" of anything else.
func text(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if s, err := strconv.Unquote(l.Value); err == nil {
			return s
		}
	}
	return ""
}

// parse visits the Go files below a folder, tests left out.
func parse(dir string, visit func(*ast.File)) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(f)
		return nil
	})
}
