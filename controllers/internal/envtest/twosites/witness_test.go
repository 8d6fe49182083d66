package twosites

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/plugin"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// votes are limits for tests with a witness.
func votes() failover.Limits {
	l := quick()
	l.VoteTTL, l.PeerSilence = 8*time.Second, 10*time.Second
	return l
}

// third is the witness of a test: a namespace of its own at home's API server, to which both operators have links.
type third struct {
	*cast
	ns  string
	way map[*site]*link
}

// linked assembles a cast whose operators reach each other, and the witness, by links that can be cut.
func linked(t *testing.T) *third {
	c := assemble(t, votes())
	c.by = map[*site]*link{home: newLink(t, backup), backup: newLink(t, home)}
	return &third{cast: c, ns: c.ns + "-witness", way: map[*site]*link{home: newLink(t, home), backup: newLink(t, home)}}
}

// witnessed makes a pool with a witness that lives at home in epoch 1.
func witnessed(t *testing.T) *third {
	t.Helper()
	w := linked(t)
	for _, s := range []*site{home, backup} {
		w.create(s, func(p *v1alpha1.ChatPool) { p.Spec.Witness = &v1alpha1.WitnessSpec{} })
	}
	ask(w.world, func() any { w.world.witness = true; return nil })
	w.peer()
	w.make()
	w.lives(home, 1)
	w.holds(home, 1)
	return w
}

// make runs kubectl chatpool witness.
func (w *third) make() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	defer stop()
	go home.playTokens(ctx, w.ns, "demo-witness-token")
	var out bytes.Buffer
	p := &plugin.Witnessing{
		Own: home.cluster(), Peer: backup.cluster(), Third: home.cluster(), Namespace: w.cast.ns, Pool: "demo", ThirdNamespace: w.ns, Out: &out,
		OwnServer: w.way[home].address(), PeerServer: w.way[backup].address(),
	}
	if err := p.Run(ctx); err != nil {
		w.t.Fatalf("kubectl chatpool witness: %v; it said:\n%s", err, out.String())
	}
}

// holds waits until the site holds the Lease and the epoch is noted in it.
func (w *third) holds(s *site, epoch int64) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%s to hold the witness for epoch %d", s.name, epoch), func() error {
		l := &coordinationv1.Lease{}
		if err := home.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: "demo"}, l); err != nil {
			return err
		}
		if h := l.Spec.HolderIdentity; h == nil || *h != s.name || l.Annotations[naming.AnnotationEpoch] != fmt.Sprint(epoch) {
			return fmt.Errorf("%v, epoch %q", l.Spec, l.Annotations[naming.AnnotationEpoch])
		}
		return nil
	})
}

// cutSites cuts or mends both links between the sites, cutWitness those to the witness.
func (w *third) cutSites(cut bool) {
	for _, l := range w.by {
		l.set(cut)
	}
}

func (w *third) cutWitness(cut bool) {
	for _, l := range w.way {
		l.set(cut)
	}
}

// serves objects unless every server of the site is activated for the epoch; with a witness, for a time.
func (w *third) serves(s *site, epoch int64) error {
	return ask(w.world, func() error {
		for _, v := range w.world.sides[s.name].servers {
			if a := v.activation(); a.Epoch != epoch || a.EndsInSeconds == 0 {
				return fmt.Errorf("server %s of %s: %+v", v.name, s.name, a)
			}
		}
		return nil
	})
}

// rounds asks again and again that something stays so, until the operator of a site has looked n times.
func (w *third) rounds(s *site, n int64, what string, ok func() error) {
	w.t.Helper()
	from := s.beat(w.cast.ns)
	w.eventually(fmt.Sprintf("the operator of %s to look %d times", s.name, n), func() error {
		if err := ok(); err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
		if now := s.beat(w.cast.ns); now < from+n {
			return fmt.Errorf("at %d, from %d", now, from)
		}
		return nil
	})
}

// The kubeconfig of the witness is good for its Lease and nothing else.
func TestTheWitnessAccountMayGetAndUpdateOneLease(t *testing.T) {
	w := linked(t)
	w.create(home)
	w.create(backup)
	w.make()
	w.make() // again: nothing changes
	secret := &corev1.Secret{}
	if err := backup.Client.Get(t.Context(), client.ObjectKey{Namespace: w.cast.ns, Name: "demo-witness"}, secret); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(secret.Data[naming.KeyKubeconfig])
	if err != nil {
		t.Fatal(err)
	}
	as, err := client.New(config, client.Options{Scheme: home.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	lease := &coordinationv1.Lease{}
	if err := as.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "demo"}, lease); err != nil {
		t.Error(err)
	}
	if err := as.Update(t.Context(), lease); err != nil {
		t.Error(err)
	}
	other := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "other"}}
	for what, err := range map[string]error{
		"make another":   as.Create(t.Context(), other),
		"read another":   as.Get(t.Context(), client.ObjectKeyFromObject(other), other),
		"list them":      as.List(t.Context(), &coordinationv1.LeaseList{}, client.InNamespace(w.ns)),
		"delete it":      as.Delete(t.Context(), lease),
		"patch it":       as.Patch(t.Context(), lease, client.RawPatch(types.MergePatchType, []byte("{}"))),
		"read the token": as.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "demo-witness-token"}, &corev1.Secret{}),
		"read the pool":  as.Get(t.Context(), client.ObjectKey{Namespace: w.cast.ns, Name: "demo"}, &v1alpha1.ChatPool{}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("it may %s: %v", what, err)
		}
	}
}

// Home's operator is dead and its API server cannot be reached, while its servers live. Backup takes over without a
// person's confirmation, and when its first server opens, home's rights have run out.
func TestTheWitnessStandsInForAPerson(t *testing.T) {
	w := witnessed(t)
	w.patience = 2 * limit // silence, then the Lease, then the claim
	w.home.stop()
	w.cutSites(true)
	w.want(v1alpha1.FailedOver, backup)
	w.eventually("backup to serve", func() error { return errors.Join(w.is(backup, v1alpha1.RoleActive, 2), w.serves(backup, 2)) })
	if err := w.shut(home); err != nil {
		t.Error(err)
	}
	w.holds(backup, 2)
}

// The sites do not see each other, both see the witness. Home goes on, and backup does not open whatever its manifest says.
func TestTheWitnessDeniesASiteThatIsCutOff(t *testing.T) {
	w := witnessed(t)
	w.cutSites(true)
	w.want(v1alpha1.FailedOver, backup)
	w.eventually("backup to be refused", func() error {
		return w.says(backup, v1alpha1.ConditionForceRefused, metav1.ConditionTrue, "the witness does not grant it")
	})
	w.rounds(backup, 3, "one of two serves", func() error { return errors.Join(w.serves(home, 1), w.shut(backup)) })
	w.cutSites(false)
	w.want(v1alpha1.Normal, backup)
	w.lives(home, 1)
}

// Without the witness home goes on while backup's operator votes for it. Without both its rights run out, posts are
// refused, and nothing opens at backup. When they are back, home serves again.
func TestARightRunsOutWithoutVotes(t *testing.T) {
	w := witnessed(t)
	w.cutWitness(true)
	w.eventually("home to miss the witness", func() error {
		return w.says(home, v1alpha1.ConditionSplitBrainGuard, metav1.ConditionUnknown, "the witness does not answer")
	})
	w.rounds(home, 3, "backup's vote is enough", func() error { return w.serves(home, 1) })
	w.want(v1alpha1.FailedOver, backup)
	w.cutSites(true)
	w.eventually("home's rights to run out", func() error { return w.shut(home) })
	w.eventually("backup to be refused", func() error {
		return w.says(backup, v1alpha1.ConditionForceRefused, metav1.ConditionTrue, "the witness does not grant it")
	})
	w.rounds(backup, 2, "nobody serves", func() error { return errors.Join(w.shut(home), w.shut(backup)) })
	w.want(v1alpha1.Normal, backup)
	w.cutSites(false)
	w.cutWitness(false)
	w.lives(home, 1)
	w.holds(home, 1)
}

// A pool that lives gets a witness: its servers' rights get an end, a server that starts anew joins, and the pool moves there
// and back.
func TestAPoolGetsAWitness(t *testing.T) {
	w := linked(t)
	w.create(home)
	w.create(backup)
	w.peer()
	w.lives(home, 1)
	ask(w.world, func() any { w.world.witness = true; return nil })
	for _, s := range []*site{home, backup} {
		w.change(s, func(p *v1alpha1.ChatPool) { p.Spec.Witness = &v1alpha1.WitnessSpec{} })
	}
	w.eventually("home to say by which command the witness is made", func() error {
		return w.says(home, v1alpha1.ConditionSplitBrainGuard, metav1.ConditionUnknown, "kubectl chatpool witness demo")
	})
	w.make()
	w.holds(home, 1)
	if err := w.serves(home, 1); err != nil {
		t.Errorf("the Lease is held by who is not bound to it: %v", err)
	}
	ask(w.world, func() any { w.world.sides["home"].servers[1].restart(); return nil })
	w.eventually("the server that started anew to join", func() error { return w.serves(home, 1) })
	w.home.stop()
	w.home.start()
	w.rounds(home, 2, "a new process renews what it held", func() error { return w.serves(home, 1) })
	for _, to := range []struct {
		state v1alpha1.PoolState
		site  *site
		epoch int64
	}{{v1alpha1.FailedOver, backup, 2}, {v1alpha1.Normal, home, 3}} {
		w.want(to.state, home, backup)
		w.lives(to.site, to.epoch)
		w.holds(to.site, to.epoch)
	}
}
