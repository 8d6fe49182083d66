package envtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers"
	"chatpool.dev/controllers/internal/envtest/apiserver"
	"chatpool.dev/controllers/internal/poolapi"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// k8s speaks to the API server without a cache; operator is what the manager under test was told.
var (
	k8s      client.Client
	apis     = &registry{}
	clock    = &fakeClock{}
	operator = controllers.Config{
		Site: "home", Image: "example.com/chatpool:1", PostgresImage: "example.com/postgres:15", Namespace: "chatpool-system",
	}
)

const root = "../../.."

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctrl.SetLogger(logr.Discard())
	api, err := apiserver.Start(root)
	if err != nil {
		return 1, err
	}
	defer api.Stop()
	k8s = api.Client
	options := ctrl.Options{Scheme: k8s.Scheme(), Metrics: server.Options{BindAddress: "0"}}
	controllers.Limit(&options, nil)
	mgr, err := ctrl.NewManager(api.Operator, options)
	if err != nil {
		return 1, err
	}
	pools := &poolapi.Connector{Reader: mgr.GetClient(), Now: time.Now, URL: apis.url}
	if err := controllers.Setup(mgr, operator, pools, clock.now); err != nil {
		return 1, err
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	code = m.Run()
	stop()
	return code, <-ended
}

// fakeClock is the wall clock, moved forward by what a test says.
type fakeClock struct {
	lock  sync.Mutex
	ahead time.Duration
}

func (c *fakeClock) now() time.Time {
	c.lock.Lock()
	defer c.lock.Unlock()
	return time.Now().Add(c.ahead)
}

// forward moves the clock until the test ends.
func (c *fakeClock) forward(t *testing.T, d time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.ahead += d
	t.Cleanup(func() {
		c.lock.Lock()
		defer c.lock.Unlock()
		c.ahead -= d
	})
}

// namespace makes a namespace for a test.
func namespace(t *testing.T) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	if err := k8s.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return n.Name
}

// limit is how long a test waits for something that the operator does.
const limit = 30 * time.Second

// eventually asks again and again until ok has nothing to object; objections name what is missing.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); ; <-tick.C {
		err := ok()
		if err == nil {
			return
		}
		if time.Since(start) > limit {
			t.Fatalf("waited %v for %s; last objection: %v", limit, what, err)
		}
	}
}

// get reads an object that must exist.
func get[T client.Object](t *testing.T, ns, name string, into T) T {
	t.Helper()
	if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, into); err != nil {
		t.Fatalf("read %T %s: %v", into, name, err)
	}
	return into
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := k8s.Create(t.Context(), o); err != nil {
		t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// patch changes an object.
func patch[T client.Object](t *testing.T, o T, change func(T)) {
	t.Helper()
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatalf("read %T %s: %v", o, o.GetName(), err)
	}
	before, ok := o.DeepCopyObject().(T)
	if !ok {
		t.Fatalf("%T does not copy to itself", o)
	}
	change(o)
	if err := k8s.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
		t.Fatalf("patch %T %s: %v", o, o.GetName(), err)
	}
}

// says tells whether a condition is as wanted, and what it says else.
func says(conditions []metav1.Condition, name string, status metav1.ConditionStatus, reason string) error {
	for _, c := range conditions {
		if c.Type == name {
			if c.Status == status && (reason == "" || c.Reason == reason) {
				return nil
			}
			return fmt.Errorf("condition %s is %s, %s: %s", name, c.Status, c.Reason, c.Message)
		}
	}
	return fmt.Errorf("there is no condition %s among %v", name, conditions)
}

func message(conditions []metav1.Condition, name string) string {
	for _, c := range conditions {
		if c.Type == name {
			return c.Message
		}
	}
	return ""
}

func testPool(ns string, change ...func(*v1alpha1.ChatPool)) *v1alpha1.ChatPool {
	p := &v1alpha1.ChatPool{ObjectMeta: metav1.ObjectMeta{Name: "demo", Namespace: ns}}
	p.Spec.Domain = "example.com"
	p.Spec.Policy.Enabled = true
	p.Spec.Directory.Static.Users = []v1alpha1.StaticUser{{Name: "alice", Groups: []string{"traders"}}, {Name: "bob"}}
	for _, c := range change {
		c(p)
	}
	return p
}
