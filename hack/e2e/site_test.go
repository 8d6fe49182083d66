//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// root is the repository's top folder, two above this one.
var root = func() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}()

func TestMain(m *testing.M) {
	if _, err := os.Stat(filepath.Join(root, ".run/home/admin.conf")); err != nil {
		fmt.Fprintln(os.Stderr, "the local site home does not run: use make test-e2e, or hack/cluster/up.sh --site home --no-pool first")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// run runs a program of the repository and returns what it printed; it fails the test when the program fails.
func run(t testing.TB, limit time.Duration, name string, args ...string) string {
	t.Helper()
	out, err := try(context.Background(), limit, "", name, args...) // clean-up uses it too, when t.Context() has ended
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

// try runs a program with input and a time limit; its error has what the program said on standard error.
func try(ctx context.Context, limit time.Duration, input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.WaitDelay = root, 2*time.Second
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// kubectl asks the site home.
func kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return run(t, time.Minute, kubectlPath, kubeArgs(args)...)
}

var kubectlPath = filepath.Join(root, ".run/bin/kubectl")

func kubeArgs(args []string) []string {
	return append([]string{"--kubeconfig", filepath.Join(root, ".run/home/admin.conf")}, args...)
}

// apply applies a manifest.
func apply(t testing.TB, manifest string) {
	t.Helper()
	if out, err := try(t.Context(), time.Minute, manifest, kubectlPath, kubeArgs([]string{"apply", "-f", "-"})...); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
}

// eventually asks again and again until ok says yes, for at most limit; what says what is waited for, and the last
// answer is shown when the time is up.
func eventually(t testing.TB, limit time.Duration, what string, ok func() (bool, string)) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		done, state := ok()
		if done {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			t.Fatalf("waited %v for %s; last seen: %s", limit, what, state)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("gave up waiting for %s: %v", what, t.Context().Err())
		}
	}
}

// node cuts or restores a worker of home.
func node(t testing.TB, verb, name string) {
	t.Helper()
	number := strings.TrimPrefix(name, "home-")
	run(t, 3*time.Minute, filepath.Join(root, "hack/cluster/node-"+verb+".sh"), "home", number)
}
