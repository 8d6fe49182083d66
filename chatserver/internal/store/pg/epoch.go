package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

// RecordEpoch makes the database one of a new epoch, in which nobody is activated yet. The same again changes nothing.
// Conflict, with the field that is to blame, if a higher epoch is there, the epoch is another site's, or the database did
// not leave the timeline (0: it has none in common with the epoch before). Unavailable if the database takes no writes. Nobody
// writes while it is at work. The catalog's revisions move to a range of their own, so that no copy of the catalog goes
// on from what an overtaken epoch had.
func (s *Store) RecordEpoch(ctx context.Context, r adminapi.Recording) error {
	err := s.exclusively(ctx, func(ctx context.Context, conn *pgx.Conn) ([]statement, error) {
		newest, site, timeline, err := newestEpoch(ctx, conn)
		switch {
		case err != nil:
			return nil, err
		case r.Epoch < newest:
			return nil, conflict("epoch", "%d: the database is in epoch %d already", r.Epoch, newest)
		case r.Epoch > newest:
			return s.mint(ctx, conn, r)
		case site != "" && site != r.Site:
			return nil, conflict("site", "%q: epoch %d belongs to site %q", r.Site, newest, site)
		case timeline != 0 && timeline != r.Timeline:
			return nil, conflict("timeline", "%d: epoch %d is recorded as one that left timeline %d", r.Timeline, newest, timeline)
		}
		return nil, nil
	})
	return epochError(fmt.Sprintf("record epoch %d", r.Epoch), err)
}

// mint gives the statements that record an epoch.
func (s *Store) mint(ctx context.Context, conn *pgx.Conn, r adminapi.Recording) ([]statement, error) {
	fork, err := s.fork(ctx, conn, r.Timeline)
	if err != nil {
		return nil, err
	}
	var timeline, place any // null: nothing in common
	if fork != nil {
		timeline, place = fork.Timeline, strconv.FormatUint(uint64(fork.LSN), 10)
	}
	return []statement{
		{`INSERT INTO epoch (epoch, site, fork_timeline, fork_lsn, fork_beat)
SELECT $1, $2, $3, '0/0'::pg_lsn + $4::numeric, (` + newestBeat + `)`, []any{r.Epoch, r.Site, timeline, place}},
		{`INSERT INTO epoch_room (epoch, room_id, from_epoch, seq) SELECT $1, room_id, epoch, seq FROM room_seq`, []any{r.Epoch}},
		{`UPDATE catalog SET revision = $1`, []any{firstRevision(r.Epoch)}},
	}, nil
}

// OpenEpoch lets the newest epoch be written in, if it was quiesced. The same again changes nothing. Conflict, with the field
// that is to blame, if a higher epoch is there, the epoch is another site's, or it is not recorded.
func (s *Store) OpenEpoch(ctx context.Context, epoch int64, site string) error {
	err := s.exclusively(ctx, func(ctx context.Context, conn *pgx.Conn) ([]statement, error) {
		newest, whose, _, err := newestEpoch(ctx, conn)
		switch {
		case err != nil:
			return nil, err
		case epoch < newest:
			return nil, conflict("epoch", "%d: the database is in epoch %d already", epoch, newest)
		case epoch > newest:
			return nil, conflict("epoch", "%d: the database is in epoch %d: record the new one first", epoch, newest)
		case whose != "" && whose != site:
			return nil, conflict("site", "%q: epoch %d belongs to site %q", site, newest, whose)
		}
		return []statement{{`UPDATE gate SET closed = $1 - 1 WHERE closed >= $1`, []any{epoch}}}, nil
	})
	return epochError(fmt.Sprintf("open epoch %d", epoch), err)
}

// newestEpoch gives the site "" for a database's first epoch: that of the site where it was made, and timeline 0 for one that left none.
func newestEpoch(ctx context.Context, conn *pgx.Conn) (epoch int64, site string, timeline int64, err error) {
	err = conn.QueryRow(ctx, `SELECT epoch, site, coalesce(fork_timeline, 0) FROM epoch ORDER BY epoch DESC LIMIT 1`).Scan(&epoch, &site, &timeline)
	return epoch, site, timeline, err
}

// CloseEpoch ends an epoch: when it returns nil, every transaction that wrote in it has ended, and no other will write
// until OpenEpoch. Conflict if the database is in another epoch. A database that takes no writes has none under way: there it
// changes nothing.
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
	if errors.Is(err, errReadOnly) && s.witness.reads() {
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
	if errors.Is(err, errReadOnly) && !s.witness.follows() {
		s.dropConnections() // this one led elsewhere
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
