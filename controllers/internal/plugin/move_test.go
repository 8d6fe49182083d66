package plugin

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// both are a pair of sites, all well but for the changes.
func both(t *testing.T, home, backup []change) map[string]*aSite {
	t.Helper()
	return map[string]*aSite{
		"home":   newSite(t, aPool(failover.Home, home...)),
		"backup": newSite(t, aPool(failover.Backup, backup...)),
	}
}

var toBoth = []string{"--context", "home", "--peer-context", "backup", "trading"}

func with(verb string, args ...string) []string {
	return append(append([]string{verb}, toBoth...), args...)
}

func TestFailoverSetsBothManifests(t *testing.T) {
	sites := both(t, nil, nil)
	out, err := run(t, sites, with("failover")...)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range sites {
		if got := s.pool(t).Spec.PoolState; got != v1alpha1.FailedOver {
			t.Errorf("%s: poolState %q", name, got)
		}
	}
	golden(t, "failover", out)
}

func TestADryRunChangesNothing(t *testing.T) {
	sites := both(t, nil, nil)
	out, err := run(t, sites, with("failover", "--dry-run")...)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range sites {
		if p := s.pool(t); p.Spec.PoolState != v1alpha1.Normal {
			t.Errorf("%s: poolState %q", name, p.Spec.PoolState)
		}
	}
	if !strings.Contains(out, "poolState: FailedOver") || strings.Contains(out, "changed") {
		t.Error(out)
	}
}

func TestFailoverIsRefused(t *testing.T) {
	for sentence, c := range map[string]struct {
		home, backup []change
		dead         string
		args         []string
		err          string
	}{
		"while the standby does not follow": {backup: []change{say("False", v1alpha1.ConditionFailoverReady, "NotFollowing", "stands still")},
			args: with("failover"), err: `not ok is "backup says FailoverReady": False, NotFollowing: stands still`},
		"in a dry run, too": {backup: []change{say("False", v1alpha1.ConditionFailoverReady, "NotFollowing", "stands still")},
			args: with("failover", "--dry-run"), err: "stands still"},
		"without the other cluster":       {args: []string{"failover", "--context", "home", "trading"}, err: "--peer-context"},
		"when a site does not answer":     {dead: "home", args: with("failover"), err: "kubectl chatpool failover -n chat trading --confirm 2"},
		"to a site that does not answer":  {dead: "backup", args: with("failover"), err: "nothing can be moved to"},
		"by force, while home answers":    {args: with("failover", "--confirm", "2"), err: "its operator lives"},
		"by force, of an epoch long gone": {dead: "home", backup: []change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)}, args: with("failover", "--confirm", "1"), err: "backup would begin epoch 2"},
		"by force, of no epoch":           {args: with("failover", "--confirm", "0"), err: "epochs begin at 1"},
		"abandoning without force":        {args: with("failover", "--abandon", "1"), err: "add --confirm"},
		"with the same cluster twice":     {args: []string{"failover", "--context", "home", "--peer-context", "home", "trading"}, err: "the same one was given twice"},
		"of a pool that is not there":     {args: []string{"failover", "--context", "home", "--peer-context", "backup", "other"}, err: "ChatPool chat/other is not in the cluster home"},
		"with one site":                   {home: []change{func(p *v1alpha1.ChatPool) { p.Spec.Sites = nil }}, args: with("failover"), err: "has one site"},
		"with the wrong --site":           {args: with("failover", "--site", "backup"), err: "is site home, as its operator says"},
		"with a --site that is none":      {args: with("failover", "--site", "moon"), err: `spec.sites of ChatPool chat/trading has home and backup, not "moon"`},
	} {
		t.Run(sentence, func(t *testing.T) {
			sites := both(t, c.home, c.backup)
			if c.dead != "" {
				sites[c.dead].dead = true
			}
			_, err := run(t, sites, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			for name, s := range sites {
				s.dead = false
				if p := s.pool(t); p.Spec.PoolState != v1alpha1.Normal || p.Spec.Failover != nil {
					t.Errorf("%s was changed: %+v", name, p.Spec)
				}
			}
		})
	}
}

// One site alone moves nothing, so neither is written when the other would refuse.
func TestNeitherManifestIsWrittenWhenOneWouldBeRefused(t *testing.T) {
	sites := both(t, nil, nil)
	inner := sites["backup"].Client
	sites["backup"].Client = interceptor.NewClient(inner.(client.WithWatch), interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return errCut
		},
	})
	_, err := run(t, sites, with("failover")...)
	if err == nil || !strings.Contains(err.Error(), "nothing was changed: site backup would not take") {
		t.Errorf("error %v", err)
	}
	if got := sites["home"].pool(t).Spec.PoolState; got != v1alpha1.Normal {
		t.Errorf("home: %s", got)
	}
}

func TestAForcedFailoverIsWrittenWhereItIsFor(t *testing.T) {
	for sentence, args := range map[string][]string{
		"one cluster given":               {"failover", "--context", "backup", "trading", "--confirm", "2"},
		"the other does not answer":       with("failover", "--confirm", "2"),
		"the other way round":             {"failover", "--context", "backup", "--peer-context", "home", "trading", "--confirm", "2"},
		"what is abandoned is named, too": with("failover", "--confirm", "2", "--abandon", "1"),
	} {
		t.Run(sentence, func(t *testing.T) {
			sites := both(t, nil, []change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)})
			sites["home"].dead = true
			out, err := run(t, sites, args...)
			if err != nil {
				t.Fatal(err)
			}
			p := sites["backup"].pool(t)
			want := v1alpha1.FailoverSpec{ConfirmEpoch: 2}
			if strings.Contains(sentence, "abandoned") {
				want.AbandonEpoch = 1
			}
			if p.Spec.PoolState != v1alpha1.FailedOver || p.Spec.Failover == nil || *p.Spec.Failover != want {
				t.Errorf("%s %+v", p.Spec.PoolState, p.Spec.Failover)
			}
			if sentence == "the other does not answer" {
				golden(t, "failover-forced", out)
			}
		})
	}
}

func TestAnOldWordIsNotSaidAgain(t *testing.T) {
	sites := both(t, nil, []change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive), inRole(v1alpha1.RoleStandby, 3), holds("Present", 3),
		func(p *v1alpha1.ChatPool) { p.Spec.Failover = &v1alpha1.FailoverSpec{ConfirmEpoch: 2, AbandonEpoch: 1} }})
	sites["home"].dead = true
	if _, err := run(t, sites, with("failover", "--confirm", "4")...); err != nil {
		t.Fatal(err)
	}
	if f := sites["backup"].pool(t).Spec.Failover; *f != (v1alpha1.FailoverSpec{ConfirmEpoch: 4}) {
		t.Errorf("%+v", f)
	}
}

func TestFailbackMakesTheManifestsAgree(t *testing.T) {
	sites := both(t, []change{wanting(v1alpha1.FailedOver)}, []change{wanting(v1alpha1.FailedOver)})
	out, err := run(t, sites, with("failback")...)
	if err != nil || !strings.Contains(out, "home serves ChatPool chat/trading already") {
		t.Fatal(out, err)
	}
	for name, s := range sites {
		if got := s.pool(t).Spec.PoolState; got != v1alpha1.Normal {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// plot has the sites' statuses change by the number of looks at them.
func plot(from, to int64, c ...change) func(int64, *v1alpha1.ChatPool) {
	return func(look int64, p *v1alpha1.ChatPool) {
		if look < from || look >= to {
			return
		}
		for _, change := range c {
			change(p)
		}
	}
}

func plots(ps ...func(int64, *v1alpha1.ChatPool)) func(int64, *v1alpha1.ChatPool) {
	return func(look int64, p *v1alpha1.ChatPool) {
		for _, f := range ps {
			f(look, p)
		}
	}
}

const ever = 1 << 40

func TestWaitShowsThePlannedMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := both(t, nil, nil)
		sites["home"].watch = plots(
			plot(3, 5, inTheMiddle(failover.Planned, failover.QuiescingChat, "", "")),
			plot(5, 7, inTheMiddle(failover.Planned, failover.DemotingOld, "the token", "")),
			plot(7, ever, inRole(v1alpha1.RoleFenced, 2)), plot(7, 12, inTheMiddle(failover.Return, failover.Rejoining, "backup is to serve", "")),
			plot(12, ever, inRole(v1alpha1.RoleStandby, 2)))
		sites["backup"].watch = plots(
			plot(7, 9, inTheMiddle(failover.Planned, failover.Promoting, "", "")),
			plot(9, ever, inRole(v1alpha1.RoleActive, 2)), plot(9, 13, inTheMiddle(failover.Planned, failover.OldFollows, "", "")))
		out, err := run(t, sites, with("failover", "--wait")...)
		if err != nil {
			t.Fatal(err, out)
		}
		golden(t, "wait-planned", out[strings.LastIndex(out, "site backup\n")+len("site backup\n"):])
	})
}

func TestWaitFails(t *testing.T) {
	for sentence, c := range map[string]struct {
		home, backup func(int64, *v1alpha1.ChatPool)
		err          []string
	}{
		"when the move was rolled back": {home: plot(4, ever, inTheMiddle(failover.Planned, failover.RollingBack, "called off: backup is silent", "")),
			err: []string{"rolled back: called off: backup is silent", "to give the move up: kubectl chatpool failback -n chat trading"}},
		"when a step took too long": {home: plot(4, ever, inTheMiddle(failover.Planned, failover.RollingBack, "", ""), say("True", v1alpha1.ConditionForceRefused, "Refused", "a step took too long")),
			err: []string{"rolled back: a step took too long"}},
		"when nothing begins": {err: []string{"not over after 20s", "backup began nothing"}},
		"when it is refused":  {home: plot(2, ever, say("True", v1alpha1.ConditionForceRefused, "Refused", "not moved: no")), err: []string{"home refused: not moved: no"}},
		"when it waits": {backup: plot(2, ever, inTheMiddle(failover.Planned, failover.Promoting, "the token", "kubectl chatpool failover trading --confirm 2")),
			err: []string{"backup: Planned, Promoting, waits for: the token; next: kubectl chatpool failover trading --confirm 2"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := both(t, nil, nil)
				sites["home"].watch, sites["backup"].watch = c.home, c.backup
				out, err := run(t, sites, with("failover", "--wait", "--timeout", "20s")...)
				if err == nil {
					t.Fatal(out)
				}
				for _, want := range c.err {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%v, want %q", err, want)
					}
				}
			})
		})
	}
}

// A site that dies in the middle ends nothing; the forced move goes on without it.
func TestWaitGoesOnWithoutTheOtherSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := both(t, nil, []change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)})
		sites["home"].dead = true
		sites["backup"].watch = plots(
			plot(3, 6, inTheMiddle(failover.Forced, failover.Claiming, "", "")),
			plot(6, ever, inRole(v1alpha1.RoleActive, 2)))
		out, err := run(t, sites, with("failover", "--confirm", "2", "--wait")...)
		if err != nil {
			t.Fatal(err, out)
		}
		for _, want := range []string{"home         does not answer", "Forced, Claiming", "Completed: it serves epoch 2; loss: none"} {
			if !strings.Contains(out, want) {
				t.Errorf("want %q in:\n%s", want, out)
			}
		}
	})
}

// A silent operator is told by its counter; the command waits for some beats.
func TestAForceNeedsTheTakersOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := both(t, nil, []change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)})
		sites["home"].dead, sites["backup"].still = true, true
		_, err := run(t, sites, with("failover", "--confirm", "2")...)
		if err == nil || !strings.Contains(err.Error(), `"backup's operator lives": silent`) {
			t.Error(err)
		}
	})
}

func TestStatusWithASiteThatDoesNotAnswer(t *testing.T) {
	sites := both(t, nil, []change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)})
	sites["home"].dead = true
	out, err := run(t, sites, with("status")...)
	if err != nil || !strings.Contains(out, "home: the cluster home does not answer") || !strings.Contains(out, "Active, last heard") {
		t.Error(out, err)
	}
	sites["backup"].dead = true
	if _, err = run(t, sites, with("status")...); err == nil || !strings.Contains(err.Error(), "the cluster backup does not answer") {
		t.Error(err)
	}
}

func TestStatusIsWatchedUntilInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sites := both(t, nil, nil)
		var out strings.Builder
		c := command(&out, func(a access) (*Cluster, string, error) {
			return &Cluster{Client: sites[a.context].Client, Config: sites[a.context].Config, Context: a.context}, "chat", nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*refreshEvery)
		defer cancel()
		c.SetArgs(with("status", "--watch"))
		if err := c.ExecuteContext(ctx); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "POOL trading"); n < 2 || n > 4 {
			t.Errorf("shown %d times in %v:\n%s", n, 3*refreshEvery, out.String())
		}
	})
}
