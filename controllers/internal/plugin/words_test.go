package plugin

import (
	"strings"
	"testing"
	"testing/synctest"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"
)

func TestWordsAreWrittenToThisSiteAlone(t *testing.T) {
	lost := []change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)}
	for sentence, c := range map[string]struct {
		backup     []change
		args       []string
		annotation string
		want, says string
	}{
		"activate": {lost, []string{"activate", "--epoch", "2"}, naming.AnnotationActivate, "uid-of-backup/2",
			"backup begins epoch 2 with what it has, unless home is found to serve"},
		"activate and abandon": {append(lost, inRole(v1alpha1.RoleFenced, 3)), []string{"activate", "--epoch", "4", "--abandon", "3"}, naming.AnnotationActivate, "uid-of-backup/4/abandon=3",
			"posts of epoch 3 that backup does not have may be lost"},
		"a new pool": {append(lost, inRole(v1alpha1.RoleProbation, 0), holds("Empty", 0)), []string{"activate", "--epoch", "102", "--new-pool"}, naming.AnnotationActivate, "uid-of-backup/102/new-pool",
			"backup begins the pool anew, with an empty database, in epoch 102"},
		"release": {[]change{inRole(v1alpha1.RoleActive, 2)}, []string{"release", "--epoch", "2"}, naming.AnnotationRelease, "uid-of-backup/2",
			"gives up epoch 2 for good; home takes over"},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := both(t, nil, c.backup)
				args := append(c.args, "--context", "backup", "trading")
				out, err := run(t, sites, append(args, "--dry-run")...)
				if err != nil || !strings.Contains(out, "would annotate") || len(sites["backup"].pool(t).Annotations) != 0 {
					t.Fatal(out, err)
				}
				if out, err = run(t, sites, args...); err != nil {
					t.Fatal(out, err)
				}
				p := sites["backup"].pool(t)
				if got := p.Annotations[c.annotation]; got != c.want {
					t.Errorf("annotated %q, want %q", got, c.want)
				}
				if !strings.Contains(out, c.says) {
					t.Errorf("want %q in:\n%s", c.says, out)
				}
				if w, err := naming.WordOf(p, c.annotation); err != nil || w.Epoch == 0 {
					t.Errorf("read %+v, %v", w, err)
				}
				if a := sites["home"].pool(t).Annotations; len(a) != 0 {
					t.Errorf("home was annotated: %v", a)
				}
			})
		})
	}
}

func TestWordsAreRefused(t *testing.T) {
	for sentence, c := range map[string]struct {
		home, backup []change
		args         []string
		dead         bool
		err          string
	}{
		"activate while the other site answers": {args: []string{"activate", "--context", "backup", "trading", "--epoch", "2"},
			err: "a word given while home answers is void"},
		"activate where it serves":  {args: []string{"activate", "--context", "home", "trading", "--epoch", "3"}, err: "there is nothing to do"},
		"activate without an epoch": {args: []string{"activate", "--context", "home", "trading"}, err: `required flag(s) "epoch"`},
		"release of what it does not have": {args: []string{"release", "--context", "backup", "trading", "--epoch", "1"},
			err: "only the site whose epoch is the highest can release it, which is home"},
		"release of another epoch": {args: []string{"release", "--context", "home", "trading", "--epoch", "3"}, err: "kubectl chatpool release -n chat trading --epoch 1"},
		"at a cluster that does not answer": {args: []string{"release", "--context", "home", "--peer-context", "backup", "trading", "--epoch", "1"}, dead: true,
			err: "the cluster home does not answer, and the word is for it"},
		"with one site": {home: []change{func(p *v1alpha1.ChatPool) { p.Spec.Sites = nil }}, args: []string{"release", "--context", "home", "trading", "--epoch", "1"},
			err: "has one site, which needs no such word"},
		"before the operator has looked": {home: []change{func(p *v1alpha1.ChatPool) { p.Status = v1alpha1.ChatPoolStatus{} }},
			args: []string{"release", "--context", "home", "trading", "--epoch", "1"}, err: "the operator has not looked at ChatPool chat/trading yet"},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := both(t, c.home, c.backup)
				sites["home"].dead = c.dead
				out, err := run(t, sites, c.args...)
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q\n%s", err, c.err, out)
				}
				sites["home"].dead = false
				for name, s := range sites {
					if a := s.pool(t).Annotations; len(a) != 0 {
						t.Errorf("%s was annotated: %v", name, a)
					}
				}
			})
		})
	}
}

// Whether the other site could take over is told, but whoever releases knows best.
func TestReleaseTellsWhetherTheOtherSiteCanTakeOver(t *testing.T) {
	sites := both(t, nil, []change{holds("Partial", 0)})
	out, err := run(t, sites, "release", "--context", "home", "--peer-context", "backup", "trading", "--epoch", "1")
	if err != nil || !strings.Contains(out, "its database is Partial") {
		t.Error(out, err)
	}
}
