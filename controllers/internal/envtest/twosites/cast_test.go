package twosites

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/plugin"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// limit is how long a test waits for something that the operators do.
const limit = 60 * time.Second

// cast is everybody who plays in one test: the pool demo in a namespace of its own.
type cast struct {
	t      *testing.T
	ns     string
	world  *world
	limits failover.Limits
	home   *operator
	backup *operator
	over   chan struct{}
	// by is by which link a site's operator reaches the other one's API server; nil: directly.
	by map[*site]*link
	// patience is how long it is waited for anything: limit, unless much is to happen.
	patience time.Duration

	lock   sync.Mutex
	kill   func(site, point string) []*operator // nil: nobody is ended
	points []string
}

// assemble makes a namespace in both sites and everybody in it, but no pool. With limits it takes others than usual.
func assemble(t *testing.T, limits ...failover.Limits) *cast {
	t.Helper()
	t.Parallel()
	c := &cast{t: t, world: newWorld(), over: make(chan struct{}), patience: limit}
	if len(limits) > 0 {
		c.limits = limits[0]
	}
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	if err := home.Client.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := backup.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name}}); err != nil {
		t.Fatal(err)
	}
	c.ns = n.Name
	ctx, stop := context.WithCancel(context.Background())
	var playing sync.WaitGroup
	playing.Go(func() { c.world.run(c.over) })
	for s, to := range map[*site]**operator{home: &c.home, backup: &c.backup} {
		s.worlds.Store(c.ns, c.world)
		playing.Go(func() { (&engine{site: s, ns: c.ns, world: c.world}).run(ctx) })
		*to = &operator{site: s, cast: c}
		(*to).start()
	}
	t.Cleanup(func() {
		c.home.stop()
		c.backup.stop()
		stop()
		close(c.over)
		playing.Wait()
		for _, f := range c.world.faults {
			t.Error(f)
		}
		if t.Failed() {
			c.explain()
		}
	})
	return c
}

// fault notes what must never be.
func (c *cast) fault(format string, args ...any) {
	ask(c.world, func() any { c.world.faults = append(c.world.faults, fmt.Sprintf(format, args...)); return nil })
}

// explain says what a test that failed was looking at.
func (c *cast) explain() {
	for _, s := range []*site{home, backup} {
		p, err := s.pool(c.ns)
		if err != nil {
			c.t.Logf("%s: %v", s.name, err)
			continue
		}
		st := p.Status
		c.t.Logf("%s wants %s: role %s, epoch %d, state %s, failover %+v, transition %+v", s.name, p.Spec.PoolState, st.Role, st.Epoch, st.State, st.Failover, st.Transition)
		if st.Peer != nil {
			c.t.Logf("    peer %s, %s: %s", st.Peer.State, st.Peer.Role, st.Peer.Message)
		}
		for _, k := range st.Conditions {
			c.t.Logf("    %s %s %s: %s", k.Type, k.Status, k.Reason, k.Message)
		}
		d := c.world.sides[s.name]
		c.t.Logf("    database %s, cluster %s", d, func() string {
			k, err := s.database(c.ns)
			if err != nil || k == nil {
				return fmt.Sprint("none ", err)
			}
			return fmt.Sprintf("%+v, fenced %q", k.Spec.Replica, k.Annotations["cnpg.io/fencedInstances"])
		}())
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.t.Logf("points: %s", strings.Join(c.points, ", "))
}

func (s *side) String() string {
	text := "none"
	if d := s.db; d != nil {
		text = fmt.Sprintf("%s from %q (streams %t), timeline %d, end %s, epochs %+v, closed %d", d.mode, d.source, d.streams, d.timeline, d.end(), d.epochs, d.closed)
	}
	for _, v := range s.servers {
		text += fmt.Sprintf("; %s epoch %d quiesced %d", v.name, v.epoch, v.quiesced)
	}
	return text
}

// killed notes that a site's operator passes a point, and says who ends there.
func (c *cast) killed(site, point string) []*operator {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.points = append(c.points, site+" "+point)
	if c.kill == nil {
		return nil
	}
	return c.kill(site, point)
}

// killing sets who is ended where from now on.
func (c *cast) killing(kill func(site, point string) []*operator) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.kill = kill
}

func (c *cast) both() []*operator { return []*operator{c.home, c.backup} }

// eventually asks again and again until ok has nothing to object; objections name what is missing.
func (c *cast) eventually(what string, ok func() error) {
	c.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); ; <-tick.C {
		err := ok()
		if err == nil {
			return
		}
		if time.Since(start) > c.patience {
			c.t.Fatalf("waited %v for %s; last objection: %v", c.patience, what, err)
		}
	}
}

// throughout asks again and again that something stays so, for as long as both operators have looked three times.
func (c *cast) throughout(what string, ok func() error) {
	c.t.Helper()
	for _, s := range []*site{home, backup} {
		from := s.beat(c.ns)
		c.eventually("the operator of "+s.name+" to beat", func() error {
			if err := ok(); err != nil {
				c.t.Fatalf("%s: %v", what, err)
			}
			if n := s.beat(c.ns); n < from+3 {
				return fmt.Errorf("at %d, from %d", n, from)
			}
			return nil
		})
	}
}

func (s *site) pool(ns string) (*v1alpha1.ChatPool, error) {
	p := &v1alpha1.ChatPool{}
	return p, s.Client.Get(context.Background(), client.ObjectKey{Namespace: ns, Name: "demo"}, p)
}

// create makes the pool's object in a site; want is where it is to live.
func (c *cast) create(s *site, change ...func(*v1alpha1.ChatPool)) {
	c.t.Helper()
	p := &v1alpha1.ChatPool{ObjectMeta: metav1.ObjectMeta{Name: "demo", Namespace: c.ns}}
	p.Spec.Domain = "example.com"
	p.Spec.Directory.Static.Users = []v1alpha1.StaticUser{{Name: "alice"}}
	p.Spec.Sites = []v1alpha1.Site{
		{Name: "home", Role: v1alpha1.SitePrimary, SIPName: "chat.home.example.com", DatabaseEndpoint: "10.1.1.11:30432"},
		{Name: "backup", Role: v1alpha1.SiteBackup, SIPName: "chat.backup.example.com", DatabaseEndpoint: "db.backup.example.com:5432"},
	}
	for _, ch := range change {
		ch(p)
	}
	if err := s.Client.Create(c.t.Context(), p); err != nil {
		c.t.Fatal(err)
	}
}

// change edits the pool's object in a site.
func (c *cast) change(s *site, edit func(*v1alpha1.ChatPool)) {
	c.t.Helper()
	p, err := s.pool(c.ns)
	if err != nil {
		c.t.Fatal(err)
	}
	before := p.DeepCopy()
	edit(p)
	if err := s.Client.Patch(c.t.Context(), p, client.MergeFrom(before)); err != nil {
		c.t.Fatal(err)
	}
}

// want flips spec.poolState in the sites.
func (c *cast) want(state v1alpha1.PoolState, in ...*site) {
	c.t.Helper()
	for _, s := range in {
		c.change(s, func(p *v1alpha1.ChatPool) { p.Spec.PoolState = state })
	}
}

// say gives a person's word to a site.
func (c *cast) say(s *site, annotation string, w naming.Word) {
	c.t.Helper()
	c.change(s, func(p *v1alpha1.ChatPool) {
		if p.Annotations == nil {
			p.Annotations = map[string]string{}
		}
		p.Annotations[annotation] = w.Value(p)
	})
}

// beat is the counter of a site's operator.
func (s *site) beat(ns string) int64 {
	p, err := s.pool(ns)
	if err != nil {
		return 0
	}
	n, _ := s.lease(p)
	return n
}

// says tells whether a condition of the pool is as wanted, and what it says else.
func (c *cast) says(s *site, name string, status metav1.ConditionStatus, text string) error {
	p, err := s.pool(c.ns)
	if err != nil {
		return err
	}
	k := meta.FindStatusCondition(p.Status.Conditions, name)
	if k == nil {
		return fmt.Errorf("%s: no condition %s", s.name, name)
	}
	if k.Status != status || !strings.Contains(k.Reason+": "+k.Message, text) {
		return fmt.Errorf("%s: %s is %s, %s: %s", s.name, name, k.Status, k.Reason, k.Message)
	}
	return nil
}

// is tells whether a site has a role and knows an epoch.
func (c *cast) is(s *site, role string, epoch int64) error {
	p, err := s.pool(c.ns)
	if err != nil {
		return err
	}
	if p.Status.Role != role || p.Status.Epoch != epoch {
		return fmt.Errorf("%s is %q in epoch %d, want %s in %d: %+v", s.name, p.Status.Role, p.Status.Epoch, role, epoch, p.Status.Transition)
	}
	return nil
}

// lives waits until the pool lives in a site in the epoch and the other one follows, and nobody is in the middle of
// anything.
func (c *cast) lives(s *site, epoch int64) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("the pool to live in %s in epoch %d", s.name, epoch), func() error { return c.settled(s, epoch) })
}

func (c *cast) settled(s *site, epoch int64) error {
	if err := c.is(s, v1alpha1.RoleActive, epoch); err != nil {
		return err
	}
	if err := c.is(s.other(), v1alpha1.RoleStandby, epoch); err != nil {
		return err
	}
	for _, x := range []*site{s, s.other()} {
		p, err := x.pool(c.ns)
		if err != nil {
			return err
		}
		if t := p.Status.Transition; t != nil {
			return fmt.Errorf("%s is in %s, %s: %s", x.name, t.Kind, t.Step, t.WaitingFor)
		}
		if p.Status.ActiveSite != s.name {
			return fmt.Errorf("%s takes %q for the active site", x.name, p.Status.ActiveSite)
		}
		public := &corev1.Service{}
		if err := x.Client.Get(c.t.Context(), client.ObjectKey{Namespace: c.ns, Name: "demo"}, public); err != nil {
			return err
		}
		if here := public.Annotations[naming.AnnotationActiveSite] == x.name && public.Annotations[naming.AnnotationExternalDNS] == "example.com"; here != (x == s) {
			return fmt.Errorf("the address at %s: %v", x.name, public.Annotations)
		}
	}
	if err := ask(c.world, func() error {
		for _, v := range c.world.sides[s.name].servers {
			if v.epoch != epoch {
				return fmt.Errorf("server %s of %s is activated for %d", v.name, s.name, v.epoch)
			}
		}
		if d := c.world.sides[s.other().name].db; d == nil || !d.streams {
			return fmt.Errorf("%s does not stream", s.other().name)
		}
		return nil
	}); err != nil {
		return err
	}
	ready := v1alpha1.ConditionFailoverReady
	if s == backup {
		ready = v1alpha1.ConditionFailbackReady
	}
	for _, x := range []*site{s, s.other()} {
		if err := c.says(x, ready, metav1.ConditionTrue, ""); err != nil {
			return err
		}
		if err := c.says(x, v1alpha1.ConditionReady, metav1.ConditionTrue, ""); err != nil {
			return err
		}
	}
	return nil
}

// upright makes a pool that lives at home in epoch 1 and is followed by backup.
func upright(t *testing.T, limits ...failover.Limits) *cast {
	t.Helper()
	c := assemble(t, limits...)
	c.create(home)
	c.create(backup)
	c.peer()
	c.lives(home, 1)
	return c
}

// peer runs kubectl chatpool peer while the token controllers are played.
func (c *cast) peer() string {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	for _, s := range []*site{home, backup} {
		go s.playTokens(ctx, c.ns, "demo-peer-token")
	}
	var out bytes.Buffer
	p := &plugin.Peering{
		Own: home.cluster(), Peer: backup.cluster(), Namespace: c.ns, Pool: "demo", Out: &out,
		OwnServer: c.by[backup].address(), PeerServer: c.by[home].address(),
	}
	if err := p.Run(ctx); err != nil {
		c.t.Fatalf("kubectl chatpool peer: %v; it said:\n%s", err, out.String())
	}
	return out.String()
}

// playTokens fills in an account's token as the token controller does.
func (s *site) playTokens(ctx context.Context, ns, name string) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ctx.Err() == nil; <-tick.C {
		secret := &corev1.Secret{}
		if err := s.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, secret); err != nil {
			continue
		}
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: secret.Annotations[corev1.ServiceAccountNameKey]}}
		request := &authenticationv1.TokenRequest{}
		if len(secret.Data["token"]) > 0 || s.Client.SubResource("token").Create(ctx, account, request) != nil {
			continue
		}
		before := secret.DeepCopy()
		secret.Data = map[string][]byte{"token": []byte(request.Status.Token), "ca.crt": s.Config.CAData}
		_ = s.Client.Patch(ctx, secret, client.MergeFrom(before))
	}
}
