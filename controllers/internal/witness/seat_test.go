package witness

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// cluster is the third cluster, with one Lease or none.
type cluster struct {
	lease   *coordinationv1.Lease
	version int
	cut     bool // nothing arrives
	mute    bool // what is written arrives, the answer does not
}

func (c *cluster) touch() {
	c.version++
	c.lease.ResourceVersion = strconv.Itoa(c.version)
}

var errCut = errors.New("no route to host")

func (c *cluster) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	switch {
	case c.cut:
		return errCut
	case c.lease == nil:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, "demo")
	}
	c.lease.DeepCopyInto(o.(*coordinationv1.Lease))
	return nil
}

func (c *cluster) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	switch {
	case c.cut:
		return errCut
	case o.GetResourceVersion() != c.lease.ResourceVersion:
		return apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "demo", nil)
	}
	c.lease = o.(*coordinationv1.Lease).DeepCopy()
	c.touch()
	o.SetResourceVersion(c.lease.ResourceVersion)
	if c.mute {
		return errCut
	}
	return nil
}

func newCluster() *cluster {
	c := &cluster{lease: &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "chat", Name: "demo"}}}
	c.touch()
	return c
}

// site is one that asks.
type site struct {
	*Seat
	name  string
	needs bool
	to    *cluster
}

func (c *cluster) site(name string) *site {
	return &site{Seat: &Seat{}, name: name, needs: true, to: c}
}

func (s *site) question() Question {
	return Question{
		Leases: s.to, Key: client.ObjectKey{Namespace: "chat", Name: "demo"}, Site: s.name, Limits: failover.DefaultLimits(),
		Needs: func(int64) bool { return s.needs },
	}
}

func (s *site) look(t *testing.T) failover.Witness {
	t.Helper()
	w, err := s.Look(t.Context(), s.question())
	if (err != nil) != (w.State == failover.WitnessUnknown) {
		t.Fatalf("%s: %q, %v", s.name, w.State, err)
	}
	return w
}

func (s *site) mustAcquire(t *testing.T, epoch int64) {
	t.Helper()
	if err := s.Acquire(t.Context(), s.question(), epoch); err != nil {
		t.Fatal(err)
	}
}

var runOut = failover.DefaultLimits().VoteTTL + failover.DefaultLimits().Margin

func TestWhatAWitnessAnswers(t *testing.T) {
	for sentence, c := range map[string]struct {
		happens func(t *testing.T, to *cluster, home, backup *site)
		want    failover.WitnessState
		epoch   int64
	}{
		"nobody ever held it": {func(*testing.T, *cluster, *site, *site) {}, failover.WitnessFree, 0},
		"the site took it":    {func(t *testing.T, _ *cluster, h, _ *site) { h.look(t); h.mustAcquire(t, 3) }, failover.WitnessGranted, 3},
		"the site took it, and does not need it": {func(t *testing.T, _ *cluster, h, _ *site) {
			h.look(t)
			h.mustAcquire(t, 3)
			h.needs = false
		}, failover.WitnessDenied, 3},
		"and for so long that it ran out": {func(t *testing.T, _ *cluster, h, _ *site) {
			h.look(t)
			h.mustAcquire(t, 3)
			h.needs = false
			for range 3 {
				time.Sleep(runOut/2 - time.Second)
				h.look(t)
			}
		}, failover.WitnessFree, 3},
		"it gave it up": {func(t *testing.T, _ *cluster, h, _ *site) {
			h.look(t)
			h.mustAcquire(t, 3)
			h.look(t)
			if err := h.Yield(t.Context(), h.question()); err != nil {
				t.Error(err)
			}
		}, failover.WitnessFree, 3},
		"another process of the site took it": {func(t *testing.T, _ *cluster, h, _ *site) {
			h.look(t)
			h.mustAcquire(t, 3)
			*h.Seat = Seat{}
		}, failover.WitnessGranted, 3},
		"the other one took it": {func(t *testing.T, _ *cluster, _, b *site) { b.look(t); b.mustAcquire(t, 2) }, failover.WitnessDenied, 2},
		"the other one took it, and nobody has looked since": {func(t *testing.T, _ *cluster, h, b *site) {
			h.look(t)
			b.look(t)
			b.mustAcquire(t, 2)
			time.Sleep(time.Hour)
		}, failover.WitnessDenied, 2},
		"the other one did not renew it, as this one has seen": {func(t *testing.T, _ *cluster, h, b *site) {
			b.look(t)
			b.mustAcquire(t, 2)
			for range 11 {
				h.look(t)
				time.Sleep(2 * time.Second)
			}
		}, failover.WitnessFree, 2},
		"the other one renews it": {func(t *testing.T, _ *cluster, h, b *site) {
			b.look(t)
			b.mustAcquire(t, 2)
			for range 60 {
				h.look(t)
				b.look(t)
				time.Sleep(2 * time.Second)
			}
		}, failover.WitnessDenied, 2},
		"the other one did not renew it for not quite so long": {func(t *testing.T, _ *cluster, h, b *site) {
			b.look(t)
			b.mustAcquire(t, 2)
			for range 10 {
				h.look(t)
				time.Sleep(2 * time.Second)
			}
		}, failover.WitnessDenied, 2},
		"this one has not looked without a gap": {func(t *testing.T, to *cluster, h, b *site) {
			b.look(t)
			b.mustAcquire(t, 2)
			h.look(t)
			to.cut = true
			for range 11 {
				time.Sleep(2 * time.Second)
				h.look(t)
			}
			to.cut = false
		}, failover.WitnessDenied, 2},
		"it does not answer":       {func(_ *testing.T, to *cluster, _, _ *site) { to.cut = true }, failover.WitnessUnknown, 0},
		"there is no Lease":        {func(_ *testing.T, to *cluster, _, _ *site) { to.lease = nil }, failover.WitnessUnknown, 0},
		"its answer does not come": {func(t *testing.T, to *cluster, h, _ *site) { h.look(t); h.mustAcquire(t, 3); to.mute = true }, failover.WitnessUnknown, 3},
		"what it notes is none":    {func(_ *testing.T, to *cluster, _, _ *site) { note(to, "three") }, failover.WitnessUnknown, 0},
		"what it notes fell": {func(t *testing.T, to *cluster, h, b *site) {
			b.look(t)
			b.mustAcquire(t, 4)
			h.look(t)
			note(to, "2")
		}, failover.WitnessDenied, 4},
		"the epoch that was noted is remembered without an answer": {func(t *testing.T, to *cluster, h, b *site) {
			b.look(t)
			b.mustAcquire(t, 4)
			h.look(t)
			to.cut = true
		}, failover.WitnessUnknown, 4},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := newCluster()
				home, backup := to.site("home"), to.site("backup")
				c.happens(t, to, home, backup)
				if w := home.look(t); w.State != c.want || w.Epoch != c.epoch {
					t.Errorf("%q of epoch %d, want %q of %d", w.State, w.Epoch, c.want, c.epoch)
				}
			})
		})
	}
}

func note(to *cluster, epoch string) {
	metav1.SetMetaDataAnnotation(&to.lease.ObjectMeta, naming.AnnotationEpoch, epoch)
	to.touch()
}

func TestWhatMayNotBeWritten(t *testing.T) {
	for sentence, c := range map[string]struct {
		happens func(t *testing.T, to *cluster, home, backup *site)
		says    string
	}{
		"the other one was faster": {func(t *testing.T, _ *cluster, h, b *site) { h.look(t); b.look(t); b.mustAcquire(t, 1) }, "conflict"},
		"it was not read":          {func(*testing.T, *cluster, *site, *site) {}, "was not read"},
		"it did not answer":        {func(t *testing.T, to *cluster, h, _ *site) { h.look(t); to.cut = true; h.look(t); to.cut = false }, "was not read"},
		"a higher epoch is noted":  {func(t *testing.T, to *cluster, h, _ *site) { note(to, "4"); h.look(t) }, "epoch 4 is noted"},
		"the answer to the last was lost": {func(t *testing.T, to *cluster, h, _ *site) {
			h.look(t)
			to.mute = true
			_ = h.Acquire(t.Context(), h.question(), 3)
			to.mute = false
		}, "was not read"},
	} {
		t.Run(sentence, func(t *testing.T) {
			to := newCluster()
			home, backup := to.site("home"), to.site("backup")
			c.happens(t, to, home, backup)
			before := to.version
			if err := home.Acquire(t.Context(), home.question(), 3); err == nil || !strings.Contains(err.Error(), c.says) && !apierrors.IsConflict(err) {
				t.Errorf("got %v, want something about %q", err, c.says)
			}
			if to.version != before {
				t.Error("the Lease was written")
			}
		})
	}
}

func TestWhoDoesNotHoldItGivesNothingUp(t *testing.T) {
	to := newCluster()
	home, backup := to.site("home"), to.site("backup")
	backup.look(t)
	backup.mustAcquire(t, 2)
	home.look(t)
	if err := home.Yield(t.Context(), home.question()); err != nil || holderOf(to.lease) != "backup" {
		t.Errorf("%v, it is %q's", err, holderOf(to.lease))
	}
}

// inBubble hides the deadline, which must not be asked for in a bubble.
type inBubble struct{ rapid.TB }

// Whatever is lost on the way, and whenever processes start anew: what one site was granted has run out, with the margin, or
// was given up when the other one takes the Lease; and the epoch never falls.
func TestTheLeaseIsOneSitesAtATime(t *testing.T) {
	taken := 0
	synctest.Test(t, func(t *testing.T) {
		limits := failover.DefaultLimits()
		rapid.Check(inBubble{t}, func(r *rapid.T) {
			to := newCluster()
			sites := []*site{to.site("home"), to.site("backup")}
			until := map[string]time.Time{} // what each may rely on
			top := int64(0)
			pick := func() *site { return rapid.SampledFrom(sites).Draw(r, "site") }
			r.Repeat(map[string]func(*rapid.T){
				"time goes by": func(r *rapid.T) {
					time.Sleep(time.Duration(rapid.Int64Range(0, int64(8*time.Second)).Draw(r, "time")))
				},
				"a round": func(r *rapid.T) {
					s := pick()
					s.needs = rapid.Bool().Draw(r, "needs it")
					to.cut = rapid.IntRange(0, 9).Draw(r, "cut") == 0
					to.mute = rapid.IntRange(0, 9).Draw(r, "mute") == 0
					asked := time.Now()
					w, _ := s.Look(t.Context(), s.question())
					switch w.State {
					case failover.WitnessGranted:
						until[s.name] = asked.Add(limits.VoteTTL)
					case failover.WitnessFree:
						time.Sleep(time.Duration(rapid.Int64Range(0, int64(8*time.Second)).Draw(r, "late")))
						if s.Acquire(t.Context(), s.question(), w.Epoch+1) != nil {
							break
						}
						taken++
						for name, end := range until {
							if name != s.name && time.Now().Before(end.Add(limits.Margin)) {
								r.Fatalf("%s takes what %s may rely on", s.name, name)
							}
						}
					}
				},
				"a process starts anew": func(*rapid.T) { *pick().Seat = Seat{} },
				"it is given up, by servers that are shut": func(*rapid.T) {
					s := pick()
					if s.lease != nil && holderOf(s.lease) == s.name {
						delete(until, s.name)
						_ = s.Yield(t.Context(), s.question())
					}
				},
				"": func(*rapid.T) {
					n, err := epochOf(to.lease)
					if err != nil || n < top {
						r.Fatalf("the epoch was %d and is %d, %v", top, n, err)
					}
					top = n
				},
			})
		})
	})
	if taken == 0 {
		t.Error("nobody ever took it")
	}
}
