package plugin

import (
	"slices"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	"github.com/google/go-cmp/cmp"
)

// names are the gates that are closed.
func names(gates []Gate) []string {
	var out []string
	for _, g := range red(gates) {
		out = append(out, g.What)
	}
	return out
}

func sorted(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}

func whole(gates []Gate) string {
	var b strings.Builder
	for _, g := range gates {
		b.WriteString(g.What + ": " + g.Why + "; " + g.Cure + "\n")
	}
	return b.String()
}

func TestGates(t *testing.T) {
	home := func(c ...change) *v1alpha1.ChatPool { return aPool(failover.Home, c...) }
	backup := func(c ...change) *v1alpha1.ChatPool { return aPool(failover.Backup, c...) }
	for sentence, c := range map[string]struct {
		home, backup *v1alpha1.ChatPool
		to           failover.Side
		kind         failover.Kind
		red          []string
		says         string
	}{
		"all is well":               {home: home(), backup: backup(), to: failover.Backup, kind: failover.Planned},
		"the pool is there already": {home: home(), backup: backup(), to: failover.Home, kind: failover.NoMove},
		"home is lost": {backup: backup(), to: failover.Backup, kind: failover.Planned, red: []string{"home answers"},
			says: "kubectl chatpool failover -n chat trading --confirm 2"},
		"where it should go does not answer": {home: home(), to: failover.Backup, kind: failover.Planned, red: []string{"backup answers"},
			says: "nothing can be moved to a site that does not answer"},
		"the manifests disagree about the sites": {home: home(func(p *v1alpha1.ChatPool) {
			p.Spec.Sites[0].Role, p.Spec.Sites[1].Role = v1alpha1.SiteBackup, v1alpha1.SitePrimary
		}), backup: backup(), to: failover.Backup, kind: failover.Planned, red: []string{"both name the same sites"}},
		"the standby's operator is dead": {home: home(hearing(v1alpha1.PeerSilent, v1alpha1.RoleStandby)), backup: backup(), to: failover.Backup,
			kind: failover.Planned, red: []string{"home hears backup"}, says: "see whether the operator in backup runs"},
		"the link is cut one way": {home: home(), backup: backup(hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)), to: failover.Backup,
			kind: failover.Planned, red: []string{"backup hears home"}},
		"the standby returns": {home: home(), backup: backup(inRole(v1alpha1.RoleFenced, 1), inTheMiddle(failover.Return, failover.Salvaging, "home is to salvage", "")),
			to: failover.Backup, kind: failover.Planned, red: []string{"backup stands by", "backup is idle"}},
		"the standby is cloned": {home: home(), backup: backup(holds("Partial", 0)), to: failover.Backup, kind: failover.Planned,
			red: []string{"backup holds epoch 1"}, says: "its database is Partial"},
		"the standby strayed": {home: home(), backup: backup(func(p *v1alpha1.ChatPool) { p.Status.Failover.Strayed = true }), to: failover.Backup,
			kind: failover.Planned, red: []string{"backup holds epoch 1"}, says: "out of turn"},
		"the standby does not follow": {home: home(), backup: backup(say("False", v1alpha1.ConditionFailoverReady, "NotFollowing", "replication stands still")),
			to: failover.Backup, kind: failover.Planned, red: []string{"backup says FailoverReady"}, says: "replication stands still"},
		"home's database is gone, so what backup has counts": {home: home(holds("Empty", 0), say("False", v1alpha1.ConditionFailoverReady, "NotFollowing", "")),
			backup: backup(), to: failover.Backup, kind: failover.Assisted, says: "at most 1s / 120 bytes would be lost"},
		"home's database does not answer": {home: home(holds("", 1)), backup: backup(), to: failover.Backup, kind: failover.Assisted},
		"home's database is an old copy":  {home: home(inRole(v1alpha1.RoleActive, 3), holds("Present", 1)), backup: backup(inRole(v1alpha1.RoleStandby, 3), holds("Present", 3)), to: failover.Backup, kind: failover.Assisted, says: "it holds epoch 1 only"},
		"both databases are gone": {home: home(holds("Empty", 0)), backup: backup(holds("Empty", 0)), to: failover.Backup, kind: failover.Assisted,
			red: []string{"backup holds epoch 1"}},
		"the move is under way": {home: home(wanting(v1alpha1.FailedOver), inTheMiddle(failover.Planned, failover.DemotingOld, "", "")),
			backup: backup(wanting(v1alpha1.FailedOver)), to: failover.Backup, kind: failover.Planned},
		"the move was rolled back": {home: home(wanting(v1alpha1.FailedOver), inTheMiddle(failover.Planned, failover.RollingBack, "called off", "")),
			backup: backup(wanting(v1alpha1.FailedOver)), to: failover.Backup, kind: failover.Planned, red: []string{"home is idle"},
			says: "kubectl chatpool failback -n chat trading"},
		"the epoch was granted, so only forward": {home: home(inRole(v1alpha1.RoleFenced, 2), inTheMiddle(failover.Return, failover.Rejoining, "", "")),
			backup: backup(inRole(v1alpha1.RoleProbation, 2), holds("Present", 2)), to: failover.Home, kind: failover.Planned, red: []string{"home stands by", "home is idle", "home says FailbackReady", "backup says FailbackReady", "home holds epoch 2"}},
		"the witness is silent": {home: home(say("Unknown", v1alpha1.ConditionSplitBrainGuard, "WitnessSilent", "")), backup: backup(), to: failover.Backup,
			kind: failover.Planned, red: []string{"no witness is silent"}},
		"a move into maintenance is possible": {home: home(), backup: backup(serving("home/0")), to: failover.Backup, kind: failover.Planned,
			says: "0 of 2; it takes no posts until: kubectl chatpool active-servers -n chat trading --all"},
		"no operator has looked yet": {home: home(func(p *v1alpha1.ChatPool) { p.Status = v1alpha1.ChatPoolStatus{Site: "home"} }),
			backup: backup(func(p *v1alpha1.ChatPool) { p.Status = v1alpha1.ChatPoolStatus{Site: "backup"} }), to: failover.Backup, kind: failover.Assisted,
			red: []string{"home hears backup", "backup hears home", "home has the epoch", "backup stands by", "backup holds epoch 0"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			kind, gates := gatesOf(view(c.home, c.backup), c.to)
			if kind != c.kind {
				t.Errorf("kind %q, want %q", kind, c.kind)
			}
			if d := cmp.Diff(sorted(c.red), sorted(names(gates))); d != "" {
				t.Errorf("closed gates (-want +got):\n%s%s", d, whole(gates))
			}
			if !strings.Contains(whole(gates), c.says) {
				t.Errorf("want %q in:\n%s", c.says, whole(gates))
			}
		})
	}
}

func TestForceGates(t *testing.T) {
	lost := func(c ...change) *v1alpha1.ChatPool {
		return aPool(failover.Backup, append([]change{hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive)}, c...)...)
	}
	home := func(c ...change) *v1alpha1.ChatPool { return aPool(failover.Home, c...) }
	for sentence, c := range map[string]struct {
		home, backup *v1alpha1.ChatPool
		word         naming.Word
		byHand       bool
		homeIs       Pulse
		backupIs     *Pulse
		red          []string
		says         string
	}{
		"home is lost":                    {backup: lost(), word: naming.Word{Epoch: 2}, says: "nothing: at most 1s / 120 bytes"},
		"by hand, home is lost":           {backup: lost(), word: naming.Word{Epoch: 2}, byHand: true},
		"its API server answers yet":      {home: home(), homeIs: Still, backup: lost(), word: naming.Word{Epoch: 2}},
		"its operator was lost just now":  {home: home(), homeIs: Still, backup: lost(hearing(v1alpha1.PeerAlive, v1alpha1.RoleActive)), word: naming.Word{Epoch: 2}},
		"backup does not answer":          {home: home(), word: naming.Word{Epoch: 2}, red: []string{"backup answers"}},
		"backup has no operator":          {backup: lost(), backupIs: ptr(Still), word: naming.Word{Epoch: 2}, red: []string{"backup's operator lives"}},
		"whether it has one is not known": {backup: lost(), backupIs: ptr(PulseUnknown), word: naming.Word{Epoch: 2}},
		"the wrong epoch": {backup: lost(), word: naming.Word{Epoch: 4}, red: []string{"epoch 4 is the next"},
			says: "kubectl chatpool failover -n chat trading --confirm 2"},
		"the word was void": {backup: lost(func(p *v1alpha1.ChatPool) { p.Status.Failover.VoidedEpoch = 2 }), word: naming.Word{Epoch: 2},
			red: []string{"epoch 2 is the next"}, says: "--confirm 4"},
		"it gave its epoch away": {backup: lost(inRole(v1alpha1.RoleFenced, 2), func(p *v1alpha1.ChatPool) {
			p.Status.Failover.Grant, p.Status.Failover.HeldEpoch = &v1alpha1.EpochGrant{Epoch: 3, Token: "x"}, 2
		}), word: naming.Word{Epoch: 4}},
		"home answers": {home: home(), homeIs: Beats, backup: aPool(failover.Backup), word: naming.Word{Epoch: 2},
			red: []string{"backup hears nothing from home", "home does not serve"}, says: "a word given while home answers is void"},
		"only the sites do not reach each other": {home: home(), homeIs: Beats, backup: lost(), word: naming.Word{Epoch: 2},
			red: []string{"home does not serve"}, says: "kubectl chatpool release -n chat trading --epoch 1"},
		"by hand, while home answers and serves nothing": {home: home(inRole(v1alpha1.RoleProbation, 1)), homeIs: Beats,
			backup: lost(hearing(v1alpha1.PeerAlive, v1alpha1.RoleProbation)), word: naming.Word{Epoch: 2}, byHand: true},
		"in the manifest, while home answers and serves nothing": {home: home(inRole(v1alpha1.RoleProbation, 1)), homeIs: Beats,
			backup: lost(hearing(v1alpha1.PeerAlive, v1alpha1.RoleProbation)), word: naming.Word{Epoch: 2},
			red: []string{"backup hears nothing from home", "home does not serve"}},
		"it lacks posts": {backup: lost(inRole(v1alpha1.RoleStandby, 3), holds("Present", 1)), word: naming.Word{Epoch: 4},
			red: []string{"what is abandoned is named"}, says: "kubectl chatpool failover -n chat trading --confirm 4 --abandon 3"},
		"it lacks posts, and that is said": {backup: lost(inRole(v1alpha1.RoleStandby, 3), holds("Present", 1)), word: naming.Word{Epoch: 4, Abandon: 3}},
		"something else is abandoned": {backup: lost(), word: naming.Word{Epoch: 2, Abandon: 3}, red: []string{"what is abandoned is named"},
			says: "which is 1"},
		"its database does not answer": {backup: lost(holds("", 1)), word: naming.Word{Epoch: 2}, red: []string{"backup has data"}},
		"it has nothing": {backup: lost(holds("Empty", 0)), word: naming.Word{Epoch: 2, Abandon: 1}, byHand: true, red: []string{"backup has data"},
			says: "--new-pool"},
		"it serves already": {backup: lost(inRole(v1alpha1.RoleActive, 2), holds("Present", 2)), word: naming.Word{Epoch: 4},
			red: []string{"backup does not serve yet"}},
		"the pool is new":       {backup: lost(inRole(v1alpha1.RoleProbation, 0), holds("Empty", 0)), word: naming.Word{Epoch: 102, NewPool: true}, byHand: true},
		"a pool has a new life": {backup: lost(inRole(v1alpha1.RoleProbation, 104), holds("Empty", 0)), word: naming.Word{Epoch: 202, NewPool: true}, byHand: true},
		"a new pool is not in a low epoch": {backup: lost(inRole(v1alpha1.RoleProbation, 0), holds("Empty", 0)), word: naming.Word{Epoch: 2, NewPool: true}, byHand: true,
			red: []string{"epoch 2 is the next"}, says: "kubectl chatpool activate -n chat trading --epoch 102 --new-pool"},
		"the pool is not new": {backup: lost(), word: naming.Word{Epoch: 102, NewPool: true}, byHand: true, red: []string{"backup has no data"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			v := view(c.home, c.backup)
			v.Home.Pulse = c.homeIs
			if c.backupIs != nil {
				v.Backup.Pulse = *c.backupIs
			}
			gates := forceGates(v, failover.Backup, c.word, c.byHand)
			if d := cmp.Diff(sorted(c.red), sorted(names(gates))); d != "" {
				t.Errorf("closed gates (-want +got):\n%s%s", d, whole(gates))
			}
			if !strings.Contains(whole(gates), c.says) {
				t.Errorf("want %q in:\n%s", c.says, whole(gates))
			}
		})
	}
}

// What the plugin asks for is what the operator would mint.
func TestTheNextEpochIsTheOperators(t *testing.T) {
	for epoch := int64(1); epoch < 250; epoch++ {
		for _, side := range []failover.Side{failover.Home, failover.Backup} {
			s := seen(side, aPool(side, inRole(v1alpha1.RoleFenced, epoch)), Beats)
			if m := mint(s); m <= epoch || m > epoch+2 || !side.Mints(m) {
				t.Errorf("above %d, %s begins %d", epoch, side, m)
			}
			if m := mintNew(s); m <= epoch || m/100 != epoch/100+1 || !side.Mints(m) {
				t.Errorf("above %d, %s begins a new pool in %d", epoch, side, m)
			}
		}
	}
}
