//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/client"
)

// script runs bin/chat as a user at one server, with the lines on its standard input.
func (p *pool) script(t *testing.T, server, user string, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(p.password(t, user)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := try(t.Context(), time.Minute, strings.Join(lines, "\n")+"\n", filepath.Join(root, "bin/chat"),
		"-server", server, "-server-name", p.serverName(), "-ca", p.ca, "-user", user+"@"+p.domain, "-password-file", file)
	if err != nil {
		t.Fatalf("bin/chat as %s: %v\n%s", user, err, out)
	}
	return out
}

// dial signs a user in by the library, at one server.
func (p *pool) dial(t *testing.T, server, user string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Options{
		Servers: []string{server}, ServerName: p.serverName(), RootCAs: p.roots(t), User: user + "@" + p.domain, Password: p.password(t, user),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// awaitEvent reads events until one fits.
func awaitEvent(t *testing.T, c *client.Client, limit time.Duration, what string, fits func(client.Event) bool) {
	t.Helper()
	deadline := time.After(limit)
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				t.Fatalf("waiting for %s: the client has ended", what)
			}
			if fits(e) {
				return
			}
		case <-deadline:
			t.Fatalf("waited %v for %s", limit, what)
		}
	}
}

// TestPeopleChat promises: people on two pods talk to each other, and who comes later sees the history.
func TestPeopleChat(t *testing.T) {
	p := makePool(t, 2)
	word := fmt.Sprintf("hello %d", time.Now().UnixNano())
	bob := p.dial(t, p.pod(t, 1), "user1")
	if _, err := bob.Join(t.Context(), "room0"); err != nil {
		t.Fatal(err)
	}
	out := p.script(t, p.pod(t, 0), "user0", "rooms", "join room0", word, "who", "quit")
	for _, want := range []string{"room9", word, "user1@" + p.domain} {
		if !strings.Contains(out, want) {
			t.Errorf("user0 on pod 0 does not see %q:\n%s", want, out)
		}
	}
	awaitEvent(t, bob, 5*time.Second, "user0's words on pod 1", func(e client.Event) bool {
		m, ok := e.(client.Message)
		return ok && m.Text == word
	})
	if out := p.script(t, p.pod(t, 1), "user2", "join room0 last 10", "quit"); !strings.Contains(out, word) {
		t.Errorf("user2, who came later, does not see %q:\n%s", word, out)
	}
}

// TestWhoFallsOutOfScopeIsOut promises: when a category's allowed members shrink in YAML, a live participant who is not
// among them any more is out of the room within 5 s, and a Room that names him says so.
func TestWhoFallsOutOfScopeIsOut(t *testing.T) {
	p := makePool(t, 2)
	manifest := func(allowed string) string {
		return fmt.Sprintf(`apiVersion: chatpool.dev/v1alpha1
kind: Category
metadata: {name: scope, namespace: %[1]s}
spec: {poolName: %[2]s, allowedMembers: [%[3]s]}
---
apiVersion: chatpool.dev/v1alpha1
kind: Room
metadata: {name: scoped, namespace: %[1]s}
spec: {poolName: %[2]s, categoryName: scope, privacy: Closed, members: ["sip:user0@%[4]s", "sip:user1@%[4]s"]}
`, p.namespace, poolName, allowed, p.domain)
	}
	condition := func(kind string) string {
		return p.get(t, "room", "scoped", fmt.Sprintf(`{.status.conditions[?(@.type=="%s")].status} {.status.conditions[?(@.type=="%s")].message}`, kind, kind))
	}
	apply(t, manifest(fmt.Sprintf(`"domain:%s"`, p.domain)))
	eventually(t, time.Minute, "the room", func() (bool, string) { c := condition("Ready"); return strings.HasPrefix(c, "True"), c })
	stays, goes := p.dial(t, p.pod(t, 0), "user0"), p.dial(t, p.pod(t, 1), "user1")
	for _, c := range []*client.Client{stays, goes} {
		if _, err := c.Join(t.Context(), "scoped"); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	apply(t, manifest(fmt.Sprintf(`"sip:user0@%s"`, p.domain)))
	awaitEvent(t, goes, 5*time.Second, "user1 to be out", func(e client.Event) bool { _, ok := e.(client.Kicked); return ok })
	t.Logf("out after %v", time.Since(start).Round(10*time.Millisecond))
	awaitEvent(t, stays, 5*time.Second, "user0 to see him go", func(e client.Event) bool { _, ok := e.(client.Left); return ok })
	if _, err := goes.Post(t.Context(), "scoped", "may not be said"); err == nil {
		t.Error("a post of a user out of scope was accepted")
	}
	if _, err := stays.Post(t.Context(), "scoped", "may be said"); err != nil {
		t.Errorf("user0: %v", err)
	}
	eventually(t, 30*time.Second, "the Room to name user1", func() (bool, string) {
		c := condition("ScopeSatisfied")
		return strings.HasPrefix(c, "False") && strings.Contains(c, "user1@"), c
	})
}

// TestARoomWaitsForItsCategory promises: a Room in a missing category waits, says for what, and is made when it comes.
func TestARoomWaitsForItsCategory(t *testing.T) {
	p := makePool(t, 2)
	apply(t, fmt.Sprintf(`apiVersion: chatpool.dev/v1alpha1
kind: Room
metadata: {name: early, namespace: %s}
spec: {poolName: %s, categoryName: late}
`, p.namespace, poolName))
	state := func() string {
		return p.get(t, "room", "early", `{.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`)
	}
	eventually(t, 20*time.Second, "the Room to say what it waits for", func() (bool, string) {
		s := state()
		return strings.HasPrefix(s, "False") && strings.Contains(s, "late"), s
	})
	apply(t, fmt.Sprintf(`apiVersion: chatpool.dev/v1alpha1
kind: Category
metadata: {name: late, namespace: %s}
spec: {poolName: %s, allowedMembers: ["domain:%s"]}
`, p.namespace, poolName, p.domain))
	eventually(t, 30*time.Second, "the Room to be made", func() (bool, string) { s := state(); return strings.HasPrefix(s, "True"), s })
}
