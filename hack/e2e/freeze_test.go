//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// processes finds a pod's processes whose command line has the word: the nodes' processes are this machine's own, told
// apart by the control group that kubelet made for the pod.
func (p *pool) processes(t *testing.T, pod, word string) []int {
	t.Helper()
	group := "pod" + p.get(t, "pod", pod, "{.metadata.uid}")
	found, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range found {
		groups, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(groups), group) {
			continue // gone meanwhile, or somebody else's
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || !strings.Contains(string(line), word) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// freeze stops the processes until the returned function is called, at the latest when the test ends.
func freeze(t *testing.T, pids []int) (thaw func()) {
	t.Helper()
	if len(pids) == 0 {
		t.Fatal("nothing to freeze: no such process")
	}
	signal := func(s syscall.Signal) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
				t.Errorf("signal %v to %d: %v", s, pid, err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	thawed := false
	thaw = func() {
		if !thawed {
			signal(syscall.SIGCONT)
			thawed = true
		}
	}
	t.Cleanup(thaw)
	return thaw
}
