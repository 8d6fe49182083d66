package pg

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// Pass is the right to write in an epoch.
type Pass struct {
	Epoch int64
	// Life tells times apart between which this process stood still for so long that what it took for granted may be over.
	Life int64
}

// Gate gives this server the right to write. Its methods do not block.
type Gate interface {
	// Pass gives the right that there is now; an error of kind Unavailable if there is none.
	Pass() (Pass, error)
	// Holds is false when this process stood still since the pass was given. It may hold after the gate was shut:
	// whoever shuts it waits for the transactions under way.
	Holds(Pass) bool
}

// Obey puts the store behind a gate: posts, changes of the catalog and whatever removes content are then made in the
// gate's epoch or not at all, and a database that takes no writes can be read. Call it before Run.
func (s *Store) Obey(g Gate) { s.gate = g }

// gateLock is the advisory lock of the epoch: shared by each transaction that writes, exclusive for who changes
// the epoch. It is of the database, and of no one else in it.
const gateLock = 0x63686174_67617465 // "chatgate"

var (
	//go:embed sql/beat_heart.sql
	beatHeart string
	//go:embed sql/watch.sql
	watchSQL string
)

const (
	// sharedLock begins each transaction that writes behind a gate.
	sharedLock = `SELECT pg_advisory_xact_lock_shared($1)`
	// newestAndClosed asks which epoch may be written in; after sharedLock the answer stays true until the transaction ends.
	newestAndClosed = `SELECT (SELECT max(epoch) FROM epoch), (SELECT closed FROM gate)`
)

// entry is a transaction's right to write.
type entry struct {
	gate Gate // nil: none is asked for
	pass Pass
}

// enter asks the gate. The error is of kind Unavailable.
func (s *Store) enter() (entry, error) {
	if s.gate == nil {
		return entry{}, nil
	}
	p, err := s.gate.Pass()
	return entry{s.gate, p}, err
}

// begin gives the statements that begin a transaction.
func (e entry) begin() []statement {
	if e.gate == nil {
		return []statement{{sql: "begin"}}
	}
	return []statement{{sql: "begin"}, {sharedLock, []any{int64(gateLock)}}}
}

// check compares the right with what the database says. The error is of kind Unavailable.
func (e entry) check(newest, closed int64) error {
	switch {
	case e.gate == nil:
		return nil
	case newest != e.pass.Epoch:
		return chat.Errorf(chat.Unavailable, "this server is activated for epoch %d, the database is in epoch %d", e.pass.Epoch, newest)
	case closed >= newest:
		return chat.Errorf(chat.Unavailable, "epoch %d is quiesced", newest)
	}
	return e.holds()
}

// holds is an error of kind Unavailable when the process stood still too long.
func (e entry) holds() error {
	if e.gate != nil && !e.gate.Holds(e.pass) {
		return chat.Errorf(chat.Unavailable, "this server stood still for too long: it has to be activated anew")
	}
	return nil
}

// pass begins a transaction that writes and checks the right to it.
func (s *Store) pass(ctx context.Context, conn *pgx.Conn) error {
	e, err := s.enter()
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, st := range e.begin() {
		b.Queue(st.sql, st.args...)
	}
	var newest, closed int64
	if e.gate != nil {
		b.Queue(newestAndClosed).QueryRow(func(row pgx.Row) error { return row.Scan(&newest, &closed) })
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	return e.check(newest, closed)
}

// tidy runs f in a transaction that removes what nobody needs, and that does not wait for the mirror.
func (s *Store) tidy(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	return s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		err := s.pass(ctx, conn)
		if err == nil {
			_, err = conn.Exec(ctx, "set local synchronous_commit = off")
		}
		if err == nil {
			err = f(ctx, conn)
		}
		if err == nil {
			_, err = conn.Exec(ctx, "commit")
		}
		if err != nil {
			rollback(ctx, conn)
		}
		return err
	})
}

// Heart is what the servers of a site show each other.
type Heart struct {
	Epoch     int64
	Site, Pod string
	Instance  string // the pod in this life of its process
	Counter   int64
}

// Watched is what a look at the gate's tables shows.
type Watched struct {
	// ReadOnly: the database takes no writes; what it shows is of another one.
	ReadOnly       bool
	Newest, Closed int64
	Hearts         []Heart // of the newest epoch
}

// Beat moves the heartbeat of an epoch and site on, if that is the epoch that may be written in. It is tried once: two
// beats must be proof that the pod was alive between them.
func (s *Store) Beat(ctx context.Context, h Heart) error {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("move the heartbeat: %w", err)
	}
	defer c.Release()
	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue("set local synchronous_commit = off")
	b.Queue(sharedLock, int64(gateLock))
	b.Queue(beatHeart, h.Epoch, h.Site, h.Pod, h.Instance)
	b.Queue("commit")
	if err := c.Conn().SendBatch(ctx, b).Close(); err != nil {
		rollback(ctx, c.Conn())
		if faultOf(err) == faultServer {
			s.dropConnections()
		}
		return fmt.Errorf("move the heartbeat: %w", err)
	}
	return nil
}

// Watch looks at the gate's tables, in one snapshot.
func (s *Store) Watch(ctx context.Context) (Watched, error) {
	var w Watched
	err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) (err error) {
		w, err = watchOn(ctx, conn)
		return err
	})
	if w.ReadOnly && !s.witness.follows() {
		s.dropConnections() // some lead to another server than the witness's
	}
	return w, err
}

func watchOn(ctx context.Context, conn *pgx.Conn) (Watched, error) {
	var w Watched
	var site, pod, instance *string
	var counter *int64
	rows, err := conn.Query(ctx, watchSQL)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&w.ReadOnly, &w.Newest, &w.Closed, &site, &pod, &instance, &counter}, func() error {
			if site != nil {
				w.Hearts = append(w.Hearts, Heart{w.Newest, *site, *pod, *instance, *counter})
			}
			return nil
		})
	}
	if err != nil {
		return Watched{}, fmt.Errorf("look at the gate: %w", err)
	}
	return w, nil
}
