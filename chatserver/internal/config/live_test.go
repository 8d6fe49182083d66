package config_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/config"
)

const good = `{"pool":"demo","namespace":"chat","domain":"example.test","site":"home","directory":{"users":[{"name":"alice"}]}}`

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func TestConfigurationFollowsItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "config.json")
		write := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second) // of the fake clock
			synctest.Wait()
		}
		write(good)
		var log journal
		live, err := config.Load(path, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		live.OnChange(func(c *adminapi.PoolConfig) {
			changes++
			if c != live.Current() {
				t.Error("told of another configuration than the one in force")
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go live.Run(ctx)

		write(good)
		if changes != 0 {
			t.Error("the same content is a change")
		}
		write(strings.Replace(good, `"alice"`, `"bob"`, 1))
		if changes != 1 || live.Current().Directory.Users[0].Name != "bob" {
			t.Errorf("%d changes, %+v", changes, live.Current().Directory)
		}
		write(strings.Replace(good, `"alice"`, `"Alice"`, 1))
		if changes != 1 || live.Current().Directory.Users[0].Name != "bob" {
			t.Errorf("a wrong file took effect: %+v", live.Current().Directory)
		}
		if said := strings.Count(log.String(), "refused"); said != 1 || !strings.Contains(log.String(), "directory.users[0].name") {
			t.Errorf("a wrong file was reported %d times: %s", said, log.String())
		}
		write(strings.Replace(good, `example.test`, `example.org`, 1))
		if live.Current().Domain != "example.test" || live.Current().Directory.Users[0].Name != "alice" {
			t.Errorf("what needs a restart changed, or the rest did not: %+v", live.Current())
		}
		if !strings.Contains(log.String(), "next start") {
			t.Error("what needs a restart was not reported")
		}
		write(strings.Replace(good, `"alice"`, `"carol","shade":1`, 1))
		if live.Current().Directory.Users[0].Name != "carol" || !strings.Contains(log.String(), "shade") {
			t.Errorf("a file of a newer version: %+v, %s", live.Current().Directory, log.String())
		}
		write(strings.Replace(good, `"site"`, `"active":[],"sites":[{"name":"home"},{"name":"away"}],"site"`, 1))
		if c := live.Current(); !c.Maintenance() || c.Other() == nil || strings.Count(log.String(), "next start") != 1 {
			t.Errorf("sites and servers in service wait for a restart: %+v", c)
		}
		write(good)
		if live.Current().Maintenance() {
			t.Error("the end of the maintenance waits for a restart")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if live.Current().Directory.Users[0].Name != "alice" {
			t.Error("without its file the configuration is lost")
		}
		if said := strings.Count(log.String(), "refused"); said != 2 {
			t.Errorf("that the file is gone was reported %d times", said-1)
		}
	})
}

func TestLoadRefusesAWrongFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if _, err := config.Load(path, slog.Default()); err == nil {
		t.Error("no file is no error")
	}
	if err := os.WriteFile(path, []byte(`{"pool":"demo"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, slog.Default()); !chat.Is(err, chat.Invalid) {
		t.Errorf("%v, want Invalid", err)
	}
}
