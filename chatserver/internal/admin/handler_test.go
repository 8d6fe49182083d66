package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/admin"
	"chatpool.dev/chatserver/internal/store/pg"
	"github.com/google/go-cmp/cmp"
)

const (
	categoryID chat.ID = "0190a1b2-3c4d-7e5f-8a9b-0000000000c1"
	roomID     chat.ID = "0190a1b2-3c4d-7e5f-8a9b-000000000001"
)

// fakeStore answers with what it was given, or with err.
type fakeStore struct {
	err      error
	key      string
	hash     string
	gone     time.Time // when the object was deleted
	category chat.Category
	room     chat.Room
	retain   bool
	panics   bool
}

func (s *fakeStore) PutCategory(ctx context.Context, key string, c chat.Category, hash string, _ pg.Groups) (pg.CategoryRecord, error) {
	s.key, s.category, s.hash = key, c, hash
	return s.Category(ctx, key)
}

func (s *fakeStore) Category(_ context.Context, key string) (pg.CategoryRecord, error) {
	if s.panics {
		panic("a bug")
	}
	c := s.category
	c.ID, c.Version = categoryID, 3
	return pg.CategoryRecord{Key: key, Category: c, Rooms: 2, Declared: s.hash, Withdrawn: s.gone}, s.err
}

func (s *fakeStore) DeleteCategory(_ context.Context, key string, retain bool) error {
	s.key, s.retain = key, retain
	return s.err
}

func (s *fakeStore) PutRoom(ctx context.Context, key, categoryKey string, r chat.Room, hash string, g pg.Groups) (pg.RoomRecord, error) {
	s.key, s.room, s.hash = key, r, hash
	return s.Room(ctx, key)
}

func (s *fakeStore) Room(_ context.Context, key string) (pg.RoomRecord, error) {
	r := s.room
	r.ID, r.Version = roomID, 5
	return pg.RoomRecord{Key: key, CategoryKey: "chat/trading", Room: r, OutOfScope: []chat.Principal{"sip:mallory@x.test"}, Participants: 7, Head: chat.At(1, 42), Declared: s.hash, Withdrawn: s.gone}, s.err
}

func (s *fakeStore) DeleteRoom(_ context.Context, key string, retain bool) error {
	s.key, s.retain = key, retain
	return s.err
}

// call asks the API as whoever has the certificate's name, and gives status and body.
func call(s *fakeStore, name, request, body string) (int, string, int) {
	changes := 0
	h := admin.Handler(admin.Options{
		Domain: "x.test", Categories: s, Rooms: s, Groups: func(chat.Principal) []chat.Principal { return nil },
		Changed: func(context.Context) { changes++ },
		Status:  func(context.Context) adminapi.Status { return adminapi.Status{Pod: "pod-0"} },
		Log:     slog.New(slog.DiscardHandler),
	})
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if name != "" {
		cert := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), changes
}

const (
	categoryPath = "/v1/categories/chat%2Ftrading"
	roomPath     = "/v1/rooms/chat%2Fdesk"
)

func TestCategoryComesAndGoes(t *testing.T) {
	s := &fakeStore{}
	status, body, changes := call(s, adminapi.OperatorName, "PUT "+categoryPath, `{"name":"Trading","allowedMembers":["GROUP:Staff"],"fileUpload":true}`)
	if status != 200 || changes != 1 || s.key != "chat/trading" {
		t.Fatalf("%d %s, %d changes, key %q", status, body, changes, s.key)
	}
	want := chat.Category{Name: "Trading", Allowed: []chat.Principal{"group:staff"}, Denied: []chat.Principal{}, Creators: []chat.Principal{}, ChatHistory: true, FileUpload: true}
	if diff := cmp.Diff(want, s.category); diff != "" {
		t.Errorf("category (-want +got):\n%s", diff)
	}
	var st adminapi.CategoryState
	_, body, _ = call(s, adminapi.OperatorName, "GET "+categoryPath, "")
	if err := json.Unmarshal([]byte(body), &st); err != nil {
		t.Fatal(err)
	}
	if st.URI != "ma-cat://x.test/"+string(categoryID) || st.Rooms != 2 || st.Version != 3 || !*st.ChatHistory || st.Name != "Trading" {
		t.Errorf("state %+v", st)
	}
	if status, _, changes := call(s, adminapi.OperatorName, "DELETE "+categoryPath+"?retain=true", ""); status != 204 || changes != 1 || !s.retain {
		t.Errorf("delete: %d, %d changes, retain %t", status, changes, s.retain)
	}
}

func TestRoomComesAndGoes(t *testing.T) {
	s := &fakeStore{}
	status, body, changes := call(s, adminapi.OperatorName, "PUT "+roomPath, `{"category":"chat/trading","name":"Desk","members":["sip:Bob@x.test"]}`)
	if status != 200 || changes != 1 {
		t.Fatalf("%d %s, %d changes", status, body, changes)
	}
	want := chat.Room{
		Name: "Desk", Privacy: chat.Closed, Type: chat.Normal, Invitations: chat.Inherit,
		Members: []chat.Principal{"sip:bob@x.test"}, Managers: []chat.Principal{}, Presenters: []chat.Principal{},
	}
	if diff := cmp.Diff(want, s.room); diff != "" {
		t.Errorf("room (-want +got):\n%s", diff)
	}
	var st adminapi.RoomStatus
	if err := json.Unmarshal([]byte(body), &st); err != nil {
		t.Fatal(err)
	}
	wantStatus := adminapi.RoomStatus{
		ID: roomID, URI: "ma-chan://x.test/" + string(roomID), Participants: 7, LastPosition: chat.At(1, 42), Version: 5,
		OutOfScope: []chat.Principal{"sip:mallory@x.test"},
	}
	if diff := cmp.Diff(wantStatus, st); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	var state adminapi.RoomState
	_, body, _ = call(s, adminapi.OperatorName, "GET "+roomPath, "")
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatal(err)
	}
	if state.Category != "chat/trading" || state.Name != "Desk" || state.ID != roomID {
		t.Errorf("state %+v", state)
	}
	if status, _, _ := call(s, adminapi.OperatorName, "DELETE "+roomPath+"?retain=false", ""); status != 204 || s.retain {
		t.Errorf("delete: %d, retain %t", status, s.retain)
	}
}

func TestTheHashOfADeclarationIsKeptForWhoCompares(t *testing.T) {
	deleted := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for path, body := range map[string]string{
		categoryPath: `{"name":"Trading","declared":"abc"}`,
		roomPath:     `{"category":"chat/trading","name":"Desk","declared":"abc"}`,
	} {
		var state struct {
			ID        chat.ID
			Declared  string
			Withdrawn *time.Time
		}
		s := &fakeStore{}
		if status, answer, _ := call(s, adminapi.OperatorName, "PUT "+path, body); status != 200 || s.hash != "abc" {
			t.Errorf("put %s: %d %s, hash %q", path, status, answer, s.hash)
		}
		_, answer, _ := call(s, adminapi.OperatorName, "GET "+path, "")
		if err := json.Unmarshal([]byte(answer), &state); err != nil || state.Declared != "abc" || state.Withdrawn != nil {
			t.Errorf("get %s: %s (%v)", path, answer, err)
		}
		state.ID = ""
		_, answer, _ = call(&fakeStore{gone: deleted}, adminapi.OperatorName, "GET "+path, "")
		if err := json.Unmarshal([]byte(answer), &state); err != nil || state.Withdrawn == nil || !state.Withdrawn.Equal(deleted) || state.ID != "" {
			t.Errorf("get %s, whose object was deleted: %s (%v)", path, answer, err)
		}
	}
}

func TestCallsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		caller, request, body string
		status                int
		field                 string
	}{
		"nobody":                   {"", "GET /v1/status", "", 403, ""},
		"somebody else":            {"intruder", "GET /v1/status", "", 403, ""},
		"a call that is not there": {adminapi.OperatorName, "POST /v1/rooms", "", 404, ""},
		"a key without a name":     {adminapi.OperatorName, "GET /v1/rooms/chat", "", 422, "key"},
		"a key of three parts":     {adminapi.OperatorName, "GET /v1/rooms/a%2Fb%2Fc", "", 422, "key"},
		"a removal that does not say whether to retain": {adminapi.OperatorName, "DELETE /v1/rooms/a%2Fb", "", 422, "retain"},
		"no JSON":                        {adminapi.OperatorName, "PUT " + roomPath, `{`, 422, ""},
		"an unknown field":               {adminapi.OperatorName, "PUT " + roomPath, `{"colour":"red"}`, 422, ""},
		"a body that is too large":       {adminapi.OperatorName, "PUT " + roomPath, `{"name":"` + strings.Repeat("x", adminapi.MaxBody) + `"}`, 413, ""},
		"a room without a category":      {adminapi.OperatorName, "PUT " + roomPath, `{"name":"x"}`, 422, "category"},
		"a room without a name":          {adminapi.OperatorName, "PUT " + roomPath, `{"category":"a/b"}`, 422, "name"},
		"a privacy that is none":         {adminapi.OperatorName, "PUT " + roomPath, `{"category":"a/b","name":"x","privacy":"open"}`, 422, "privacy"},
		"presenters in a normal room":    {adminapi.OperatorName, "PUT " + roomPath, `{"category":"a/b","name":"x","presenters":["sip:a@x.test"]}`, 422, "presenters"},
		"a hash that is too long":        {adminapi.OperatorName, "PUT " + categoryPath, `{"name":"x","declared":"` + strings.Repeat("a", 129) + `"}`, 422, "declared"},
		"a manager that is nobody":       {adminapi.OperatorName, "PUT " + roomPath, `{"category":"a/b","name":"x","managers":["bob"]}`, 422, "managers"},
		"a category without a name":      {adminapi.OperatorName, "PUT " + categoryPath, `{}`, 422, "name"},
		"denied members that are nobody": {adminapi.OperatorName, "PUT " + categoryPath, `{"name":"x","deniedMembers":["bob"]}`, 422, "deniedMembers"},
	} {
		status, body, changes := call(&fakeStore{}, c.caller, c.request, c.body)
		var p adminapi.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Errorf("%s: %s: %v", name, body, err)
		}
		if status != c.status || p.Field != c.field || p.Text == "" || changes != 0 {
			t.Errorf("%s: %d %+v, want %d, field %q", name, status, p, c.status, c.field)
		}
	}
}

func TestErrorsOfTheStoreComeThrough(t *testing.T) {
	for kind, want := range map[chat.Kind]int{
		chat.NotFound: http.StatusNotFound, chat.Conflict: http.StatusConflict, chat.Unavailable: http.StatusServiceUnavailable,
	} {
		s := &fakeStore{err: &chat.Error{Kind: kind, Field: "name", Text: "because"}}
		status, body, changes := call(s, adminapi.OperatorName, "PUT "+categoryPath, `{"name":"x"}`)
		if status != want || !strings.Contains(body, `"field":"name","text":"because"`) || changes != 0 {
			t.Errorf("%s: %d %s", kind, status, body)
		}
	}
	if status, body, _ := call(&fakeStore{panics: true}, adminapi.OperatorName, "GET "+categoryPath, ""); status != 503 || strings.Contains(body, "bug") {
		t.Errorf("panic: %d %s", status, body)
	}
}
