//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

// A planned move refuses posts for ten seconds at most, and the old site follows within a minute, is the promise. Here both
// sites, their clients and the checker share one small machine: three times as long says that something is wrong.
const (
	refusedFor    = 30 * time.Second
	followsWithin = 3 * time.Minute
)

// TestPlannedMoves promises: a pool that is moved to the other site and back under load loses nothing, has nothing twice and
// everything in order, and refuses posts for a short time only. MOVES says how many times; once by default.
func TestPlannedMoves(t *testing.T) {
	d := makeDesk(t)
	times, err := strconv.Atoi(cmp.Or(os.Getenv("MOVES"), "1"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range times {
		for _, move := range []struct{ state, to string }{{"FailedOver", "backup"}, {"Normal", "home"}} {
			t.Run(fmt.Sprintf("%d to %s", i+1, move.to), func(t *testing.T) {
				d.move(t, map[string]string{"backup": "home", "home": "backup"}[move.to])
				report := d.underMoves(t, func(load *loadcheck.Run) {
					accepts(t, load, time.Minute)
					load.Mark("moves to %s", move.to)
					d.flip(t, move.state)
					t.Logf("%s serves and is followed after %v", move.to, d.awaitRoles(t, move.to, followsWithin).Round(100*time.Millisecond))
					accepts(t, load, time.Minute)
				})
				if p := report.LongestPause.For; p > refusedFor {
					t.Errorf("posts were refused for %v, more than %v", p, refusedFor)
				}
			})
		}
	}
}
