package pg

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

// salvageLock is the advisory lock of whoever salvages into this database.
const salvageLock = 0x63686174_73616c76 // "chatsalv"

// extentTime bounds measuring rooms in the own database.
const extentTime = overtakenTime

// Salvage is a session in the own database that alone may salvage, for as long as it lives. All that it writes it writes over this one
// connection: when that is lost, so is the right. It is for one goroutine. Its errors are of kind Unavailable unless they say otherwise.
type Salvage struct {
	s    *Store
	conn *pgx.Conn
	stop func() bool
	tail adminapi.Tail
}

// Salvage gives the session for a tail, until ctx ends or Close. It is nil without error when another server has one.
func (s *Store) Salvage(ctx context.Context, tail adminapi.Tail) (*Salvage, error) {
	if _, err := s.enter(); err != nil {
		return nil, err
	}
	opening, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := s.salvageSession(opening)
	if err != nil {
		return nil, unavailable("begin to salvage", err)
	}
	x := &Salvage{s: s, conn: conn, tail: tail}
	alone := false
	if err := conn.QueryRow(opening, `SELECT pg_try_advisory_lock($1)`, int64(salvageLock)).Scan(&alone); err != nil || !alone {
		closeConn(ctx, conn)
		if err != nil {
			err = unavailable("begin to salvage", err)
		}
		return nil, err
	}
	x.stop = context.AfterFunc(ctx, func() { conn.PgConn().Conn().Close() }) // a COMMIT has no deadline
	return x, nil
}

// salvageSession is a connection that the database ends by itself, soon after the server at its other end is gone or stands still: another one
// waits for the lock.
func (s *Store) salvageSession(ctx context.Context) (*pgx.Conn, error) {
	c, err := s.settings("salvage", "on")
	if err != nil {
		return nil, err
	}
	idle := extentTime + prepareTimeout // while the other database is read
	for name, d := range map[string]time.Duration{"idle_session_timeout": idle, "tcp_user_timeout": 2 * deadPeer} {
		c.RuntimeParams[name] = strconv.FormatInt(d.Milliseconds(), 10)
	}
	c.RuntimeParams["tcp_keepalives_idle"], c.RuntimeParams["tcp_keepalives_interval"], c.RuntimeParams["tcp_keepalives_count"] = "3", "3", "3"
	return pgx.ConnectConfig(ctx, c)
}

// Close gives the right up.
func (x *Salvage) Close() {
	x.stop()
	closeConn(context.Background(), x.conn)
}

// change is a transaction under the gate, in the epoch that it gives to f. The statements of f go with the commit, which waits for the mirror.
func (x *Salvage) change(ctx context.Context, f func(ctx context.Context, epoch int64) ([]statement, error)) error {
	right, err := x.s.enter()
	if err != nil {
		return err
	}
	preparing, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	statements, err := x.prepare(preparing, right, f)
	if err == nil {
		err = x.s.noteDoubt(commit(x.conn, statements...))
	}
	if errors.Is(err, errDoubt) {
		return doubtful(err)
	}
	if err != nil {
		rollback(preparing, x.conn)
		return unavailable("salvage", err)
	}
	return right.holds()
}

func (x *Salvage) prepare(ctx context.Context, right entry, f func(context.Context, int64) ([]statement, error)) ([]statement, error) {
	var newest, closed int64
	b := &pgx.Batch{}
	for _, st := range right.begin() {
		b.Queue(st.sql, st.args...)
	}
	b.Queue(newestAndClosed).QueryRow(func(row pgx.Row) error { return row.Scan(&newest, &closed) })
	if err := x.conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	if err := right.check(newest, closed); err != nil {
		return nil, err
	}
	return f(ctx, newest)
}

// asking bounds what f asks of the own database.
func (x *Salvage) asking(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if err := f(ctx); err != nil {
		return unavailable("salvage", err)
	}
	return nil
}

// Fork tells where the rooms were when the epoch began that followed an older one: rooms that are missing had nothing, or were not there.
// Revision is one that the catalog had then, or before. Next is 0 when the database has no newer epoch.
type Fork struct {
	Next     int64
	Rooms    map[chat.ID]chat.Position
	Revision int64
}

// Fork reads where the epoch of the tail ended.
func (x *Salvage) Fork(ctx context.Context) (f Fork, err error) {
	err = x.asking(ctx, queryTime, func(ctx context.Context) error {
		if err := x.conn.QueryRow(ctx, `SELECT coalesce(min(epoch), 0) FROM epoch WHERE epoch > $1`, x.tail.Epoch).Scan(&f.Next); err != nil {
			return err
		}
		if err := x.conn.QueryRow(ctx, `SELECT coalesce(max(revision), 0) FROM (SELECT revision FROM category UNION ALL SELECT revision FROM room
UNION ALL SELECT revision FROM tombstone) r WHERE revision < $1 OR $2 = 0`, firstRevision(f.Next), f.Next).Scan(&f.Revision); err != nil {
			return err
		}
		f.Rooms, err = positions(ctx, x.conn, `SELECT room_id, from_epoch, seq FROM epoch_room WHERE epoch = $1`, f.Next)
		return err
	})
	return f, err
}

// Holdings reads the own catalog.
func (x *Salvage) Holdings(ctx context.Context) (h Holdings, err error) {
	err = x.asking(ctx, queryTime, func(ctx context.Context) error {
		h, err = readHoldings(ctx, x.conn)
		return err
	})
	return h, err
}

// Extents measures rooms.
func (x *Salvage) Extents(ctx context.Context, upto map[chat.ID]chat.Position) (e map[chat.ID]Extent, err error) {
	err = x.asking(ctx, extentTime, func(ctx context.Context) error {
		e, err = extents(ctx, x.conn, upto)
		return err
	})
	return e, err
}

// told has every server read what is new in a room. The own one reads it as well: so what is appended here and what is posted
// meanwhile are delivered in the order of their positions.
func (x *Salvage) told(room chat.ID, head chat.Position) {
	x.s.hints.messages(map[chat.ID]chat.Position{room: head})
	x.s.onHint(Hint{Kind: HintMessage, Room: room, Head: head})
}

// overtaken is the error when another session has gone on.
func (x *Salvage) overtaken(room chat.ID, want, is chat.Position) error {
	return chat.Errorf(chat.Unavailable, "room %q is salvaged up to %s and not to %s: another server is at it", room, is, want)
}
