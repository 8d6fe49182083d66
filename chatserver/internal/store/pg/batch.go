package pg

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

var (
	//go:embed sql/lock_rooms.sql
	lockRooms string
	//go:embed sql/find_duplicates.sql
	findDuplicates string
	//go:embed sql/insert_messages.sql
	insertMessages string
	//go:embed sql/advance_rooms.sql
	advanceRooms string
)

// moment asks for the pool's epoch, the newest epoch that is closed, and the time. One clock for all pods: the database's.
const (
	moment      = `SELECT (SELECT max(epoch) FROM epoch), 0::bigint, clock_timestamp()`
	gatedMoment = `SELECT (SELECT max(epoch) FROM epoch), (SELECT closed FROM gate), clock_timestamp()`
)

// settle stores a batch and gives each post its result. What fails before COMMIT is tried again: on another connection
// for a short time when the server is gone, without the rooms that others hold when a lock is not given, and in
// halves when one of the posts may be the cause.
func (s *Store) settle(batch []*post) []PostResult {
	start, skip := time.Now(), false
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		rs, err := s.attempt(batch, skip)
		if err == nil {
			return rs
		}
		f := faultOf(err)
		if f == faultServer {
			s.dropConnections()
		}
		switch {
		case f == faultServer && time.Since(start) < retryTime:
			time.Sleep(pause)
		case f == faultLocked && !skip:
			skip = true
		case (f == faultData || f == faultOther) && len(batch) > 1:
			return append(s.settle(batch[:len(batch)/2]), s.settle(batch[len(batch)/2:])...)
		case f == faultData:
			return all(batch, &chat.Error{Kind: chat.Invalid, Text: "the database cannot hold this post", Err: err})
		default:
			s.log.Warn("posts are refused", "posts", len(batch), "err", err)
			return all(batch, unavailable("post", err))
		}
	}
}

// attempt is one transaction. An error means that nothing is stored.
func (s *Store) attempt(batch []*post, skip bool) ([]PostResult, error) {
	right, err := s.enter()
	if err != nil {
		return all(batch, err), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
	defer cancel()
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer pooled.Release() // drops the connection if the transaction is still open
	conn := pooled.Conn()
	o, err := observe(ctx, conn, right, batch, skip)
	if err != nil {
		rollback(ctx, conn)
		return nil, err
	}
	if err := right.check(o.epoch, o.closed); err != nil {
		rollback(ctx, conn)
		return all(batch, err), nil
	}
	p := decide(batch, o)
	if len(p.insert) == 0 && !p.proves {
		rollback(ctx, conn)
		return p.results, nil
	}
	start := time.Now()
	err = s.noteDoubt(commit(conn, p.statements(batch, o)...))
	s.metrics.commit.Observe(time.Since(start).Seconds())
	switch {
	case errors.Is(err, errDoubt):
		return p.doubted(err), nil
	case err != nil:
		rollback(ctx, conn)
		return nil, err
	}
	if err := right.holds(); err != nil {
		return p.doubted(err), nil // stored, but maybe by one who had no right to any more
	}
	return p.results, nil
}

// rollback gives the locks free at once. If it does not succeed, the pool closes the connection.
func rollback(ctx context.Context, conn *pgx.Conn) {
	if !conn.IsClosed() {
		_, _ = conn.Exec(ctx, "rollback")
	}
}

// observe begins the transaction, locks the batch's rooms and reads what there is to know.
func observe(ctx context.Context, conn *pgx.Conn, right entry, batch []*post, skip bool) (observed, error) {
	o := observed{rooms: map[[16]byte]roomRow{}, duplicates: map[int]duplicate{}, skipped: skip}
	lock := lockRooms
	if skip {
		lock += " SKIP LOCKED"
	}
	k := keysOf(batch)
	b := &pgx.Batch{}
	for _, st := range right.begin() {
		b.Queue(st.sql, st.args...)
	}
	now := moment
	if right.gate != nil {
		now = gatedMoment
	}
	b.Queue(lock, k.distinct).Query(func(rows pgx.Rows) error {
		var r roomRow
		_, err := pgx.ForEachRow(rows, []any{&r.room, &r.epoch, &r.seq, &r.version}, func() error {
			o.rooms[r.room] = r
			return nil
		})
		return err
	})
	b.Queue(now).QueryRow(func(row pgx.Row) error { return row.Scan(&o.epoch, &o.closed, &o.now) })
	b.Queue(findDuplicates, k.rooms, k.authors, k.endpoints, k.envelopes, k.hashes).Query(func(rows pgx.Rows) error {
		var d duplicate
		var n, epoch, seq int64
		_, err := pgx.ForEachRow(rows, []any{&n, &epoch, &seq, &d.name, &d.at}, func() error {
			d.pos = chat.At(epoch, seq)
			o.duplicates[int(n-1)] = d
			return nil
		})
		return err
	})
	return o, conn.SendBatch(ctx, b).Close()
}

// keys are a batch's client keys, in columns.
type keys struct {
	distinct, rooms               [][16]byte
	authors, endpoints, envelopes []string
	hashes                        [][]byte
}

func keysOf(batch []*post) keys {
	var k keys
	seen := map[[16]byte]bool{}
	for _, p := range batch {
		if !seen[p.room] {
			seen[p.room] = true
			k.distinct = append(k.distinct, p.room)
		}
		k.rooms = append(k.rooms, p.room)
		k.authors = append(k.authors, string(p.key.Author))
		k.endpoints = append(k.endpoints, p.key.Endpoint)
		k.envelopes = append(k.envelopes, p.key.Envelope)
		k.hashes = append(k.hashes, p.key.Hash[:])
	}
	return k
}

// statements are those that carry out a plan.
func (p *plan) statements(batch []*post, o observed) []statement {
	if len(p.insert) == 0 {
		return nil
	}
	fresh := make([]*post, 0, len(p.insert))
	var seqs []int64
	var names, texts, rtfs []string
	var alerts, keeps []bool
	for _, i := range p.insert {
		b := batch[i]
		fresh = append(fresh, b)
		seqs = append(seqs, p.results[i].Message.Pos.Seq())
		names = append(names, b.draft.Name)
		alerts = append(alerts, b.draft.Alert)
		keeps = append(keeps, b.keep)
		texts = append(texts, b.draft.Text)
		rtfs = append(rtfs, b.draft.RTF)
	}
	var rooms [][16]byte
	var heads []int64
	for room, seq := range p.heads {
		rooms = append(rooms, room)
		heads = append(heads, seq)
	}
	k := keysOf(fresh)
	return []statement{
		{insertMessages, []any{k.rooms, seqs, o.epoch, o.now, k.authors, names, alerts, keeps, texts, rtfs, k.endpoints, k.envelopes, k.hashes}},
		{advanceRooms, []any{rooms, heads, o.epoch}},
	}
}

// doubted are the plan's results when the commit's outcome is not known: who was refused stays refused.
func (p *plan) doubted(err error) []PostResult {
	for i := range p.results {
		if p.results[i].Err == nil {
			p.results[i] = PostResult{Err: doubtful(err)}
		}
	}
	return p.results
}
