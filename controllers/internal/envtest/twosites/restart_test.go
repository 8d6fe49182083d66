package twosites

import (
	"os"
	"testing"

	"chatpool.dev/api/v1alpha1"
)

// Whoever passes a point of a move for the first time ends there, alone or with the other operator, and new processes go
// on: the move
// is finished, in both directions.
func TestOperatorsEndAtEveryPointOfAMove(t *testing.T) {
	for name, who := range map[string]func(*cast, string) []*operator{
		"both": func(c *cast, _ string) []*operator { return c.both() },
		"the one that passes": func(c *cast, site string) []*operator {
			if site == "home" {
				return []*operator{c.home}
			}
			return []*operator{c.backup}
		},
	} {
		if name == "both" && os.Getenv("EVERY_POINT") == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := upright(t)
			c.patience = 3 * limit
			h, b := c.watch(home), c.watch(backup)
			for _, to := range []struct {
				state v1alpha1.PoolState
				site  *site
				epoch int64
			}{{v1alpha1.FailedOver, backup, 2}, {v1alpha1.Normal, home, 3}} {
				ended := map[string]bool{}
				c.killing(func(site, point string) []*operator {
					if point == "before publish " || point == "after publish " || ended[site+" "+point] {
						return nil
					}
					ended[site+" "+point] = true
					return who(c, site)
				})
				c.want(to.state, home, backup)
				c.lives(to.site, to.epoch)
				c.killing(nil)
				from, taker := to.site.other().name, to.site.name
				for _, point := range []string{
					from + " before Quiesce", from + " after Quiesce", from + " before Demote", from + " after Demote", from + " before Shut", from + " after Shut",
					from + " before publish Grant", from + " after publish Grant", from + " before Follow", from + " after Follow",
					taker + " before publish Claim", taker + " after publish Claim", taker + " before Promote", taker + " after Promote",
					taker + " before RecordEpoch", taker + " after RecordEpoch", taker + " before Activate", taker + " after Activate",
					taker + " before PublishAddress", taker + " after PublishAddress",
				} {
					if !ended[point] {
						t.Errorf("nobody ended at %q, but at %v", point, ended)
					}
				}
			}
			if h.count() == 0 || b.count() == 0 {
				t.Error("nothing was seen")
			}
		})
	}
}
