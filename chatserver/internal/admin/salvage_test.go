package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/admin"
)

// fakeSalvages answers with what it was asked for.
type fakeSalvages struct {
	admin.Activations
	asked adminapi.Salvaging
	err   error
}

func (s *fakeSalvages) Salvage(_ context.Context, in adminapi.Salvaging) (adminapi.Salvage, error) {
	s.asked = in
	return adminapi.Salvage{Tail: in.Tail, Site: in.Site, State: adminapi.SalvageRunning}, s.err
}

func (s *fakeSalvages) Salvages(context.Context) (adminapi.Salvages, error) {
	return adminapi.Salvages{Salvages: []adminapi.Salvage{{Site: "home"}}}, s.err
}

func askSalvages(s *fakeSalvages, request, body string) (int, string) {
	o := admin.Options{Log: slog.New(slog.DiscardHandler)}
	if s != nil {
		o.Activations, o.Salvages = s, s
	}
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: adminapi.OperatorName}}
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, VerifiedChains: [][]*x509.Certificate{{cert}}}
	w := httptest.NewRecorder()
	admin.Handler(o).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const wholeSalvaging = `{"epoch":1,"timeline":2,"lsn":"0/3000060","site":"home","host":"10.0.0.1","port":5432}`

func TestASalvageIsAskedForAndListed(t *testing.T) {
	s := &fakeSalvages{}
	status, body := askSalvages(s, "POST /v1/salvage", wholeSalvaging)
	want := adminapi.Salvaging{Tail: adminapi.Tail{Epoch: 1, Timeline: 2, LSN: 0x3000060}, Site: "home", Host: "10.0.0.1", Port: 5432}
	var got adminapi.Salvage
	if err := json.Unmarshal([]byte(body), &got); status != 200 || err != nil || got.Tail != want.Tail || got.State != "Running" || s.asked != want {
		t.Errorf("%d %s, asked for %+v", status, body, s.asked)
	}
	if status, body := askSalvages(s, "GET /v1/salvage", ""); status != 200 || !strings.Contains(body, `"site":"home"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := askSalvages(nil, "GET /v1/salvage", ""); status != 200 || body != `{"salvages":[]}` {
		t.Errorf("one site: %d %s", status, body)
	}
	if status, _ := askSalvages(nil, "POST /v1/salvage", wholeSalvaging); status != 409 {
		t.Errorf("one site: %d", status)
	}
	s.err = &chat.Error{Kind: chat.Unavailable, Field: "tail", Text: "because"}
	for _, request := range []string{"POST /v1/salvage", "GET /v1/salvage"} {
		if status, body := askSalvages(s, request, wholeSalvaging); status != 503 || !strings.Contains(body, `"field":"tail","text":"because"`) {
			t.Errorf("%s: %d %s", request, status, body)
		}
	}
}

func TestASalvageThatIsNotWholeIsRefused(t *testing.T) {
	for field, change := range map[string][2]string{
		"epoch":    {`"epoch":1`, `"epoch":0`},
		"timeline": {`"timeline":2`, `"timeline":0`},
		"lsn":      {`0/3000060`, `0/0`},
		"site":     {`"home"`, `""`},
		"host":     {`"10.0.0.1"`, `""`},
		"port":     {`5432`, `65536`},
		"":         {`"port"`, `"password":"x","port"`},
	} {
		s := &fakeSalvages{}
		status, body := askSalvages(s, "POST /v1/salvage", strings.Replace(wholeSalvaging, change[0], change[1], 1))
		var p adminapi.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != 422 || p.Field != field || s.asked.Epoch != 0 {
			t.Errorf("%s: %d %s", field, status, body)
		}
	}
}
