package declared_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/category"
	"chatpool.dev/controllers/internal/declared"
	"chatpool.dev/controllers/internal/room"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// poolAPI plays the admin API of a pool, and its database, which both sites have in turn.
type poolAPI struct {
	lock      sync.Mutex
	objects   map[string]map[string]any // what was put, by kind/namespace/name
	withdrawn map[string]time.Time
	changes   int
}

func (p *poolAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.lock.Lock()
	defer p.lock.Unlock()
	key, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o, there := p.objects[key]
	at, gone := p.withdrawn[key]
	var answer any = struct{}{}
	switch {
	case r.Method == http.MethodPut:
		p.changes++
		o = map[string]any{}
		err = json.NewDecoder(r.Body).Decode(&o)
		o["id"] = "0190a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5c"
		p.objects[key], answer = o, o
		delete(p.withdrawn, key)
	case r.Method == http.MethodDelete:
		p.changes++
		delete(p.objects, key)
		p.withdrawn[key] = time.Now()
	case there:
		answer = o
	case gone:
		answer = map[string]any{"withdrawn": at}
	default:
		w.WriteHeader(http.StatusNotFound)
		answer = adminapi.Problem{Kind: chat.NotFound, Text: "there is none"}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// site is the cluster of one of two sites, with its operator.
type site struct {
	t          *testing.T
	k8s        client.Client
	api        *adminapi.Client
	events     []string
	categories *declared.Reconciler[*v1alpha1.Category]
	rooms      *declared.Reconciler[*v1alpha1.Room]
}

func (s *site) Connect(context.Context, *v1alpha1.ChatPool) (*adminapi.Client, error) {
	return s.api, nil
}
func (s *site) Forget(*v1alpha1.ChatPool) {}
func (s *site) Eventf(_, _ runtime.Object, _, reason, _, _ string, _ ...any) {
	s.events = append(s.events, reason)
}

// twoSites are home, which has the pool in epoch 1, and backup, which follows.
func twoSites(t *testing.T) (p *poolAPI, home, backup *site) {
	t.Helper()
	p = &poolAPI{objects: map[string]map[string]any{}, withdrawn: map[string]time.Time{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	made := func() *site {
		pool := &v1alpha1.ChatPool{ObjectMeta: metav1.ObjectMeta{Name: "demo", Namespace: "chat"}}
		pool.Spec.Sites = []v1alpha1.Site{{Name: "home", Role: v1alpha1.SitePrimary}, {Name: "backup", Role: v1alpha1.SiteBackup}}
		pool.Status.Servers.Ready = 2
		s := &site{t: t, api: adminapi.NewClient(server.URL, nil)}
		s.k8s = fake.NewClientBuilder().WithScheme(scheme).WithObjects(pool).
			WithStatusSubresource(&v1alpha1.ChatPool{}, &v1alpha1.Category{}, &v1alpha1.Room{}).Build()
		s.categories, s.rooms = category.New(s.k8s, s, s), room.New(s.k8s, s, s)
		return s
	}
	home, backup = made(), made()
	home.is(v1alpha1.RoleActive, 1)
	backup.is(v1alpha1.RoleStandby, 1)
	return p, home, backup
}

// move gives the pool to a site, in a new epoch.
func move(epoch int64, from, to *site) {
	from.is(v1alpha1.RoleStandby, epoch)
	to.is(v1alpha1.RoleActive, epoch)
}

func (s *site) is(role string, epoch int64) {
	s.t.Helper()
	pool := &v1alpha1.ChatPool{}
	s.must(s.k8s.Get(s.t.Context(), client.ObjectKey{Namespace: "chat", Name: "demo"}, pool))
	pool.Status.Role, pool.Status.Epoch = role, epoch
	s.must(s.k8s.Status().Update(s.t.Context(), pool))
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// declare makes the category desks and the room fx with these members, or changes the room's, and lets the operator work.
func (s *site) declare(members ...v1alpha1.Principal) {
	s.t.Helper()
	ctx, meta := s.t.Context(), func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "chat", Name: name, Generation: 1, CreationTimestamp: metav1.Now()}
	}
	s.must(client.IgnoreAlreadyExists(s.k8s.Create(ctx, &v1alpha1.Category{
		ObjectMeta: meta("desks"), Spec: v1alpha1.CategorySpec{PoolName: "demo", AllowedMembers: []v1alpha1.Principal{"domain:x.test"}}})))
	s.must(client.IgnoreAlreadyExists(s.k8s.Create(ctx, &v1alpha1.Room{
		ObjectMeta: meta("fx"), Spec: v1alpha1.RoomSpec{PoolName: "demo", CategoryName: "desks", Privacy: "Closed", Type: "Normal", Invitations: "Inherit"}})))
	s.edit(func(r *v1alpha1.Room) { r.Spec.Members, r.Generation = members, r.Generation+1 })
	s.work()
}

// edit changes the room.
func (s *site) edit(change func(*v1alpha1.Room)) {
	s.t.Helper()
	r := &v1alpha1.Room{}
	s.must(s.k8s.Get(s.t.Context(), fx, r))
	change(r)
	s.must(s.k8s.Update(s.t.Context(), r))
}

var fx, desks = client.ObjectKey{Namespace: "chat", Name: "fx"}, client.ObjectKey{Namespace: "chat", Name: "desks"}

// work has the operator look at what there is, as often as it takes to come to rest.
func (s *site) work() {
	s.t.Helper()
	for range 2 {
		reconcile(s, s.categories.Reconcile, desks, &v1alpha1.Category{})
		reconcile(s, s.rooms.Reconcile, fx, &v1alpha1.Room{})
	}
}

func reconcile[O client.Object](s *site, f func(context.Context, O) (ctrl.Result, error), key client.ObjectKey, o O) {
	s.t.Helper()
	if err := s.k8s.Get(s.t.Context(), key, o); err != nil {
		s.must(client.IgnoreNotFound(err))
		return
	}
	_, err := f(s.t.Context(), o)
	s.must(err)
}
