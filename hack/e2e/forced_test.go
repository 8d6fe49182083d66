//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/loadcheck"
)

// What a forced move promises is counted from the confirmation, or from half a minute after the last contact if that is
// later: 10 s until the first post is accepted. On this one small machine three times as long says that something is wrong.
const (
	silence       = 30 * time.Second
	servesWithin  = 30 * time.Second
	returnsWithin = 5 * time.Minute
)

// TestForcedMove promises: when home loses its power for good, a bare flip moves nothing and says what is missing; a person's
// confirmation moves the pool; a home that comes back accepts no post, follows by itself, and the pool can move home. In
// the end every acknowledged post is there once.
func TestForcedMove(t *testing.T) {
	d := makeDesk(t)
	d.underMoves(t, func(load *loadcheck.Run) {
		accepts(t, load, time.Minute)
		d.force(t, load, "home")
		accepts(t, load, 2*time.Minute)
		d.comesBack(t, load, "home")
		load.Mark("moves home")
		d.flip(t, "Normal")
		d.awaitRoles(t, "home", followsWithin)
		accepts(t, load, time.Minute)
	})
}

// TestATailIsSalvaged promises: posts that home had acknowledged and not sent when it lost its power are found, and
// appended to their rooms, once; a room that only home had is made anew, disabled; new posts in the same rooms stay in
// order. So it is when operator, servers and primary are killed in the middle.
func TestATailIsSalvaged(t *testing.T) {
	d := makeDesk(t)
	for _, killed := range []bool{false, true} {
		t.Run(map[bool]string{false: "in peace", true: "with everything killed in the middle"}[killed], func(t *testing.T) {
			d.move(t, "home")
			room := "tail" + map[bool]string{false: "1", true: "2"}[killed]
			d.underMoves(t, func(load *loadcheck.Run) {
				accepts(t, load, time.Minute)
				load.Mark("replication is cut")
				mend := cut(t, replicationOf("backup"))
				d.makeRoomAt(t, "home", room)
				d.postAt(t, "home", room, 3)
				accepts(t, load, time.Minute)
				d.force(t, load, "home")
				mend()
				accepts(t, load, 2*time.Minute)
				power(t, "on", "home")
				load.Mark("home has power again")
				if killed {
					d.killDuringSalvage(t, load)
				}
				found := d.awaitSalvage(t, "backup")
				t.Logf("found %d, recovered %d, sent again %d, in %d rooms; differences: %q", found.Found, found.Recovered, found.Resent, found.Rooms, found.Differences)
				if found.Found < 100 || found.Rooms < 3 || found.Recovered+found.Resent != found.Found || !found.recreated(room) {
					t.Errorf("the salvage: %+v", found)
				}
				d.flipAt(t, "home", "FailedOver")
				t.Logf("home follows after %v more", d.awaitRoles(t, "backup", returnsWithin).Round(time.Second))
				accepts(t, load, time.Minute)
				load.Mark("moves home")
				d.flip(t, "Normal")
				d.awaitRoles(t, "home", followsWithin)
				accepts(t, load, time.Minute)
			})
		})
	}
}

var confirmation = regexp.MustCompile(`--confirm (\d+)`)

// force loses a site's power and moves the pool to the other one by a person's word.
func (d *desk) force(t *testing.T, load *loadcheck.Run, lost string) {
	t.Helper()
	to := other(lost)
	power(t, "cut", lost)
	contact := time.Now()
	load.Mark("%s has lost its power", lost)
	d.flipAt(t, to, stateIn[to])
	var epoch string
	eventually(t, 2*time.Minute, to+" to say what is missing", func() (bool, string) {
		v, err := d.look(to)
		text := v.String()
		for _, c := range v.Conditions {
			text += "\n" + c.Type + " " + c.Message
		}
		if m := confirmation.FindStringSubmatch(text); m != nil {
			epoch = m[1]
		}
		return err == nil && epoch != "", text
	})
	if before := load.Progress(); before.SinceAccepted < time.Since(contact)-time.Second {
		t.Errorf("a bare flip has moved the pool: a post was accepted %v ago", before.SinceAccepted)
	}
	t.Logf("%s asks for --confirm %s %v after the last contact", to, epoch, time.Since(contact).Round(time.Second))
	had := load.Progress().Accepted
	verb := map[string]string{"backup": "failover", "home": "failback"}[to]
	t.Log(d.plugin(t, verb, poolName, "--confirm", epoch))
	from := time.Now()
	if after := contact.Add(silence); from.Before(after) {
		from = after
	}
	load.Mark("%s is confirmed", to)
	eventually(t, 2*time.Minute, "the first post to be accepted in "+to, func() (bool, string) {
		p := load.Progress()
		v, err := d.look(to)
		return p.Accepted > had, fmt.Sprint(p, v, err)
	})
	took := time.Since(from)
	t.Logf("the first post was accepted %v after the confirmation, or half a minute of silence", took.Round(100*time.Millisecond))
	if took > servesWithin {
		t.Errorf("it took %v, more than %v", took, servesWithin)
	}
}

// comesBack gives a site its power back; it must follow by itself.
func (d *desk) comesBack(t *testing.T, load *loadcheck.Run, site string) {
	t.Helper()
	power(t, "on", site)
	load.Mark("%s has power again", site)
	d.flipAt(t, site, stateIn[other(site)]) // what Git says by now
	t.Logf("%s follows %v after its power came back", site, d.awaitRoles(t, other(site), returnsWithin).Round(time.Second))
}

// salvage is status.salvage.
type salvage struct {
	FromSite, State                 string
	Epoch                           int64
	Rooms, Found, Recovered, Resent int64
	Details                         []struct {
		Room      string
		Found     int64
		Recreated bool
	}
	Differences []string
	Waiting     string
}

func (s salvage) recreated(room string) bool {
	for _, r := range s.Details {
		if r.Room == room && r.Recreated {
			return true
		}
	}
	return false
}

func (d *desk) salvage(t testing.TB, site string) (salvage, error) {
	out, err := try(t.Context(), 10*time.Second, "", kubectlPath, siteArgs(site, []string{"-n", d.namespace, "get", "chatpool", poolName, "-o", "json"})...)
	var o struct{ Status struct{ Salvage salvage } }
	if err == nil {
		err = json.Unmarshal([]byte(out), &o)
	}
	return o.Status.Salvage, err
}

// awaitSalvage waits until a site has salvaged what the other one had in its newest epoch.
func (d *desk) awaitSalvage(t *testing.T, site string) salvage {
	t.Helper()
	v, err := d.look(site)
	if err != nil {
		t.Fatal(err)
	}
	var s salvage
	took := eventually(t, returnsWithin, site+" to salvage", func() (bool, string) {
		var err error
		s, err = d.salvage(t, site)
		return err == nil && s.State == "Completed" && s.Epoch == v.Epoch-1, fmt.Sprintf("%+v %v", s, err)
	})
	t.Logf("salvaged after %v", took.Round(100*time.Millisecond))
	return s
}

// killDuringSalvage kills operator, servers and primary of backup as soon as the salvage runs.
func (d *desk) killDuringSalvage(t *testing.T, load *loadcheck.Run) {
	t.Helper()
	before, err := d.salvage(t, "backup")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, returnsWithin, "the salvage to begin", func() (bool, string) {
		s, err := d.salvage(t, "backup")
		return err == nil && s.Epoch > before.Epoch, fmt.Sprintf("%+v %v", s, err)
	})
	load.Mark("operator, servers and primary of backup are killed")
	for _, what := range [][]string{
		{"-n", d.namespace, "delete", "pod", "-l", "app.kubernetes.io/component=chat", "--force", "--grace-period=0", "--wait=false"},
		{"-n", "chatpool-system", "delete", "pod", "-l", "app.kubernetes.io/name=" + operator, "--force", "--grace-period=0", "--wait=false"},
		{"-n", d.namespace, "delete", "pod", "-l", "cnpg.io/instanceRole=primary", "--force", "--grace-period=0", "--wait=false"},
	} {
		at(t, "backup", what...)
	}
	s, err := d.salvage(t, "backup")
	t.Logf("when they were killed: %+v %v", s, err)
}

// makeRoomAt applies a room in one site alone, and waits until it is there.
func (d *desk) makeRoomAt(t *testing.T, site, name string) {
	t.Helper()
	applyAt(t, site, fmt.Sprintf(`apiVersion: chatpool.dev/v1alpha1
kind: Room
metadata: {name: %s, namespace: %s}
spec: {poolName: %s, categoryName: all, privacy: Open}
`, name, d.namespace, poolName))
	t.Cleanup(func() { at(t, site, "-n", d.namespace, "delete", "room", name, "--ignore-not-found", "--wait=false") })
	at(t, site, "-n", d.namespace, "wait", "room/"+name, "--for=condition=Ready", "--timeout=50s")
}

// postAt posts in a room of one site.
func (d *desk) postAt(t *testing.T, site, room string, posts int) {
	t.Helper()
	user := d.accounts(t)[0]
	c, err := client.Dial(t.Context(), client.Options{
		Servers: []string{nodeOf[site] + ":" + strconv.Itoa(deskPort)}, ServerName: d.serverName(), RootCAs: d.roots(t), User: user.Address, Password: user.Password,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Join(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	for i := range posts {
		if _, err := c.Post(t.Context(), room, fmt.Sprintf("post %d in a room that the other site does not have", i)); err != nil {
			t.Fatal(err)
		}
	}
}
