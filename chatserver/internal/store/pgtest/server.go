package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// binaries is where Debian has them.
const binaries = "/usr/lib/postgresql/15/bin"

// patience bounds every step; machines that run many tests at once are slow.
const patience = 90 * time.Second

// Options of a server.
type Options struct {
	// Mirror adds a streaming standby that every commit must be flushed on.
	Mirror bool
	// Durable makes it write to the disk, as in production; benchmarks want that, tests do not.
	Durable bool
}

// Server is a PostgreSQL server, maybe with a mirror. It is reached through Unix sockets alone.
type Server struct {
	dir      string // holds everything
	who      *syscall.SysProcAttr
	life     io.Closer // closing it lets the watchdog stop and remove all
	watchdog *exec.Cmd

	migrate  sync.Once
	migrated error
}

const settings = `
listen_addresses = ''
fsync = off
max_connections = 100
shared_buffers = 32MB
jit = off
wal_level = replica
max_wal_senders = 5
wal_retrieve_retry_interval = 100ms
wal_receiver_status_interval = 1s
log_min_messages = warning
deadlock_timeout = 200ms
`

func start(o Options) (*Server, error) {
	if _, err := os.Stat(filepath.Join(binaries, "postgres")); err != nil {
		return nil, fmt.Errorf("PostgreSQL 15 is not installed: apt-get install postgresql-15 (%w)", err)
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	if err := s.handOver(); err != nil {
		return nil, err
	}
	if err := s.watch(); err != nil {
		return nil, err
	}
	if err := s.build(o); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// handOver gives the directory to the user who runs the server.
func (s *Server) handOver() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("who runs PostgreSQL: %w: apt-get install postgresql-15", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	s.who = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(s.dir, uid, gid)
}

// watch starts the watchdog: it waits until the other end of its standard input is closed, by us or by our end.
func (s *Server) watch() error {
	const script = `
		trap '' INT TERM HUP
		read -r _
		for d in primary mirror; do
			[ -f $d/postmaster.pid ] && ` + binaries + `/pg_ctl -D $d -m immediate -t 30 stop
		done
		cd / && rm -rf "$OLDPWD"`
	s.watchdog = s.command("/bin/sh", "-c", script)
	s.watchdog.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if s.who != nil {
		s.watchdog.SysProcAttr.Credential = s.who.Credential
	}
	life, err := s.watchdog.StdinPipe()
	if err != nil {
		return err
	}
	s.life = life
	return s.watchdog.Start()
}

func (s *Server) build(o Options) error {
	if err := s.run("initdb", "-D", "primary", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"); err != nil {
		return err
	}
	text := settings
	if o.Durable {
		text += "fsync = on\n"
	}
	if err := s.configure("primary", text); err != nil {
		return err
	}
	if err := s.startNode("primary"); err != nil {
		return err
	}
	if o.Mirror {
		return s.addMirror()
	}
	return nil
}

// socket is the directory of a node's socket.
func (s *Server) socket(node string) string { return filepath.Join(s.dir, node+".s") }

// configure appends to a node's settings.
func (s *Server) configure(node, text string) error {
	if err := s.command("mkdir", "-p", s.socket(node)).Run(); err != nil { // as the user who runs it
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, node, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s\nunix_socket_directories = '%s'\n", text, s.socket(node))
	return err
}

func (s *Server) startNode(node string) error {
	err := s.run("pg_ctl", "-D", node, "-w", "-t", "60", "-l", node+".log", "start")
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(s.dir, node+".log"))
		return fmt.Errorf("%w: %s", err, said)
	}
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGDATA=", "TZ=UTC")
	cmd.SysProcAttr = s.who
	return cmd
}

// run runs one of PostgreSQL's programs to its end.
func (s *Server) run(program string, args ...string) error {
	out, err := os.CreateTemp(s.dir, program)
	if err != nil {
		return err
	}
	defer out.Close() // a file and not a pipe: a server that is started here keeps it open
	cmd := s.command(filepath.Join(binaries, program), args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, said)
	}
	return nil
}

// ConnString is how to reach a database of the primary.
func (s *Server) ConnString(database string) string { return s.connString("primary", database) }

func (s *Server) connString(node, database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s sslmode=disable", s.socket(node), database)
}

// Restart stops the primary as a crash would and starts it again, which takes no longer than its recovery.
func (s *Server) Restart() error {
	return s.run("pg_ctl", "-D", "primary", "-w", "-t", "60", "-m", "immediate", "-l", "primary.log", "restart")
}

// Stop stops the primary as a crash would.
func (s *Server) Stop() error {
	return s.run("pg_ctl", "-D", "primary", "-w", "-t", "60", "-m", "immediate", "stop")
}

// Start starts the stopped primary.
func (s *Server) Start() error { return s.startNode("primary") }

// close stops and removes everything.
func (s *Server) close() {
	s.life.Close()
	_ = s.watchdog.Wait()
}

// pids finds processes of a node by what PostgreSQL writes into their titles.
func (s *Server) pids(node, title string) ([]int, error) {
	postmaster, err := s.postmaster(node)
	if err != nil {
		return nil, err
	}
	var pids []int
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(postmaster) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && strings.Contains(string(line), title) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func (s *Server) postmaster(node string) (int, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, node, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strconv.Atoi(first)
}

// until polls a condition.
func until(what string, f func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		ok, err := f(ctx)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, patience, errors.Join(err, ctx.Err()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
