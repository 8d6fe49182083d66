package pg

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

var (
	//go:embed sql/extents.sql
	extentsSQL string
	//go:embed sql/talked.sql
	talkedSQL string
)

const (
	// overtakenTime bounds each query of an overtaken database, there as well; those that read whole rooms take longest.
	overtakenTime = 2 * time.Minute
	// reachTime bounds making the connection.
	reachTime = 3 * time.Second
	// maxPageBytes bounds the texts of one page.
	maxPageBytes = 4 << 20
)

// Overtaken is one connection to the database of a site that was overtaken: one that takes no writes. It only reads. It is for one
// goroutine.
type Overtaken struct {
	conn    *pgx.Conn
	origins bool // its schema knows of recovered messages
}

// Overtaken connects to another database as to the own one, only at another host and port. The error is of kind Unavailable; it
// has the field "tail" if the database takes writes.
func (s *Store) Overtaken(ctx context.Context, host string, port int) (*Overtaken, error) {
	c, err := s.elsewhere(host, port)
	if err != nil {
		return nil, unavailable("reach the other site's database", err)
	}
	reaching, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(reaching, c)
	if err != nil {
		return nil, unavailable(fmt.Sprintf("reach the other site's database at %s, port %d", host, port), err)
	}
	o := &Overtaken{conn: conn}
	err = o.asking(ctx, func(ctx context.Context) error {
		follows := false
		err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), EXISTS (SELECT FROM pg_attribute
WHERE attrelid = to_regclass('message') AND attname = 'origin_epoch' AND NOT attisdropped)`).Scan(&follows, &o.origins)
		if err == nil && !follows {
			err = &chat.Error{Kind: chat.Unavailable, Field: "tail", Text: "the other site's database takes writes: it must follow nobody and be read only"}
		}
		return err
	})
	if err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// elsewhere are the settings of the own database for another host.
func (s *Store) elsewhere(host string, port int) (*pgx.ConnConfig, error) {
	c, err := s.config()
	if err != nil {
		return nil, err
	}
	secureDial(c, true)
	c.Host, c.Port, c.ConnectTimeout = host, uint16(port), reachTime
	if c.TLSConfig != nil {
		c.TLSConfig = c.TLSConfig.Clone()
		c.TLSConfig.ServerName = host
	}
	for _, f := range c.Fallbacks {
		f.Host, f.Port = host, uint16(port)
		if f.TLSConfig != nil {
			f.TLSConfig = f.TLSConfig.Clone()
			f.TLSConfig.ServerName = host
		}
	}
	c.RuntimeParams["application_name"] = s.pod + "/salvage"
	c.RuntimeParams["default_transaction_read_only"] = "on"
	c.RuntimeParams["statement_timeout"] = strconv.FormatInt(overtakenTime.Milliseconds(), 10)
	c.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockTimeout.Milliseconds(), 10)
	c.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(idleInTransaction.Milliseconds(), 10)
	return c, nil
}

// Close ends the connection.
func (o *Overtaken) Close() { closeConn(context.Background(), o.conn) }

// asking bounds what f asks. The error is of kind Unavailable.
func (o *Overtaken) asking(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, overtakenTime)
	defer cancel()
	if err := f(ctx); err != nil {
		return unavailable("read the other site's database", err)
	}
	return nil
}

// stillFor is how long a database that follows nobody must not have replayed anything to be at its end.
const stillFor = 3 * time.Second

// Check fails, with kind Unavailable and field "tail", unless the database follows nobody, has replayed all that can be of what it
// received, and is what the tail names.
func (o *Overtaken) Check(ctx context.Context, want adminapi.Tail) error {
	n, err := o.nature(ctx)
	switch {
	case err != nil:
		return err
	case !n.unfinished():
		return n.judge(want)
	}
	// The last thing that it received may be the beginning of a record: that is never replayed.
	for began := time.Now(); time.Since(began) < stillFor; {
		wait(ctx, stillFor/6)
		now, err := o.nature(ctx)
		switch {
		case err != nil:
			return err
		case !now.unfinished() || *now.facts.ReplayedLSN != *n.facts.ReplayedLSN:
			return now.judge(want)
		}
	}
	*n.facts.ReplayedLSN = *n.facts.ReceivedLSN
	return n.judge(want)
}

// nature is what a database is, as far as a tail names it.
type nature struct {
	newest   int64
	receives bool
	facts    *adminapi.DatabaseFacts
}

func (o *Overtaken) nature(ctx context.Context) (n nature, err error) {
	q := inquiry{conn: o.conn, facts: &adminapi.DatabaseFacts{Unknown: map[string]string{}}}
	n.facts = q.facts
	err = o.asking(ctx, func(ctx context.Context) error {
		b := &pgx.Batch{}
		b.Queue(`SELECT pg_is_in_recovery()`).QueryRow(func(row pgx.Row) error { return row.Scan(&q.facts.InRecovery) })
		b.Queue(`SELECT max(epoch) FROM epoch`).QueryRow(func(row pgx.Row) error { return row.Scan(&n.newest) })
		b.Queue(`SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')`).QueryRow(func(row pgx.Row) error { return row.Scan(&n.receives) })
		err := o.conn.SendBatch(ctx, b).Close()
		if err == nil {
			err = q.timeline(ctx)
		}
		if err == nil {
			err = q.log(ctx)
		}
		return err
	})
	return n, err
}

// unfinished tells whether more was received than replayed.
func (n *nature) unfinished() bool {
	f := n.facts
	return f.ReplayedLSN != nil && f.ReceivedLSN != nil && *f.ReplayedLSN < *f.ReceivedLSN
}

func (n *nature) judge(want adminapi.Tail) error {
	return judgeTail(want, n.newest, n.receives, n.facts)
}

// judgeTail compares what a database is with what it should be.
func judgeTail(want adminapi.Tail, newest int64, receives bool, f *adminapi.DatabaseFacts) error {
	other := func(format string, args ...any) error {
		return &chat.Error{Kind: chat.Unavailable, Field: "tail", Text: fmt.Sprintf("the other site's database "+format, args...)}
	}
	switch {
	case !f.InRecovery:
		return other("takes writes")
	case receives:
		return other("still follows another one")
	case f.Timeline == nil || f.ReplayedLSN == nil:
		return other("does not tell its timeline and end")
	}
	end := *f.ReplayedLSN
	if f.ReceivedLSN != nil {
		end = max(end, *f.ReceivedLSN)
	}
	switch {
	case newest != want.Epoch || *f.Timeline != want.Timeline || end != want.LSN:
		return other("is in epoch %d and ends at %s of timeline %d: want epoch %d, %s and %d", newest, end, *f.Timeline, want.Epoch, want.LSN, want.Timeline)
	case *f.ReplayedLSN < end:
		return other("has received up to %s and replayed up to %s: it goes on", end, *f.ReplayedLSN)
	}
	return nil
}

// Holdings reads the catalog.
func (o *Overtaken) Holdings(ctx context.Context) (h Holdings, err error) {
	err = o.asking(ctx, func(ctx context.Context) error {
		h, err = readHoldings(ctx, o.conn)
		return err
	})
	return h, err
}

// Heads gives the newest position of each room that has messages, in the catalog or not.
func (o *Overtaken) Heads(ctx context.Context) (heads map[chat.ID]chat.Position, err error) {
	err = o.asking(ctx, func(ctx context.Context) error {
		heads, err = positions(ctx, o.conn, talkedSQL)
		return err
	})
	return heads, err
}

// Extents measures rooms.
func (o *Overtaken) Extents(ctx context.Context, upto map[chat.ID]chat.Position) (e map[chat.ID]Extent, err error) {
	err = o.asking(ctx, func(ctx context.Context) error {
		e, err = extents(ctx, o.conn, upto)
		return err
	})
	return e, err
}

// TailRow is a row of the table of messages, whole. Text and RTF may be null.
type TailRow struct {
	Pos, Origin                      chat.Position
	Author, Name, Endpoint, Envelope string
	At                               time.Time
	Alert, Kept                      bool
	Text, RTF                        *string
	Hash                             []byte
}

// Rows gives at most limit messages of a room after a position, ascending, and tells whether there may be more: fewer than limit, but at
// least one, come if they are long.
func (o *Overtaken) Rows(ctx context.Context, room chat.ID, after chat.Position, limit int) (page []TailRow, more bool, err error) {
	return o.page(ctx, "author_name, at, alert, kept, text, rtf", room, after, limit)
}

// Keys gives what Rows gives, without what is not needed to find the messages elsewhere.
func (o *Overtaken) Keys(ctx context.Context, room chat.ID, after chat.Position, limit int) (page []TailRow, more bool, err error) {
	return o.page(ctx, "'', at, false, false, null::text, null::text", room, after, limit)
}

func (o *Overtaken) page(ctx context.Context, columns string, room chat.ID, after chat.Position, limit int) (page []TailRow, more bool, err error) {
	id, ok := uuidOf(room)
	if !ok {
		return nil, false, nil
	}
	origin := "0::bigint, 0::bigint"
	if o.origins {
		origin = "coalesce(origin_epoch, 0), coalesce(origin_seq, 0)"
	}
	err = o.asking(ctx, func(ctx context.Context) error {
		rows, err := o.conn.Query(ctx, `SELECT epoch, seq, `+origin+`, author, endpoint, envelope, body_hash, `+columns+`
FROM message WHERE room_id = $1 AND (epoch, seq) > ($2, $3) ORDER BY epoch, seq LIMIT $4`, id, after.Epoch(), after.Seq(), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		size := 0
		for size < maxPageBytes && rows.Next() {
			r, err := scanTailRow(rows)
			if err != nil {
				return err
			}
			page, size = append(page, r), size+r.size()
		}
		more = len(page) == limit || size >= maxPageBytes
		rows.Close()
		return rows.Err()
	})
	return page, more, err
}

func scanTailRow(row pgx.Row) (TailRow, error) {
	var r TailRow
	var epoch, seq, originEpoch, originSeq int64
	err := row.Scan(&epoch, &seq, &originEpoch, &originSeq, &r.Author, &r.Endpoint, &r.Envelope, &r.Hash,
		&r.Name, &r.At, &r.Alert, &r.Kept, &r.Text, &r.RTF)
	r.Pos, r.Origin = chat.At(epoch, seq), chat.At(originEpoch, originSeq)
	return r, err
}

func (r *TailRow) size() int {
	n := 0
	for _, s := range []*string{r.Text, r.RTF} {
		if s != nil {
			n += len(*s)
		}
	}
	return n
}

// first is where the message stood first: one may be lost and recovered more than once.
func (r *TailRow) first() chat.Position {
	if r.Origin != 0 {
		return r.Origin
	}
	return r.Pos
}
