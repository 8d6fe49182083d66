//go:build e2e

package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// link is a way from one site's nodes to a port of the other one's.
type link struct{ from, host, port string }

// replicationOf is how a site's database reaches the other one's.
func replicationOf(site string) link { return link{site, nodeOf[other(site)], "30432"} }

// peeringOf is how a site's operator reaches the other one's API server.
func peeringOf(site string) link { return link{site, apiOf[other(site)], "6443"} }

var apiOf = map[string]string{"home": "10.90.1.10", "backup": "10.90.2.10"}

// cut has nothing pass a link until the returned function is called, at the latest when the test ends.
func cut(t *testing.T, links ...link) (mend func()) {
	t.Helper()
	done := false
	mend = func() {
		if done {
			return
		}
		done = true
		for _, l := range links {
			l.rule(t, "-D")
		}
	}
	t.Cleanup(mend)
	for _, l := range links {
		l.rule(t, "-I")
	}
	return mend
}

// rule adds or removes the rule in each node of the site; a node without power has none any more.
func (l link) rule(t testing.TB, verb string) {
	t.Helper()
	found, err := filepath.Glob("/run/netns/chp-" + l.from + "-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		for _, rule := range [][]string{ // both ways: what is on its way back is not to arrive either
			{"FORWARD", "-d", l.host, "-p", "tcp", "--dport", l.port}, {"OUTPUT", "-d", l.host, "-p", "tcp", "--dport", l.port},
			{"FORWARD", "-s", l.host, "-p", "tcp", "--sport", l.port}, {"INPUT", "-s", l.host, "-p", "tcp", "--sport", l.port},
		} {
			args := append([]string{"netns", "exec", filepath.Base(path), "iptables", "-w", verb}, append(rule, "-j", "DROP")...)
			_, err := try(context.Background(), 10*time.Second, "", "ip", args...)
			if err != nil && (verb == "-I" || !strings.Contains(err.Error(), "does a matching rule exist")) {
				t.Errorf("%s: %v", strings.Join(args, " "), err)
			}
		}
	}
}
