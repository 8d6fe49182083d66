package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// world makes packages of lines "path imports...".
func world(lines ...string) map[string]pkg {
	all := map[string]pkg{}
	for _, l := range lines {
		f := strings.Fields(l)
		all[f[0]] = pkg{path: f[0], imports: f[1:], std: !strings.Contains(f[0], "."), fromOurs: strings.HasPrefix(f[0], module+"/")}
	}
	return all
}

func TestArrowsFindsForbiddenImports(t *testing.T) {
	for sentence, c := range map[string]struct {
		all  map[string]pkg
		want string // part of the only violation; "" for none
	}{
		"the core needs the standard library": {world("chatpool.dev/chatserver/chat strings", "strings"), ""},
		"the core needs a library":            {world("chatpool.dev/chatserver/chat github.com/x/y", "github.com/x/y"), "core and client"},
		"the client library needs the core":   {world("chatpool.dev/chatserver/client chatpool.dev/chatserver/chat", "chatpool.dev/chatserver/chat"), ""},
		"the server needs Kubernetes through another": {
			world("chatpool.dev/chatserver/internal/hub github.com/x/y", "github.com/x/y k8s.io/api", "k8s.io/api"), "nothing of Kubernetes"},
		"the operator needs pgx":              {world("chatpool.dev/controllers/internal/x github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5"), "neither SIP nor SQL"},
		"the operator needs the bridge":       {world("chatpool.dev/controllers chatpool.dev/chatserver/adminapi", "chatpool.dev/chatserver/adminapi"), ""},
		"the operator needs the server":       {world("chatpool.dev/controllers chatpool.dev/chatserver/client", "chatpool.dev/chatserver/client"), "its core and its admin API"},
		"sipedge needs sipgo":                 {world("chatpool.dev/chatserver/internal/sipedge github.com/emiago/sipgo/sip", "github.com/emiago/sipgo/sip"), ""},
		"the hub needs sipgo":                 {world("chatpool.dev/chatserver/internal/hub github.com/emiago/sipgo/sip", "github.com/emiago/sipgo/sip"), "sipedge alone"},
		"the API needs the core":              {world("chatpool.dev/api/v1alpha1 chatpool.dev/chatserver/chat", "chatpool.dev/chatserver/chat"), "nothing of ours"},
		"packages of the API need each other": {world("chatpool.dev/api/v2 chatpool.dev/api/v1", "chatpool.dev/api/v1"), ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := arrows(c.all)
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestSizesFindsLargeFiles(t *testing.T) {
	dir := t.TempDir()
	for name, lines := range map[string]int{"a.go": 400, "b.go": 401, "a_test.go": 800, "b_test.go": 801, "zz_generated.go": 2000, "c.txt": 2000} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("\n", lines)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := sizes(dir)
	if err != nil || len(got) != 2 || !strings.Contains(got[0], "b.go has 401") || !strings.Contains(got[1], "b_test.go has 801") {
		t.Errorf("found %q, %v", got, err)
	}
}
