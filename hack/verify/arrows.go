package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rule forbids packages below from to need, directly or through others, packages below any of the not; except names
// packages that may (with all below them). direct looks at imports alone, and at those of tests, too.
type rule struct {
	from   string
	not    []string
	except []string
	direct bool
	why    string
}

var rules = []rule{
	{from: "chatserver", not: []string{"k8s.io", "sigs.k8s.io"}, why: "the chat server knows nothing of Kubernetes"},
	{from: "controllers", not: []string{"github.com/emiago/sipgo", "github.com/jackc/pgx"}, why: "the operator speaks neither SIP nor SQL"},
	{from: "", not: []string{"github.com/emiago/sipgo"}, except: []string{"chatserver/internal/sipedge"}, direct: true, why: "sipedge alone knows sipgo"},
	{from: "controllers", not: []string{module + "/chatserver"}, except: nil, direct: true, why: "the operator sees of the server its core and its admin API"},
	{from: "api", not: []string{module}, why: "the API imports nothing of ours"},
	{from: "chatserver", not: []string{module + "/controllers", module + "/api"}, why: "the chat server does not know the operator"},
}

// bridges are what controllers may import of chatserver.
var bridges = []string{module + "/chatserver/chat", module + "/chatserver/adminapi"}

// arrows finds imports that break a rule.
func arrows(all map[string]pkg) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		p := all[path]
		if !p.fromOurs {
			continue
		}
		for _, r := range rules {
			if !below(path, join(module, r.from)) || slices.ContainsFunc(r.except, func(e string) bool { return below(path, join(module, e)) }) {
				continue
			}
			for _, need := range needs(all, p, r.direct) {
				if breaks(p, need, r) {
					out = append(out, fmt.Sprintf("%s needs %s, but %s", path, need, r.why))
				}
			}
		}
		if below(path, module+"/chatserver/chat") || below(path, module+"/chatserver/client") {
			out = append(out, core(all, p)...)
		}
	}
	return out
}

func breaks(p pkg, need string, r rule) bool {
	if need == p.path || slices.Contains(bridges, need) && below(p.path, module+"/controllers") {
		return false
	}
	if r.from != "" && below(need, join(module, r.from)) {
		return false
	}
	return slices.ContainsFunc(r.not, func(n string) bool { return below(need, n) || strings.HasPrefix(need, n+"/") })
}

// core: the core needs the standard library alone, the client library the core besides.
func core(all map[string]pkg, p pkg) []string {
	var out []string
	for _, need := range needs(all, p, false) {
		if !all[need].std && !below(need, module+"/chatserver/chat") && !below(need, module+"/chatserver/client") {
			out = append(out, fmt.Sprintf("%s needs %s, but core and client library need the standard library alone", p.path, need))
		}
	}
	return out
}

// needs lists what a package imports, directly (tests included) or at all.
func needs(all map[string]pkg, p pkg, direct bool) []string {
	if direct {
		return append(slices.Clone(p.imports), p.inTests...)
	}
	seen := map[string]bool{}
	var walk func(string)
	walk = func(path string) {
		for _, i := range all[path].imports {
			if !seen[i] {
				seen[i] = true
				walk(i)
			}
		}
	}
	walk(p.path)
	return slices.Sorted(maps.Keys(seen))
}

// below tells whether path is in the folder.
func below(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + "/" + b
}
