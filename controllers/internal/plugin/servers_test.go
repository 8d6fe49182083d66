package plugin

import (
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"

	"github.com/google/go-cmp/cmp"
)

func TestActiveServers(t *testing.T) {
	none := []string{}
	for sentence, c := range map[string]struct {
		home, backup []change
		args         []string
		want         *[]string
		says         string
	}{
		"some":              {args: []string{"--set", "backup/0,home/1,home/0,home/1"}, want: &[]string{"home/0", "home/1", "backup/0"}},
		"none":              {args: []string{"--none"}, want: &none, says: "home serves, and none of its servers is in service"},
		"all again":         {home: []change{serving("home/0")}, backup: []change{serving("home/0")}, args: []string{"--all"}},
		"all, as it was":    {args: []string{"--all"}},
		"those of one site": {args: []string{"--set", "home/0"}, want: &[]string{"home/0"}, says: "after a move to it, posts get 503"},
	} {
		t.Run(sentence, func(t *testing.T) {
			sites := both(t, c.home, c.backup)
			out, err := run(t, sites, with("active-servers", c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out, c.says) {
				t.Errorf("want %q in:\n%s", c.says, out)
			}
			for name, s := range sites {
				if d := cmp.Diff(c.want, s.pool(t).Spec.Servers.Active); d != "" {
					t.Errorf("%s (-want +got):\n%s", name, d)
				}
			}
		})
	}
}

func TestActiveServersAreShown(t *testing.T) {
	sites := both(t, []change{serving("home/0", "backup/0")}, []change{serving()})
	out, err := run(t, sites, with("active-servers")...)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "active-servers", out)
	sites["backup"].dead = true
	if out, err = run(t, sites, with("active-servers")...); err != nil || !strings.Contains(out, "backup/0  in service        ?") {
		t.Error(out, err)
	}
}

func TestActiveServersAreRefused(t *testing.T) {
	for sentence, c := range map[string]struct {
		args []string
		dead bool
		err  string
	}{
		"one that there is not":          {args: with("active-servers", "--set", "home/2"), err: "there is no such server, there are home/0, home/1, backup/0, backup/1"},
		"one without its site":           {args: with("active-servers", "--set", "0"), err: "there is no such server"},
		"an empty list":                  {args: with("active-servers", "--set", ""), err: "--none"},
		"two things at once":             {args: with("active-servers", "--all", "--none"), err: "none of the others can be"},
		"a site that does not answer":    {args: with("active-servers", "--none"), dead: true, err: "give no other cluster"},
		"a cluster that does not answer": {args: []string{"active-servers", "--context", "home", "trading", "--none"}, dead: true, err: "does not answer"},
	} {
		t.Run(sentence, func(t *testing.T) {
			sites := both(t, nil, nil)
			sites["home"].dead = c.dead
			_, err := run(t, sites, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if p := sites["backup"].pool(t); p.Spec.Servers.Active != nil {
				t.Errorf("backup was changed: %v", *p.Spec.Servers.Active)
			}
		})
	}
}

// After a disaster the servers are set where there still is a site.
func TestActiveServersOfTheSiteThatIsLeft(t *testing.T) {
	sites := both(t, nil, []change{serving("home/0")})
	sites["home"].dead = true
	if out, err := run(t, sites, "active-servers", "--context", "backup", "trading", "--set", "backup/0,backup/1"); err != nil {
		t.Fatal(out, err)
	}
	if d := cmp.Diff([]string{"backup/0", "backup/1"}, *sites["backup"].pool(t).Spec.Servers.Active); d != "" {
		t.Error(d)
	}
}

func TestServersOfAPoolWithOneSite(t *testing.T) {
	alone := func(p *v1alpha1.ChatPool) { p.Spec.Sites = nil }
	sites := both(t, []change{alone}, nil)
	if out, err := run(t, sites, "active-servers", "--context", "home", "trading", "--set", "1"); err != nil {
		t.Fatal(out, err)
	}
	if d := cmp.Diff([]string{"1"}, *sites["home"].pool(t).Spec.Servers.Active); d != "" {
		t.Error(d)
	}
}
