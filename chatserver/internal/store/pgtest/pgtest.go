// Package pgtest starts PostgreSQL 15 servers for tests, from Debian's package postgresql-15. As root it runs them as
// user postgres, because PostgreSQL refuses to run as root. A watchdog stops and removes them when the test
// process ends, however that ends. Tests fail, and are not skipped, where PostgreSQL is missing.
package pgtest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/internal/store/pg"
)

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Database makes a database with the newest schema on a server that all tests of the process share, and returns its
// connection string. It is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = start(Options{}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server.Database(t)
}

// Start gives a test a server of its own, until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

const template = "chat_template"

var databases atomic.Int64

// Database makes a database with the newest schema and returns its connection string. On the shared server it is
// dropped when the test ends, unless the test failed.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.migrate.Do(func() { s.migrated = s.makeTemplate() })
	if s.migrated != nil {
		t.Fatal(s.migrated)
	}
	name := fmt.Sprintf("chat_%d", databases.Add(1))
	if err := s.Exec("CREATE DATABASE " + name + " TEMPLATE " + template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s != shared.server || t.Failed() {
			return
		}
		if err := s.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Log(err)
		}
	})
	return s.ConnString(name)
}

func (s *Server) makeTemplate() error {
	if err := s.Exec("CREATE DATABASE " + template); err != nil {
		return err
	}
	config := func() (*pgx.ConnConfig, error) { return pgx.ParseConfig(s.ConnString(template)) }
	return pg.Migrate(context.Background(), config, nil, slog.New(slog.DiscardHandler))
}

// Exec runs a statement as superuser, outside of any test's database.
func (s *Server) Exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, s.ConnString("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	if _, err = c.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
