package pg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"chatpool.dev/chatserver/chat"
)

// Store is a pool's database as one pod sees it. All methods are safe for concurrent use.
type Store struct {
	config   func() (*pgx.ConnConfig, error)
	pod      string
	log      *slog.Logger
	instance string // the pod in this life of its process
	workers  int
	pool     *pgxpool.Pool
	metrics  *metrics

	queue   *queue
	witness *witness
	hints   *hints
	lease   *lease
	gate    Gate // nil: none

	onCommit func([]chat.Message)
	onHint   func(Hint)
	dropped  atomic.Int64 // when connections were last dropped, in Unix milliseconds
	resets   atomic.Int64 // how often the pool was reset
}

// Open makes a store. The database need not be there yet: connections are made when needed. Set OnCommit and OnHint,
// then call Run.
func Open(o Options) (*Store, error) {
	if o.Config == nil || o.Pod == "" {
		return nil, errors.New("open the store: Config and Pod must be set")
	}
	if o.MaxConns == 0 {
		o.MaxConns = 16
	}
	if o.MaxConns < 4 {
		return nil, fmt.Errorf("open the store: MaxConns is %d: want at least 4", o.MaxConns)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Store{
		config: o.Config, pod: o.Pod, log: o.Log, instance: o.Pod + "/" + string(newID()), workers: min(batchWorkers, o.MaxConns/2),
		queue: newQueue(), witness: newWitness(), lease: newLease(),
		onCommit: func([]chat.Message) {}, onHint: func(Hint) {},
	}
	s.hints = newHints(s.instance)
	s.metrics = newMetrics(o.Registry, s.queue.len, func() bool { return !s.witness.still(nil) })
	w := s.witness
	w.connect, w.notify, w.lost, w.pod, w.log = s.connect("witness", "on"), s.received, s.reset, o.Pod, s.log
	w.began = func() {
		s.lease.reassert()
		s.onHint(Hint{Kind: HintAll})
	}
	var err error
	s.pool, err = s.newPool(o.MaxConns)
	return s, err
}

func (s *Store) newPool(size int) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	c.MaxConns = int32(size)
	c.PingTimeout = 2 * time.Second
	c.MaxConnLifetimeJitter = 10 * time.Minute
	c.BeforeConnect = func(_ context.Context, to *pgx.ConnConfig) error {
		from, err := s.settings("", "on")
		if err == nil {
			*to = *from
			s.refuseStale(to)
		}
		return err
	}
	return pgxpool.NewWithConfig(context.Background(), c)
}

// reset has every connection of the pool made anew, those that are being made included.
func (s *Store) reset() {
	s.resets.Add(1)
	s.pool.Reset()
}

// refuseStale ends a connection that was begun before a reset and is there after it: it may lead to the server from
// before. The pool would take it, as it was not there to be closed.
func (s *Store) refuseStale(c *pgx.ConnConfig) {
	begun, validate := s.resets.Load(), c.ValidateConnect
	c.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if s.resets.Load() != begun {
			return errors.New("the database may be another server since this connection was begun")
		}
		if validate == nil {
			return nil
		}
		return validate(ctx, conn)
	}
}

// settings are those of a new connection; role tells people what it is for.
func (s *Store) settings(role, synchronousCommit string) (*pgx.ConnConfig, error) {
	c, err := s.config()
	if err != nil {
		return nil, err
	}
	secureDial(c, s.gate != nil)
	c.OnNotice = onNotice
	c.RuntimeParams["application_name"] = strings.TrimSuffix(s.pod+"/"+role, "/")
	c.RuntimeParams["synchronous_commit"] = synchronousCommit
	c.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockTimeout.Milliseconds(), 10)
	c.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(idleInTransaction.Milliseconds(), 10)
	c.RuntimeParams["statement_timeout"] = "0" // it would cancel a COMMIT that waits for the mirror
	return c, nil
}

func (s *Store) connect(role, synchronousCommit string) func(context.Context) (*pgx.Conn, error) {
	return func(ctx context.Context) (*pgx.Conn, error) {
		c, err := s.settings(role, synchronousCommit)
		if err != nil {
			return nil, err
		}
		return pgx.ConnectConfig(ctx, c)
	}
}

// dropConnections closes the pool's connections, once a second at most: their server is gone.
func (s *Store) dropConnections() {
	last, now := s.dropped.Load(), time.Now().UnixMilli()
	if now-last >= 1000 && s.dropped.CompareAndSwap(last, now) {
		s.reset()
	}
}

// Run posts, listens for hints and keeps the lease, until ctx ends. It then refuses waiting posts, lets transactions that
// are under way go on for a second, gives up the lease, closes every connection and returns nil. A store runs once.
func (s *Store) Run(ctx context.Context) error {
	var posting, rest sync.WaitGroup
	for range s.workers {
		posting.Go(s.work)
	}
	rest.Go(func() { s.witness.run(ctx) })
	rest.Go(func() { s.hints.run(ctx, s.connect("hints", "off"), s.witness.follows, s.log) })
	rest.Go(func() { s.keepLease(ctx) })
	<-ctx.Done()
	for _, p := range s.queue.close() {
		s.answer(p, PostResult{Err: chat.Errorf(chat.Unavailable, "this server stops: try again")})
	}
	posted := make(chan struct{})
	go func() { posting.Wait(); close(posted) }()
	select {
	case <-posted:
	case <-time.After(time.Second):
		s.log.Warn("commits are still under way; their posts are in doubt")
	}
	rest.Wait()
	s.giveUp()
	go s.pool.Close() // waits for the connections of commits that still hang
	return nil
}

// OnCommit sets who is told of each committed message of this pod, in order of positions within each room, also when
// its author was told 503 because it took too long. It is called from several goroutines for different rooms and must
// not block. Duplicates are not told again. What was stored by a commit in doubt is never told: it is found by reading,
// so a position that is not the next one means that others are to be read before. Call it before Run.
func (s *Store) OnCommit(f func([]chat.Message)) { s.onCommit = f }

// OnHint sets who is told of hints from other pods. It must not block. Call it before Run.
func (s *Store) OnHint(f func(Hint)) { s.onHint = f }

// SchemaVersion is the number of the newest migration in the database; 0 if there is none.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	var v int64
	var there bool
	err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, versions).Scan(&there)
		if err != nil || !there {
			return err
		}
		return conn.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versions+` WHERE is_applied`).Scan(&v)
	})
	if err != nil {
		return 0, unavailable("read the schema's version", err)
	}
	return v, nil
}

// SchemaReady is nil when the database has all migrations of this build (newer ones do not matter).
func (s *Store) SchemaReady(ctx context.Context) error {
	v, err := s.SchemaVersion(ctx)
	if err == nil && v < newest() {
		err = chat.Errorf(chat.Unavailable, "the database has schema %d, this server needs %d: run the migration", v, newest())
	}
	return err
}
