package failover

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
)

func TestStats(t *testing.T) {
	for _, p := range profiles {
		count := map[string]int{}
		N := 500
		for i := 0; i < N; i++ {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			list := p.events(r, 20+r.IntN(200))
			w := tellStory(p, list)
			seen := map[string]bool{}
			for _, l := range w.story {
				if k := strings.Index(l, "-> "); k > 0 {
					seen[strings.Fields(l[k+3:])[0]] = true
				}
			}
			for k := range seen {
				count[k]++
			}
			if w.overlaps > 0 {
				count["~overlap"]++
			}
			for e, m := range w.claims {
				if m.accepted {
					count["~forcedaccepted"]++
				}
				_ = e
			}
		}
		keys := []string{}
		for k := range count {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		fmt.Println("==", p.name)
		for _, k := range keys {
			fmt.Printf("%s %d, ", k, count[k])
		}
		fmt.Println()
	}
}
