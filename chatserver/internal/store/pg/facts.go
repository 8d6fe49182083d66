package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"chatpool.dev/chatserver/adminapi"
)

// mostEpochs is how many epochs Facts tells, the newest.
const mostEpochs = 64

const (
	// newestBeat numbers the heartbeat so that it only grows along a database's history.
	newestBeat = `SELECT coalesce(max((epoch << 32) + counter), 0) FROM heartbeat`
	// oldestFile is where the oldest file of the log begins: its name is timeline, high part and number of the segment in hex.
	oldestFile = `SELECT (('x' || substr(f, 1, 8))::bit(32)::bigint::numeric * 4294967296
 + ('x' || substr(f, 9))::bit(32)::bigint * pg_size_bytes(current_setting('wal_segment_size')))::text
FROM (SELECT min(substr(name, 9)) AS f FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') files`
)

// Facts asks the database what it is like. An error means that it did not answer: nothing is known. What the role has no
// rights to is unknown in the answer, and said to be.
func (s *Store) Facts(ctx context.Context) (facts *adminapi.DatabaseFacts, err error) {
	// The pool's connections may all be of before a restart, and just then somebody waits for the facts.
	err = s.again(ctx, func() error {
		facts, err = s.inquire(ctx)
		return err
	})
	return facts, err
}

func (s *Store) inquire(ctx context.Context) (*adminapi.DatabaseFacts, error) {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the database what it is like: %w", err)
	}
	defer c.Release()
	q := inquiry{conn: c.Conn(), facts: &adminapi.DatabaseFacts{Unknown: map[string]string{}}}
	if err := q.conn.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&q.facts.InRecovery); err != nil {
		return nil, fmt.Errorf("ask the database what it is like: %w", err)
	}
	for _, one := range []struct {
		field string
		ask   func(context.Context) error
	}{
		{"systemIdentifier", q.identity}, {"timeline", q.timeline}, {"currentLSN", q.log}, {"oldestLSN", q.oldest},
		{"epochs", q.epochs}, {"closedEpoch", q.closed}, {"beat", q.beat}, {"receiver", q.receiver}, {"followers", q.followers},
		{"salvaged", q.salvaged(s.witness)},
	} {
		if err := q.try(one.field, one.ask(ctx)); err != nil {
			return nil, fmt.Errorf("ask the database for its %s: %w", one.field, err)
		}
	}
	return q.facts, nil
}

// inquiry is one round of questions.
type inquiry struct {
	conn  *pgx.Conn
	facts *adminapi.DatabaseFacts
}

// try notes what the database refuses to say, and gives errors of other kinds back.
func (q *inquiry) try(field string, err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && faultOf(err) != faultServer {
		q.facts.Unknown[field] = refused.Message
		return nil
	}
	return err
}

func (q *inquiry) identity(ctx context.Context) error {
	return q.conn.QueryRow(ctx, `SELECT system_identifier::text FROM pg_control_system()`).Scan(&q.facts.SystemIdentifier)
}

// timeline: the name of the segment that is written tells it at once, the control file with the next checkpoint only.
// A follower's receiver tells it to roles with pg_read_all_stats, as long as there is one; after it the files that it wrote do,
// which are named after the timeline that they are of.
func (q *inquiry) timeline(ctx context.Context) error {
	if !q.facts.InRecovery {
		var hex string
		if err := q.conn.QueryRow(ctx, `SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)`).Scan(&hex); err != nil {
			return err
		}
		t, err := strconv.ParseInt(hex, 16, 64)
		q.facts.Timeline = &t
		return err
	}
	return q.conn.QueryRow(ctx, `SELECT greatest((SELECT received_tli FROM pg_stat_wal_receiver), timeline_id,
 (SELECT max(('x' || substr(name, 1, 8))::bit(32)::bigint) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'))
FROM pg_control_checkpoint()`).Scan(&q.facts.Timeline)
}

func (q *inquiry) log(ctx context.Context) error {
	if !q.facts.InRecovery {
		return q.conn.QueryRow(ctx, `SELECT `+bytesOf("pg_current_wal_flush_lsn()")).Scan(lsn{&q.facts.CurrentLSN})
	}
	return q.conn.QueryRow(ctx, `SELECT `+bytesOf("pg_last_wal_receive_lsn()")+`, `+bytesOf("pg_last_wal_replay_lsn()")).
		Scan(lsn{&q.facts.ReceivedLSN}, lsn{&q.facts.ReplayedLSN})
}

func (q *inquiry) oldest(ctx context.Context) error {
	return q.conn.QueryRow(ctx, oldestFile).Scan(lsn{&q.facts.OldestLSN})
}

func (q *inquiry) epochs(ctx context.Context) error {
	rows, err := q.conn.Query(ctx, `SELECT epoch, site, fork_timeline::bigint, `+bytesOf("fork_lsn")+`, fork_beat
FROM epoch ORDER BY epoch DESC LIMIT $1`, mostEpochs)
	if err != nil {
		return err
	}
	q.facts.Epochs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (adminapi.Epoch, error) {
		var e adminapi.Epoch
		var timeline *int64
		var at *adminapi.LSN
		err := row.Scan(&e.Epoch, &e.Site, &timeline, lsn{&at}, &e.ForkBeat)
		if timeline != nil && at != nil {
			e.Fork = &adminapi.Fork{Timeline: *timeline, LSN: *at}
		}
		return e, err
	})
	return err
}

func (q *inquiry) closed(ctx context.Context) error {
	return q.conn.QueryRow(ctx, `SELECT closed FROM gate`).Scan(&q.facts.ClosedEpoch)
}

func (q *inquiry) beat(ctx context.Context) error {
	return q.conn.QueryRow(ctx, newestBeat).Scan(&q.facts.Beat)
}

// receiver: to a role without pg_read_all_stats all but its process number is null.
func (q *inquiry) receiver(ctx context.Context) error {
	var r adminapi.Receiver
	var status *string
	err := q.conn.QueryRow(ctx, `SELECT status, coalesce(received_tli, 0)::bigint, coalesce(sender_host, '') FROM pg_stat_wal_receiver`).
		Scan(&status, &r.Timeline, &r.SenderHost)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	case status == nil:
		q.facts.Unknown["receiver"] = "the role may not see it: GRANT pg_monitor to it"
		return nil
	}
	r.Status = *status
	q.facts.Receiver = &r
	return nil
}

// followers: to a role without pg_read_all_stats all but the name is null.
func (q *inquiry) followers(ctx context.Context) error {
	rows, err := q.conn.Query(ctx, `SELECT coalesce(application_name, ''), state, sync_state, `+bytesOf("sent_lsn")+`, `+bytesOf("write_lsn")+`, `+
		bytesOf("flush_lsn")+`, `+bytesOf("replay_lsn")+`, extract(epoch FROM replay_lag)::float8 FROM pg_stat_replication ORDER BY 1, pid`)
	if err != nil {
		return err
	}
	hidden := false
	q.facts.Followers, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (adminapi.Follower, error) {
		var f adminapi.Follower
		err := row.Scan(&f.Name, &f.State, &f.SyncMode, lsn{&f.Sent}, lsn{&f.Written}, lsn{&f.Flushed}, lsn{&f.Replayed}, &f.ReplayLagSeconds)
		hidden = hidden || f.State == nil
		return f, err
	})
	if hidden {
		q.facts.Unknown["followers"] = "the role may not see how far they are: GRANT pg_monitor to it"
	}
	return err
}

// bytesOf turns a place in the log into a number, as text.
func bytesOf(place string) string { return `(` + place + ` - '0/0'::pg_lsn)::text` }

// lsn scans what bytesOf gives; null is unknown.
type lsn struct{ to **adminapi.LSN }

// Scan implements sql.Scanner.
func (l lsn) Scan(src any) error {
	if src == nil {
		*l.to = nil
		return nil
	}
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("read a place in the log from a %T", src)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	at := adminapi.LSN(n)
	*l.to = &at
	return err
}
