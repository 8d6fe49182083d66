package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/sipedge"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// outbox keeps what is sent.
type outbox chan string

func (o outbox) Send(body []byte) error { o <- string(body); return nil }

func (o outbox) Close(sipedge.Reason) {}

// The same document, sent again on another pod by the same endpoint, is one message; the same words in another
// document are another message.
func TestResendOfAnAcknowledgedPostIsOneMessage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("uri", pgtest.Database(t))
	config, err := json.Marshal(adminapi.PoolConfig{
		Pool: "demo", Namespace: "chat", Domain: "x.test", Site: "home",
		Listen:    adminapi.Listen{SIPS: adminapi.Off, SIP: adminapi.Off, Admin: adminapi.Off, HTTP: adminapi.Off},
		Files:     adminapi.Files{Database: dir, DatabaseCA: dir, Users: dir},
		Database:  adminapi.Database{MaxConns: 8},
		Directory: adminapi.Directory{Type: adminapi.Static, Users: []adminapi.DirectoryUser{{Name: "alice"}}},
		Policy:    chat.Policy{Enabled: true}, Limits: chat.DefaultLimits(),
	})
	if err != nil {
		t.Fatal(err)
	}
	write("config.json", string(config))
	var pods []*Server
	for _, name := range []string{"a", "b"} {
		pods = append(pods, runPod(t, filepath.Join(dir, "config.json"), name))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	id := makeRoom(t, ctx, pods[0])

	document := func(envelope int) string {
		return fmt.Sprintf(`<xccos ver="1" envid="%d" xmlns="urn:parlano:xml:ns:xccos"><grpchat id="grpchat" seqid="1" `+
			`chanUri="ma-chan://x.test/%s" ts="2026-11-20T10:30:51Z"><chat>once</chat></grpchat></xccos>`, envelope, id)
	}
	for _, pod := range pods {
		if err := pod.hub.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		out := make(outbox, 100)
		d, err := pod.sessions.Open(chat.Subject{User: "sip:alice@x.test"}, "e1", "sip:demo@x.test", out)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Closed()
		ask(t, d, fmt.Sprintf(`<xccos ver="1" envid="1" xmlns="urn:parlano:xml:ns:xccos"><cmd id="cmd:join" seqid="1"><data>`+
			`<chanid key="0" domain="x.test" value="%s"/></data></cmd></xccos>`, id))
		if reply := <-out; !strings.Contains(reply, "SUCCESS_OK") {
			t.Fatal(reply)
		}
		ask(t, d, document(7))
		ask(t, d, document(7))
	}
	messages, err := pods[0].store.Last(ctx, id, 0, 10)
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages are stored, want 1: %v", len(messages), err)
	}
}

func runPod(t *testing.T, path, name string) *Server {
	t.Helper()
	s, err := New(Options{ConfigPath: path, Pod: name, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// makeRoom makes an open room, as soon as the store can.
func makeRoom(t *testing.T, ctx context.Context, s *Server) chat.ID {
	t.Helper()
	for {
		_, err := s.store.PutCategory(ctx, "a/c", chat.Category{Name: "C", Allowed: []chat.Principal{"domain:x.test"}, ChatHistory: true}, "", nil)
		if err == nil {
			break
		}
		if !chat.Is(err, chat.Unavailable) || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	rec, err := s.store.PutRoom(ctx, "a/r", "a/c", chat.Room{Name: "R", Privacy: chat.Open, Type: chat.Normal, Invitations: chat.Inherit}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Room.ID
}

// ask sends a document and wants 200.
func ask(t *testing.T, d sipedge.Dialog, document string) {
	t.Helper()
	answer := make(chan sipedge.Answer, 1)
	d.Receive([]byte(document), func(a sipedge.Answer) { answer <- a })
	if a := <-answer; a.Status != 0 && a.Status != 200 {
		t.Fatalf("answered %+v: %s", a, document)
	}
}
