package envtest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/cnpg"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// This file plays the parts of those who are not there: CloudNativePG, the Job and StatefulSet controllers, and the
// chat server behind its admin API.

// playDatabase does what CloudNativePG does: the pods of the list are healthy, the first is the primary.
func playDatabase(t *testing.T, ns, name string, healthy ...string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	eventually(t, "Cluster "+name, func() error {
		return k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, u)
	})
	before := u.DeepCopy()
	pods := []any{}
	for _, h := range healthy {
		pods = append(pods, h)
	}
	primary := ""
	if len(healthy) > 0 {
		primary = healthy[0]
	}
	u.Object["status"] = map[string]any{
		"phase": cnpg.PhaseHealthy, "instances": int64(len(healthy)), "readyInstances": int64(len(healthy)),
		"currentPrimary": primary, "targetPrimary": primary, "instancesStatus": map[string]any{"healthy": pods},
	}
	if err := k8s.Status().Patch(t.Context(), u, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// playMigration ends the migration Job of the image as the Job controller does, and returns it.
func playMigration(t *testing.T, ns, image string, succeeded bool) *batchv1.Job {
	t.Helper()
	var job *batchv1.Job
	eventually(t, "the migration Job of "+image, func() error {
		var list batchv1.JobList
		if err := k8s.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
			return err
		}
		for i := range list.Items {
			if j := &list.Items[i]; j.Spec.Template.Spec.Containers[0].Image == image && len(j.Status.Conditions) == 0 {
				job = j
				return nil
			}
		}
		return fmt.Errorf("%d Jobs, none for it", len(list.Items))
	})
	before := job.DeepCopy()
	now := metav1.Now()
	job.Status.StartTime = &now
	if succeeded {
		job.Status.Succeeded, job.Status.CompletionTime = 1, &now
		job.Status.Conditions = jobConditions(now, batchv1.JobSuccessCriteriaMet, batchv1.JobComplete)
	} else {
		job.Status.Failed = 5
		job.Status.Conditions = jobConditions(now, batchv1.JobFailureTarget, batchv1.JobFailed)
	}
	if err := k8s.Status().Patch(t.Context(), job, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	return job
}

func jobConditions(now metav1.Time, types ...batchv1.JobConditionType) []batchv1.JobCondition {
	var out []batchv1.JobCondition
	for _, t := range types {
		out = append(out, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: now, LastProbeTime: now, Reason: "Played", Message: "played"})
	}
	return out
}

// playServers does what the StatefulSet controller and kubelets do: n servers are ready in the current revision.
func playServers(t *testing.T, ns, name string, n int32) {
	t.Helper()
	s := &appsv1.StatefulSet{}
	eventually(t, "StatefulSet "+name, func() error { return k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, s) })
	before := s.DeepCopy()
	s.Status = appsv1.StatefulSetStatus{
		ObservedGeneration: s.Generation, Replicas: n, ReadyReplicas: n, UpdatedReplicas: n, AvailableReplicas: n,
		CurrentReplicas: n, CurrentRevision: "r1", UpdateRevision: "r1",
	}
	if err := k8s.Status().Patch(t.Context(), s, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// playAll brings the pool demo up, with two of everything.
func playAll(t *testing.T, ns string) {
	t.Helper()
	playDatabase(t, ns, "demo-db", "demo-db-1", "demo-db-2")
	playMigration(t, ns, operator.Image, true)
	playServers(t, ns, "demo-chat", 2)
	eventually(t, "the pool to be ready", func() error {
		return says(get(t, ns, "demo", &v1alpha1.ChatPool{}).Status.Conditions, v1alpha1.ConditionReady, "True", v1alpha1.ReasonReady)
	})
}

// registry knows where each namespace's played admin API is.
type registry struct{ urls sync.Map }

func (r *registry) url(p *v1alpha1.ChatPool) string {
	if u, ok := r.urls.Load(p.Namespace); ok {
		s, _ := u.(string)
		return s
	}
	return "https://127.0.0.1:1"
}

// chatServer plays the admin API of a pool: what was put, by key, in memory.
type chatServer struct {
	lock       sync.Mutex
	categories map[string]adminapi.Category
	rooms      map[string]adminapi.Room
	deleted    []string // what was deleted, and how
	puts       int
	problem    *adminapi.Problem // what every PUT of a room is answered with, if set
}

// startChatServer serves over mutual TLS with the very certificates that the operator made for the pool demo.
func startChatServer(t *testing.T, ns string) *chatServer {
	t.Helper()
	s := &chatServer{categories: map[string]adminapi.Category{}, rooms: map[string]adminapi.Room{}}
	secret := get(t, ns, "demo-internal-tls", &corev1.Secret{})
	cert, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(secret.Data["ca.crt"])
	server := httptest.NewUnstartedServer(s)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	apis.urls.Store(ns, server.URL)
	return s
}

func (s *chatServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if cn := r.TLS.PeerCertificates[0].Subject.CommonName; cn != adminapi.OperatorName {
		http.Error(w, cn, http.StatusForbidden)
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/"), "/")
	key, err := url.PathUnescape(parts[len(parts)-1])
	if len(parts) != 2 || err != nil {
		http.NotFound(w, r)
		return
	}
	answer, p := s.serve(parts[0], key, r)
	w.Header().Set("Content-Type", "application/json")
	if p != nil {
		_, status := adminapi.ProblemOf(p.Err())
		w.WriteHeader(status)
		answer = p
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *chatServer) serve(kind, key string, r *http.Request) (any, *adminapi.Problem) {
	switch r.Method + " " + kind {
	case "PUT categories":
		var c adminapi.Category
		if err := adminapi.DecodeStrict(r.Body, &c); err != nil {
			return nil, &adminapi.Problem{Kind: chat.Invalid, Text: err.Error()}
		}
		s.puts++
		s.categories[key] = c
		return adminapi.CategoryStatus{ID: "0190a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b", URI: "ma-cat://example.com/x", Rooms: s.roomsOf(key)}, nil
	case "PUT rooms":
		var room adminapi.Room
		if err := adminapi.DecodeStrict(r.Body, &room); err != nil {
			return nil, &adminapi.Problem{Kind: chat.Invalid, Text: err.Error()}
		}
		if s.problem != nil {
			return nil, s.problem
		}
		c, ok := s.categories[room.Category]
		if !ok {
			return nil, &adminapi.Problem{Kind: chat.NotFound, Field: "category", Text: "no category " + room.Category}
		}
		s.puts++
		s.rooms[key] = room
		in := chat.Category{Allowed: c.AllowedMembers, Denied: c.DeniedMembers}
		out := in.OutOfScope(&chat.Room{Members: room.Members, Managers: room.Managers, Presenters: room.Presenters}, nil)
		return adminapi.RoomStatus{ID: "0190a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5c", URI: "ma-chan://example.com/y", OutOfScope: out}, nil
	case "DELETE categories":
		if r.URL.Query().Get("retain") != "true" && s.roomsOf(key) > 0 {
			return nil, &adminapi.Problem{Kind: chat.Conflict, Field: "category", Text: fmt.Sprintf("it has %d rooms", s.roomsOf(key))}
		}
		delete(s.categories, key)
	case "DELETE rooms":
		delete(s.rooms, key)
	default:
		return nil, &adminapi.Problem{Kind: chat.NotFound, Text: "no such thing"}
	}
	s.deleted = append(s.deleted, kind+" "+key+" retain="+r.URL.Query().Get("retain"))
	return struct{}{}, nil
}

func (s *chatServer) roomsOf(category string) int {
	n := 0
	for _, r := range s.rooms {
		if r.Category == category {
			n++
		}
	}
	return n
}

// look runs a question while nobody else touches the server.
func look[T any](s *chatServer, question func(*chatServer) T) T {
	s.lock.Lock()
	defer s.lock.Unlock()
	return question(s)
}

// wasDeleted tells whether something was deleted in that way.
func (s *chatServer) wasDeleted(what string) error {
	return look(s, func(s *chatServer) error {
		if slices.Contains(s.deleted, what) {
			return nil
		}
		return fmt.Errorf("deleted are %q", s.deleted)
	})
}

// gone tells whether an object is gone, and else that it is not.
func gone(t *testing.T, o client.Object) error {
	err := k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return nil
	}
	return fmt.Errorf("%T %s is there, deleted at %v (%v)", o, o.GetName(), o.GetDeletionTimestamp(), time.Now())
}
