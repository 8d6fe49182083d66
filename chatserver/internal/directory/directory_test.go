package directory_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"context"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/directory"
	"github.com/google/go-cmp/cmp"
)

var people = adminapi.Directory{Type: adminapi.Static, Users: []adminapi.DirectoryUser{
	{Name: "alice", DisplayName: "Alice A.", Groups: []string{"Traders", "staff"}},
	{Name: "bob", DisplayName: "bob", Disabled: true},
	{Name: "root", DisplayName: "root", Admin: true},
}}

func newDirectory(t *testing.T) (*directory.Directory, func(user, password string)) {
	t.Helper()
	dir := t.TempDir()
	set := func(user, password string) {
		if err := os.WriteFile(filepath.Join(dir, user), []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("alice", "wonder land\n")
	d := directory.New("example.test", dir, slog.New(slog.DiscardHandler))
	d.Update(people)
	return d, set
}

func TestWhatANameStandsFor(t *testing.T) {
	d, _ := newDirectory(t)
	for login, want := range map[string]chat.Principal{
		"alice": "sip:alice@example.test", "ALICE": "sip:alice@example.test", "alice@example.test": "sip:alice@example.test",
		"sip:Alice@Example.Test": "sip:alice@example.test", "bob": "sip:bob@example.test",
		"alice@example.org": "", "mallory": "", "": "", "alice@": "", "@example.test": "",
	} {
		s, err := d.Find(login)
		if s.User != want || (want == "") != chat.Is(err, chat.NotFound) {
			t.Errorf("%q: %q, %v; want %q", login, s.User, err, want)
		}
	}
}

func TestSubjects(t *testing.T) {
	d, _ := newDirectory(t)
	for user, want := range map[chat.Principal]chat.Subject{
		"sip:alice@example.test": {User: "sip:alice@example.test", DisplayName: "Alice A.", Groups: []chat.Principal{"group:traders", "group:staff"}},
		"sip:bob@example.test":   {User: "sip:bob@example.test", DisplayName: "bob", Disabled: true},
		"sip:root@example.test":  {User: "sip:root@example.test", DisplayName: "root", Admin: true},
		"sip:gone@example.test":  {User: "sip:gone@example.test", DisplayName: "gone", Disabled: true},
		"sip:alice@example.org":  {User: "sip:alice@example.org", DisplayName: "alice", Disabled: true},
	} {
		if diff := cmp.Diff(want, d.Subject(user)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", user, diff)
		}
	}
	if diff := cmp.Diff([]chat.Principal{"group:traders", "group:staff"}, d.Groups("sip:alice@example.test")); diff != "" {
		t.Error(diff)
	}
	d.Update(adminapi.Directory{Type: adminapi.Static})
	if !d.Subject("sip:alice@example.test").Disabled {
		t.Error("who is not listed any more still counts")
	}
}

func TestHA1(t *testing.T) {
	d, _ := newDirectory(t)
	for name, c := range map[string]struct {
		login, algorithm, want string
		kind                   chat.Kind
	}{
		// printf 'alice:realm:wonder land' | md5sum
		"MD5":                       {"alice", "MD5", "48631b91906076db6644f1011a9b213b", ""},
		"SHA-256":                   {"alice", "SHA-256", "84008dec50e633bcbebbb690c14484189c6aa0738acb1f5e0c1328becad4f452", ""},
		"the login as it was sent":  {"Alice@example.test", "MD5", "7361238afa7ebb41b9f092eaa07b007d", ""},
		"a user without a password": {"root", "MD5", "", chat.NotFound},
		"an unknown user":           {"mallory", "MD5", "", chat.NotFound},
		"an unknown algorithm":      {"alice", "SHA-1", "", chat.Invalid},
	} {
		got, err := d.HA1(c.login, c.algorithm, "realm")
		if got != c.want || c.kind != "" && !chat.Is(err, c.kind) || c.kind == "" && err != nil {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.want, c.kind)
		}
	}
}

func TestPasswordsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, set := newDirectory(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.Run(ctx)
		before, err := d.HA1("alice", "MD5", "realm")
		if err != nil {
			t.Fatal(err)
		}
		set("alice", "other")
		set("root", "first")
		time.Sleep(6 * time.Second) // of the fake clock
		after, err := d.HA1("alice", "MD5", "realm")
		if err != nil || after == before {
			t.Errorf("the old password still counts: %v", err)
		}
		if _, err := d.HA1("root", "MD5", "realm"); err != nil {
			t.Errorf("a new password does not count: %v", err)
		}
	})
}
