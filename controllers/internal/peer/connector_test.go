package peer

import (
	"strings"
	"testing"
)

func TestAKubeconfigThatCouldDoHarmIsRefused(t *testing.T) {
	const good = `{clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443"}}], users: [{name: u, user: {token: t}}],
contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}`
	if l, err := (&Connector{}).open([]byte(good)); err != nil || l.Namespace != "" {
		t.Fatalf("a plain one: %v, %+v", err, l)
	}
	if l, err := (&Connector{}).open([]byte(strings.Replace(good, "user: u}", "user: u, namespace: chat}", 1))); err != nil || l.Namespace != "chat" {
		t.Fatalf("one with a namespace: %v, %+v", err, l)
	}
	for sentence, c := range map[string]struct{ from, to, says string }{
		"it runs a program":       {"token: t", "exec: {command: /bin/sh, apiVersion: client.authentication.k8s.io/v1}", "runs a program"},
		"it reads a token file":   {"token: t", "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token", "names a file"},
		"it reads a key file":     {"token: t", "client-certificate: /a, client-key: /b", "names a file"},
		"it reads a CA file":      {"6443\"", "6443\", certificate-authority: /etc/ssl/ca.crt", "names a file"},
		"it trusts anybody":       {"6443\"", "6443\", insecure-skip-tls-verify: true", "insecure"},
		"it is no kubeconfig":     {good, "][", "kubeconfig"},
		"it is empty":             {good, "", "names no cluster"},
		"its context leads to no": {"current-context: x", "current-context: y", "kubeconfig"},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := (&Connector{}).open([]byte(strings.Replace(good, c.from, c.to, 1)))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want something about %q", err, c.says)
			}
		})
	}
}
