package adminapi_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"github.com/google/go-cmp/cmp"
)

// serve starts an HTTPS server and gives a client to it.
func serve(t *testing.T, h http.HandlerFunc) *adminapi.Client {
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := adminapi.NewClient(s.URL+"/", &tls.Config{RootCAs: roots})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestCallsOnTheWire(t *testing.T) {
	const key = "team a/room-1"
	for name, c := range map[string]struct {
		call func(context.Context, *adminapi.Client) error
		want string // method, path and query, body
	}{
		"PutCategory": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.PutCategory(ctx, key, adminapi.Category{Name: "Trading"})
			return err
		}, `PUT /v1/categories/team%20a%2Froom-1 {"name":"Trading"}`},
		"Category": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Category(ctx, key)
			return err
		}, `GET /v1/categories/team%20a%2Froom-1 `},
		"DeleteCategory": {func(ctx context.Context, c *adminapi.Client) error {
			return c.DeleteCategory(ctx, key, true)
		}, `DELETE /v1/categories/team%20a%2Froom-1?retain=true `},
		"PutRoom": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.PutRoom(ctx, key, adminapi.Room{Category: "chat/trading", Name: "Desk"})
			return err
		}, `PUT /v1/rooms/team%20a%2Froom-1 {"category":"chat/trading","name":"Desk"}`},
		"Room": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Room(ctx, key)
			return err
		}, `GET /v1/rooms/team%20a%2Froom-1 `},
		"DeleteRoom": {func(ctx context.Context, c *adminapi.Client) error {
			return c.DeleteRoom(ctx, key, false)
		}, `DELETE /v1/rooms/team%20a%2Froom-1?retain=false `},
		"Activation": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Activation(ctx)
			return err
		}, `GET /v1/activation `},
		"Activate": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Activate(ctx, adminapi.Opening{Epoch: 2, Site: "backup", Ticket: "t"})
			return err
		}, `POST /v1/activation {"epoch":2,"ticket":"t","site":"backup"}`},
		"RecordEpoch": {func(ctx context.Context, c *adminapi.Client) error {
			return c.RecordEpoch(ctx, adminapi.Recording{Epoch: 2, Site: "backup", Timeline: 1})
		}, `POST /v1/epoch {"epoch":2,"site":"backup","timeline":1}`},
		"Deactivate": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Deactivate(ctx)
			return err
		}, `DELETE /v1/activation `},
		"Quiesce": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Quiesce(ctx, 2)
			return err
		}, `POST /v1/quiesce {"epoch":2}`},
		"Salvage": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Salvage(ctx, adminapi.Salvaging{Tail: adminapi.Tail{Epoch: 1, Timeline: 2, LSN: 0x3000060}, Site: "home", Host: "h", Port: 5432})
			return err
		}, `POST /v1/salvage {"epoch":1,"timeline":2,"lsn":"0/3000060","site":"home","host":"h","port":5432}`},
		"Salvages": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Salvages(ctx)
			return err
		}, `GET /v1/salvage `},
		"Database": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Database(ctx)
			return err
		}, `GET /v1/database `},
		"Status": {func(ctx context.Context, c *adminapi.Client) error {
			_, err := c.Status(ctx)
			return err
		}, `GET /v1/status `},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = r.Method + " " + r.RequestURI + " " + string(b)
				if r.Method == http.MethodDelete {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				io.WriteString(w, `{}`)
			})
			if err := c.call(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestErrorsComeThroughAsTheyWere(t *testing.T) {
	for _, kind := range []chat.Kind{chat.Invalid, chat.Denied, chat.NotFound, chat.Conflict, chat.TooLarge, chat.Unavailable} {
		sent := &chat.Error{Kind: kind, Field: "name", Text: `"Desk" is declared by chat/other`}
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			p, status := adminapi.ProblemOf(sent)
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(p)
		})
		_, err := client.Room(t.Context(), "chat/desk")
		var got *chat.Error
		if !errors.As(err, &got) {
			t.Fatalf("%s: %v", kind, err)
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("%s (-sent +got):\n%s", kind, diff)
		}
	}
}

func TestWhatIsNoAnswerIsUnavailable(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"an error that is no problem": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"a success that is no JSON":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") },
		"nothing in time":             func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if _, err := serve(t, h).Status(ctx); !chat.Is(err, chat.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	if _, err := adminapi.NewClient("https://127.0.0.1:1", nil).Status(t.Context()); !chat.Is(err, chat.Unavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestRoomWithAllItsMembersOutOfScopeCanBeRead(t *testing.T) {
	want := adminapi.RoomState{Room: adminapi.Room{Name: "Desk"}}
	for i := range 20000 { // such a list fits a request
		want.Members = append(want.Members, chat.Principal(fmt.Sprintf("sip:somebody-%05d@branch.example.com", i)))
	}
	want.OutOfScope = want.Members
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(want) })
	got, err := client.Room(t.Context(), "chat/desk")
	if err != nil || len(got.OutOfScope) != len(want.OutOfScope) {
		t.Errorf("%d principals, %v", len(got.OutOfScope), err)
	}
}
