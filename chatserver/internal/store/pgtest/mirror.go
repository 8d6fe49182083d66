package pgtest

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

func (s *Server) addMirror() error {
	primary := s.socket("primary")
	if err := s.run("pg_basebackup", "-D", "mirror", "-h", primary, "-U", "postgres", "-X", "stream", "-c", "fast", "-N"); err != nil {
		return err
	}
	follow := fmt.Sprintf("primary_conninfo = 'host=%s user=postgres application_name=mirror'\nsynchronous_standby_names = 'FIRST 1 (mirror)'", primary)
	if err := s.configure("mirror", follow); err != nil {
		return err
	}
	if err := s.command("touch", "mirror/standby.signal").Run(); err != nil { // as the user who runs it
		return err
	}
	if err := s.startNode("mirror"); err != nil {
		return err
	}
	if err := s.Exec("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (mirror)'"); err != nil {
		return err
	}
	if err := s.Exec("SELECT pg_reload_conf()"); err != nil {
		return err
	}
	return s.AwaitMirror()
}

// AwaitMirror waits until commits wait for the mirror.
func (s *Server) AwaitMirror() error {
	return until("the mirror follows", func(ctx context.Context) (ok bool, err error) {
		c, err := pgx.Connect(ctx, s.ConnString("postgres"))
		if err != nil {
			return false, err
		}
		defer c.Close(ctx)
		err = c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')`).Scan(&ok)
		return ok, err
	})
}

// Freeze stops the mirror's receiver with SIGSTOP: commits wait. Thaw lets it go on.
func (s *Server) Freeze(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pids, err := s.pids("mirror", "walreceiver")
	if err == nil && len(pids) != 1 {
		err = fmt.Errorf("the mirror has %d receivers", len(pids))
	}
	if err == nil {
		err = syscall.Kill(pids[0], sig)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// StopMirror stops the mirror as a crash would.
func (s *Server) StopMirror() error {
	return s.run("pg_ctl", "-D", "mirror", "-w", "-t", "60", "-m", "immediate", "stop")
}

// StartMirror starts the stopped mirror.
func (s *Server) StartMirror() error { return s.startNode("mirror") }

// Promote makes the mirror a primary, one without a mirror whose commits wait for one all the same.
// PromotedConnString tells how to reach it.
func (s *Server) Promote() error {
	return s.run("pg_ctl", "-D", "mirror", "-w", "-t", "60", "promote")
}

// PromotedConnString turns a connection string for the primary into one for the promoted mirror.
func (s *Server) PromotedConnString(primary string) string {
	return strings.Replace(primary, s.socket("primary"), s.socket("mirror"), 1)
}

// KillBackend kills one of the primary's server processes with SIGKILL: all others end as well, and the server recovers
// as after a crash, while its first process lives on.
func (s *Server) KillBackend() error {
	pids, err := s.pids("primary", "checkpointer")
	if err == nil && len(pids) != 1 {
		err = fmt.Errorf("the primary has %d checkpointers", len(pids))
	}
	if err != nil {
		return err
	}
	return syscall.Kill(pids[0], syscall.SIGKILL)
}

// Demote restarts the primary as one that takes no writes and follows nobody. Reopen promotes it again.
func (s *Server) Demote() error {
	if err := s.run("pg_ctl", "-D", "primary", "-w", "-t", "60", "-m", "fast", "stop"); err != nil {
		return err
	}
	if err := s.command("touch", "primary/standby.signal").Run(); err != nil { // as the user who runs it
		return err
	}
	return s.startNode("primary")
}

// Reopen promotes the demoted primary.
func (s *Server) Reopen() error {
	return s.run("pg_ctl", "-D", "primary", "-w", "-t", "60", "promote")
}
