package plugin

import (
	"bytes"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
)

func TestShow(t *testing.T) {
	home := func(c ...change) *v1alpha1.ChatPool { return aPool(failover.Home, c...) }
	backup := func(c ...change) *v1alpha1.ChatPool { return aPool(failover.Backup, c...) }
	lostHome := backup(hearing(v1alpha1.PeerUnknown, v1alpha1.RoleActive), wanting(v1alpha1.FailedOver),
		func(p *v1alpha1.ChatPool) {
			p.Status.Peer.Message = "dial tcp: no route to host"
			p.Status.Replication = &v1alpha1.ReplicationStatus{State: v1alpha1.ReplicationNotFollowing, Lag: "41s", LagSeconds: ptr(int64(41)), LastSeen: &noon}
		},
		say("Unknown", v1alpha1.ConditionPeerReachable, "NoAnswer", "home does not answer"),
		say("Unknown", v1alpha1.ConditionPoolStateAgrees, "PeerSpecUnknown", "the spec of home was not read"),
		say("False", v1alpha1.ConditionFailoverReady, "NotFollowing", "replication stands still"),
		say("True", v1alpha1.ConditionForceRefused, "Refused", "home silent for 41s; at most 1.2 s would be lost; to go on: kubectl chatpool failover trading --confirm 2"))
	moving := view(
		home(wanting(v1alpha1.FailedOver), inRole(v1alpha1.RoleFenced, 2), inTheMiddle(failover.Return, failover.Rejoining, "backup is to serve epoch 2", "")),
		backup(wanting(v1alpha1.FailedOver), inRole(v1alpha1.RoleProbation, 2), inTheMiddle(failover.Planned, failover.ActivatingServers, "home is to beat once more", "kubectl chatpool activate trading --epoch 4"),
			say("True", v1alpha1.ConditionTransitionActive, "ActivatingServers", ""), say("False", v1alpha1.ConditionServing, "Probation", "no proof yet"),
			say("False", v1alpha1.ConditionReady, "Probation", "no proof yet")))
	one := view(home(), nil)
	one.Backup = Seen{Name: "backup", Side: failover.Backup}
	single := View{Namespace: "chat", Pool: "trading", Single: true, Home: seen(failover.Home, home(func(p *v1alpha1.ChatPool) {
		p.Spec.Sites, p.Status.Peer, p.Status.Replication, p.Status.Role, p.Status.Epoch = nil, nil, nil, "", 0
	}), PulseUnknown)}
	silent := view(home(serving("home/0", "backup/1"), say("False", v1alpha1.ConditionMirrorInSync, v1alpha1.ReasonMirrorLost, "the mirror is lost"),
		say("False", v1alpha1.ConditionPoolStateAgrees, "WaitingForPeerSpec", "Normal here, FailedOver at backup")), backup(serving(), wanting(v1alpha1.FailedOver)))
	silent.Backup.Pulse = Still
	for name, v := range map[string]View{
		"all is well": view(home(), backup()), "home is lost": view(nil, lostHome), "in the middle of a move": moving,
		"one cluster given": one, "one site": single, "troubles": silent,
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Show(&out, v); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.ReplaceAll("status "+name, " ", "-"), out.String())
			for i, r := range out.String() {
				if r > '~' || r < ' ' && r != '\n' {
					t.Fatalf("%q at %d is not plain ASCII", r, i)
				}
			}
		})
	}
}
