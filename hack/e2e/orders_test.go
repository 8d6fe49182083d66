//go:build e2e

package e2e

import (
	"testing"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

// TestOppositeOrders promises: writers on two pods that go through the same rooms in opposite orders for a minute cause
// no deadlock, and nobody's post suffers from another one's.
func TestOppositeOrders(t *testing.T) {
	p := makePool(t, 2)
	p.awaitDatabase(t, 3*time.Minute)
	cfg := p.loadConfig(t)
	cfg.RoomsPerWriter = rooms
	report := p.underLoadOf(t, cfg, func(load *loadcheck.Run) {
		eventually(t, 3*time.Minute, "a minute's worth of posts", func() (bool, string) {
			n := load.Progress()
			return n.Accepted >= 200*60, time.Duration(n.SinceAccepted).String()
		})
	})
	if report.Refused > 0 {
		t.Errorf("%d posts were refused for a while: nothing was wrong with the pool", report.Refused)
	}
	deadlocks := kubectl(t, "-n", p.namespace, "exec", p.primaryName(t), "-c", "postgres", "--",
		"psql", "-d", "chat", "-Atc", "select deadlocks from pg_stat_database where datname = 'chat'")
	if deadlocks != "0" {
		t.Errorf("PostgreSQL saw %s deadlocks", deadlocks)
	}
}
