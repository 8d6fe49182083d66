package plugin

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

var update = flag.Bool("update", false, "write the golden files anew")

// change is what differs from a pool that lives at home and is followed at backup, all well.
type change func(*v1alpha1.ChatPool)

var noon = metav1.NewTime(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))

func ptr[T any](v T) *T { return &v }

// aPool is the ChatPool of a site, in epoch 1 at home.
func aPool(side failover.Side, changes ...change) *v1alpha1.ChatPool {
	p := &v1alpha1.ChatPool{ObjectMeta: metav1.ObjectMeta{Name: "trading", Namespace: "chat", UID: "uid-of-home"}}
	p.Spec.Domain, p.Spec.PoolState, p.Spec.Servers.Replicas = "example.com", v1alpha1.Normal, ptr(int32(2))
	p.Spec.Sites = []v1alpha1.Site{{Name: "home", Role: v1alpha1.SitePrimary}, {Name: "backup", Role: v1alpha1.SiteBackup}}
	p.Status = v1alpha1.ChatPoolStatus{
		Site: "home", State: v1alpha1.StateRunning, Role: v1alpha1.RoleActive, Epoch: 1, ActiveSite: "home", DR: v1alpha1.DRReady,
		Servers: v1alpha1.ServersStatus{Replicas: 2, Summary: "2/2"}, Database: v1alpha1.DatabaseStatus{Summary: "2/2", Mirror: "InSync"},
		Failover:    &v1alpha1.FailoverStatus{Data: "Present", HeldEpoch: 1},
		Peer:        &v1alpha1.PeerStatus{Site: "backup", State: v1alpha1.PeerAlive, Since: &noon, Role: v1alpha1.RoleStandby},
		Replication: &v1alpha1.ReplicationStatus{State: v1alpha1.ReplicationStreaming, Lag: "1s", LagSeconds: ptr(int64(1)), LagBytes: ptr(int64(120))},
	}
	say("True", v1alpha1.ConditionReady, "Ready", "")(p)
	say("True", v1alpha1.ConditionFailoverReady, "Following", "backup follows")(p)
	say("False", v1alpha1.ConditionSplitBrainGuard, "AttestationOnly", "no witness")(p)
	if side == failover.Backup {
		p.UID = "uid-of-backup"
		p.Status.Site, p.Status.State, p.Status.Role = "backup", v1alpha1.StateStandby, v1alpha1.RoleStandby
		p.Status.Peer = &v1alpha1.PeerStatus{Site: "home", State: v1alpha1.PeerAlive, Since: &noon, Role: v1alpha1.RoleActive}
		p.Status.Failover.Shut = true
		p.Status.Database.Mirror = ""
		say("True", v1alpha1.ConditionFailoverReady, "Following", "at most 1.0 s / 120 B would be lost")(p)
	}
	for _, c := range changes {
		c(p)
	}
	return p
}

func say(status metav1.ConditionStatus, name, reason, message string) change {
	return func(p *v1alpha1.ChatPool) {
		for i := range p.Status.Conditions {
			if c := &p.Status.Conditions[i]; c.Type == name {
				c.Status, c.Reason, c.Message = status, reason, message
				return
			}
		}
		p.Status.Conditions = append(p.Status.Conditions, metav1.Condition{Type: name, Status: status, Reason: reason, Message: message, LastTransitionTime: noon})
	}
}

func inRole(role string, epoch int64) change {
	return func(p *v1alpha1.ChatPool) { p.Status.Role, p.Status.Epoch = role, epoch }
}

func holds(data string, epoch int64) change {
	return func(p *v1alpha1.ChatPool) { p.Status.Failover.Data, p.Status.Failover.HeldEpoch = data, epoch }
}

func hearing(state, role string) change {
	return func(p *v1alpha1.ChatPool) { p.Status.Peer.State, p.Status.Peer.Role = state, role }
}

func wanting(s v1alpha1.PoolState) change {
	return func(p *v1alpha1.ChatPool) { p.Spec.PoolState = s }
}

func inTheMiddle(kind failover.Kind, step failover.Step, waits, next string) change {
	return func(p *v1alpha1.ChatPool) {
		p.Status.Transition = &v1alpha1.TransitionStatus{Kind: string(kind), Step: string(step), FromEpoch: 1, StartedAt: &noon, WaitingFor: waits, NextCommand: next, DataLoss: "none"}
	}
}

func serving(list ...string) change {
	return func(p *v1alpha1.ChatPool) { p.Spec.Servers.Active = ptr(append([]string{}, list...)) }
}

var errCut = errors.New("dial tcp 192.0.2.1:6443: connect: no route to host")

// aSite is a cluster with one ChatPool, whose operator beats at every look unless it is still. watch is called before
// each reading of the pool, and may change it.
type aSite struct {
	*Cluster
	dead, still bool
	looks       atomic.Int64
	watch       func(look int64, p *v1alpha1.ChatPool)
}

func newSite(t *testing.T, p *v1alpha1.ChatPool) *aSite {
	t.Helper()
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: naming.SiteLease(p), Namespace: p.Namespace}}
	s := &aSite{}
	var beats atomic.Int64
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(p, lease).WithStatusSubresource(p).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			if s.dead {
				return errCut
			}
			return c.List(ctx, l, opts...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if s.dead {
				return errCut
			}
			if err := c.Get(ctx, key, o, opts...); err != nil {
				return err
			}
			switch o := o.(type) {
			case *coordinationv1.Lease:
				if !s.still {
					beats.Add(1)
				}
				o.Annotations = map[string]string{naming.AnnotationBeat: strconv.FormatInt(1+beats.Load(), 10)}
			case *v1alpha1.ChatPool:
				if n := s.looks.Add(1); s.watch != nil {
					s.watch(n, o)
				}
			}
			return nil
		},
	}).Build()
	s.Cluster = &Cluster{Client: c, Config: &rest.Config{Host: "https://" + p.Status.Site + ".example.com:6443"}}
	return s
}

// pool is the site's object as it stands now.
func (s *aSite) pool(t *testing.T) *v1alpha1.ChatPool {
	t.Helper()
	p := &v1alpha1.ChatPool{}
	watch := s.watch
	s.watch = nil
	defer func() { s.watch = watch }()
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: "chat", Name: "trading"}, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs the program against two sites, whose contexts are called home and backup.
func run(t *testing.T, sites map[string]*aSite, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := command(&out, func(a access) (*Cluster, string, error) {
		s, ok := sites[a.context]
		if !ok {
			return nil, "", errors.New("context " + a.context + " does not exist")
		}
		// As open does: one object per connection.
		return &Cluster{Client: s.Client, Config: s.Config, Site: a.site, Context: a.context}, "chat", nil
	})
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// seen is a site that answered, or, without a pool, one that did not.
func seen(side failover.Side, p *v1alpha1.ChatPool, pulse Pulse) Seen {
	s := Seen{Name: string(side), Side: side, Pool: p, Pulse: pulse, Cluster: &Cluster{Config: &rest.Config{}, Context: string(side)}}
	if p == nil {
		s.Err = errCut
	}
	return s
}

func view(home, backup *v1alpha1.ChatPool) View {
	return View{Namespace: "chat", Pool: "trading", Home: seen(failover.Home, home, Beats), Backup: seen(failover.Backup, backup, Beats)}
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; make it by go test ./controllers/internal/plugin -update, and read it", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got), -update takes it over:\n%s", file, d)
	}
}
