package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// Opening says which epoch is to be written in.
type Opening struct {
	Epoch int64
	Site  string
	// Mint: record the epoch if it is not there yet, with the fork, and where each room is.
	Mint bool
	// Timeline and LSN are where the epoch before ended; Timeline 0: where the database's log is now.
	Timeline int64
	LSN      uint64
}

// OpenEpoch makes the database one that is written in an epoch. The same again changes nothing. Conflict, with the field that
// is to blame, if a higher epoch is there, the epoch is another site's or has another fork, or it is not there and not to be
// minted. Nobody writes while it is at work. An epoch above the newest moves the catalog's revisions to a range of
// their own, so that no copy of the catalog goes on from what an overtaken epoch had.
func (s *Store) OpenEpoch(ctx context.Context, o Opening) error {
	err := s.exclusively(ctx, func(ctx context.Context, conn *pgx.Conn) ([]statement, error) {
		newest, site, timeline, lsn, err := newestEpoch(ctx, conn)
		switch {
		case err != nil:
			return nil, err
		case o.Epoch < newest:
			return nil, conflict("epoch", "%d: the database is in epoch %d already", o.Epoch, newest)
		case o.Epoch > newest && !o.Mint:
			return nil, conflict("epoch", "%d: the database is in epoch %d: ask for the new one to be minted", o.Epoch, newest)
		case o.Epoch > newest:
			return mint(o), nil
		case site != "" && site != o.Site:
			return nil, conflict("site", "%q: epoch %d belongs to site %q", o.Site, newest, site)
		case o.Timeline != 0 && (timeline != o.Timeline || lsn != o.LSN):
			return nil, conflict("fork", "epoch %d is recorded with another fork: timeline %d, byte %d", newest, timeline, lsn)
		}
		return []statement{{`UPDATE gate SET closed = $1 - 1 WHERE closed >= $1`, []any{o.Epoch}}}, nil
	})
	return epochError(fmt.Sprintf("open epoch %d", o.Epoch), err)
}

func mint(o Opening) []statement {
	fork := statement{`INSERT INTO epoch (epoch, site, fork_timeline, fork_lsn)
VALUES ($1, $2, $3, '0/0'::pg_lsn + $4::numeric)`, []any{o.Epoch, o.Site, o.Timeline, strconv.FormatUint(o.LSN, 10)}}
	if o.Timeline == 0 {
		fork = statement{`INSERT INTO epoch (epoch, site, fork_timeline, fork_lsn)
SELECT $1, $2, ('x' || substr(pg_walfile_name(l), 1, 8))::bit(32)::int, l FROM pg_current_wal_insert_lsn() l`, []any{o.Epoch, o.Site}}
	}
	return []statement{
		fork,
		{`INSERT INTO epoch_room (epoch, room_id, from_epoch, seq) SELECT $1, room_id, epoch, seq FROM room_seq`, []any{o.Epoch}},
		{`UPDATE catalog SET revision = $1`, []any{firstRevision(o.Epoch)}},
	}
}

func newestEpoch(ctx context.Context, conn *pgx.Conn) (epoch int64, site string, timeline int64, lsn uint64, err error) {
	var bytes string
	err = conn.QueryRow(ctx, `SELECT epoch, site, coalesce(fork_timeline, 0), (coalesce(fork_lsn, '0/0') - '0/0'::pg_lsn)::text
FROM epoch ORDER BY epoch DESC LIMIT 1`).Scan(&epoch, &site, &timeline, &bytes)
	if err == nil {
		lsn, err = strconv.ParseUint(bytes, 10, 64)
	}
	return epoch, site, timeline, lsn, err
}

// CloseEpoch ends an epoch: when it returns nil, every transaction that wrote in it has ended, and no other will write
// until OpenEpoch. Conflict if the database is in another epoch. A database that takes no writes has none under way.
func (s *Store) CloseEpoch(ctx context.Context, epoch int64) error {
	err := s.exclusively(ctx, func(ctx context.Context, conn *pgx.Conn) ([]statement, error) {
		var newest int64
		if err := conn.QueryRow(ctx, `SELECT max(epoch) FROM epoch`).Scan(&newest); err != nil {
			return nil, err
		}
		if newest != epoch {
			return nil, conflict("epoch", "%d: the database is in epoch %d", epoch, newest)
		}
		return []statement{{`UPDATE gate SET closed = $1 WHERE closed < $1`, []any{epoch}}}, nil
	})
	if errors.Is(err, errReadOnly) {
		return nil
	}
	return epochError(fmt.Sprintf("close epoch %d", epoch), err)
}

// epochLockTime is how long a change of epoch waits for the transactions under way; all others wait behind it.
const epochLockTime = "4s"

var errReadOnly = errors.New("the database takes no writes")

// exclusively runs f, and the statements it gives, while nobody writes. The commit waits for the mirror, if need be
// longer than the caller.
func (s *Store) exclusively(ctx context.Context, f func(context.Context, *pgx.Conn) ([]statement, error)) error {
	result := make(chan error, 1)
	go func() {
		result <- s.again(ctx, func() error { return s.noteDoubt(s.alone(ctx, f)) })
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) alone(ctx context.Context, f func(context.Context, *pgx.Conn) ([]statement, error)) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pooled.Release()
	conn := pooled.Conn()
	statements, err := lockedOut(ctx, conn, f)
	if err == nil {
		err = commit(conn, statements...)
	}
	if err != nil {
		rollback(ctx, conn)
	}
	return err
}

// lockedOut begins a transaction that locks all others out, and runs f in it.
func lockedOut(ctx context.Context, conn *pgx.Conn, f func(context.Context, *pgx.Conn) ([]statement, error)) ([]statement, error) {
	b := &pgx.Batch{}
	readOnly := false
	b.Queue("begin")
	b.Queue(`SELECT pg_is_in_recovery()`).QueryRow(func(row pgx.Row) error { return row.Scan(&readOnly) })
	b.Queue(`SET LOCAL lock_timeout = '` + epochLockTime + `'`)
	b.Queue(`SELECT pg_advisory_xact_lock($1)`, int64(gateLock))
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	if readOnly {
		return nil, errReadOnly
	}
	return f(ctx, conn)
}

func epochError(what string, err error) error {
	switch {
	case err == nil || isChat(err):
		return err
	case errors.Is(err, errDoubt):
		return doubtful(err)
	case faultOf(err) == faultLocked:
		return chat.Errorf(chat.Unavailable, "%s: transactions are still under way, maybe waiting for the mirror: ask again: %w", what, err)
	}
	return unavailable(what, err)
}

func conflict(field, format string, args ...any) error {
	return &chat.Error{Kind: chat.Conflict, Field: field, Text: fmt.Sprintf(format, args...)}
}

// revisionBits is how many of the catalog's revisions belong to an epoch.
const revisionBits = 40

func firstRevision(epoch int64) int64 { return epoch << revisionBits }

// sameLine tells whether two revisions are of the same epoch: what an older epoch had may not be all here.
func sameLine(a, b int64) bool { return a>>revisionBits == b>>revisionBits }
