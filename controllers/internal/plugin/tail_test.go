package plugin

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
)

// overtaken is home with posts of epoch 1 that backup, which serves epoch 2, never got.
var overtaken = []change{
	inRole(v1alpha1.RoleFenced, 2), holds("Present", 1), hearing(v1alpha1.PeerAlive, v1alpha1.RoleActive),
	inTheMiddle(failover.Return, failover.Salvaging, "backup is to salvage epoch 1 from here", ""),
}

// salvages is backup, serving, with a salvage of home's epoch 1.
func salvages(state, waiting string) []change {
	return []change{inRole(v1alpha1.RoleActive, 2), func(p *v1alpha1.ChatPool) {
		s := &v1alpha1.SalvageStatus{
			FromSite: "home", Epoch: 1, State: state, StartedAt: &noon, Rooms: 3, RoomsDone: 1, Found: 160, Recovered: 90, Resent: 12, Waiting: waiting,
			Details: []v1alpha1.RoomSalvage{
				{Room: "fx-desk", Found: 120, Recovered: 66, Resent: 4},
				{Room: "rates", Found: 32, Recovered: 24, Resent: 8, Done: true},
				{Room: "new-deals", Found: 8, Recreated: true},
			},
			Differences: []string{`room "ops" was removed here after the fork: 3 posts went with it`, `category "desks": allowed members differ: sip:dan@example.com there alone`},
		}
		if state == v1alpha1.SalvageCompleted {
			s.CompletedAt, s.RoomsDone, s.Recovered = &noon, 3, 148
			for i, recovered := range []int64{116, 24, 8} {
				s.Details[i].Recovered, s.Details[i].Done = recovered, true
			}
		}
		p.Status.Salvage = s
	}}
}

func TestATailIsAbandonedByNameAlone(t *testing.T) {
	for sentence, c := range map[string]struct {
		home, backup []change
		args         []string
		err, says    string
	}{
		"where the site waits with it":  {home: overtaken, backup: salvages(v1alpha1.SalvageRunning, "its database does not answer"), args: []string{"--epoch", "1"}, says: "so far 160 found, 90 recovered"},
		"where nothing could be read":   {home: overtaken, backup: []change{inRole(v1alpha1.RoleActive, 2)}, args: []string{"--epoch", "1"}, says: "nothing of it was salvaged so far"},
		"not when all of it is safe":    {home: overtaken, backup: salvages(v1alpha1.SalvageCompleted, ""), args: []string{"--epoch", "1"}, err: "nothing needs to be given up, this site rejoins by itself"},
		"not another epoch":             {home: overtaken, args: []string{"--epoch", "3"}, err: "kubectl chatpool abandon-tail -n chat trading --epoch 1"},
		"not of a site that serves":     {args: []string{"--epoch", "1"}, err: "there is nothing to give up here"},
		"not without naming what":       {home: overtaken, err: `required flag(s) "epoch" not set`},
		"not where the operator is out": {home: overtaken, args: []string{"--epoch", "1", "--peer-context", "backup"}, err: "kubectl -n chatpool-system get pods"},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := both(t, c.home, c.backup)
				sites["home"].still = strings.Contains(sentence, "operator is out")
				args := []string{"abandon-tail", "--context", "home", "trading"}
				if !strings.Contains(sentence, "operator is out") {
					args = append(args, "--peer-context", "backup")
				}
				args = append(args, c.args...)
				out, err := run(t, sites, append(args, "--dry-run")...)
				if len(sites["home"].pool(t).Annotations) != 0 {
					t.Fatal("a dry run wrote")
				}
				if c.err == "" {
					out, err = run(t, sites, args...)
				}
				if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q\n%s", err, c.err, out)
				}
				want := ""
				if c.err == "" {
					want = "uid-of-home/1"
					if !strings.Contains(out, c.says) || !strings.Contains(out, "!!! home DELETES ITS DATABASE AND VOLUMES") {
						t.Errorf("want %q and a warning in:\n%s", c.says, out)
					}
				}
				if got := sites["home"].pool(t).Annotations[naming.AnnotationAbandonTail]; got != want {
					t.Errorf("annotated %q, want %q", got, want)
				}
			})
		})
	}
}

func TestTheSalvageIsShownByRoom(t *testing.T) {
	for name, v := range map[string]View{
		"salvage-running":   view(aPool(failover.Home, overtaken...), aPool(failover.Backup, salvages(v1alpha1.SalvageRunning, "its database does not answer")...)),
		"salvage-completed": view(nil, aPool(failover.Backup, salvages(v1alpha1.SalvageCompleted, "")...)),
		"salvage-none":      view(aPool(failover.Home), aPool(failover.Backup)),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := ShowSalvage(&out, v); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
		})
	}
}

func TestTheStatusTellsOfASalvageUntilItIsCompleted(t *testing.T) {
	for state, says := range map[string]bool{v1alpha1.SalvageRunning: true, v1alpha1.SalvageCompleted: false} {
		var out bytes.Buffer
		if err := Show(&out, view(aPool(failover.Home, overtaken...), aPool(failover.Backup, salvages(state, "its database does not answer")...))); err != nil {
			t.Fatal(err)
		}
		want := "backup: salvage of epoch 1 from home: 160 found, 90 recovered, 12 resent by their authors, 1 of 3 rooms done\n" +
			"  waits for  its database does not answer\n  more       kubectl chatpool salvage -n chat trading\n"
		if got := strings.Contains(out.String(), want); got != says {
			t.Errorf("%s: %t\n%s", state, got, out.String())
		}
	}
}
