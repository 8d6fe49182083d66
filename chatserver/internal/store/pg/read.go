package pg

import (
	"context"
	_ "embed"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

var (
	//go:embed sql/after.sql
	afterSQL string
	//go:embed sql/fork.sql
	forkSQL string
	//go:embed sql/last.sql
	lastSQL string
)

// Heads gives the position of the newest message of each room, 0 for a room without any. Unknown rooms are left out.
func (s *Store) Heads(ctx context.Context, rooms []chat.ID) (map[chat.ID]chat.Position, error) {
	heads := make(map[chat.ID]chat.Position, len(rooms))
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT room_id, epoch, seq FROM room_seq WHERE room_id = ANY ($1::uuid[])`, uuidsOf(rooms))
		if err != nil {
			return err
		}
		var room [16]byte
		var epoch, seq int64
		_, err = pgx.ForEachRow(rows, []any{&room, &epoch, &seq}, func() error {
			heads[idOf(room)] = chat.At(epoch, seq)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, unavailable("read the heads of rooms", err)
	}
	return heads, nil
}

// After gives at most limit messages after a position, ascending. In a room without history older messages are left
// out, so a reader that has got fewer than limit is at the head that it asked Heads for before.
func (s *Store) After(ctx context.Context, room chat.ID, after chat.Position, limit int) ([]chat.Message, error) {
	ms, err := s.messages(ctx, room, afterSQL, after.Epoch(), after.Seq(), limit, UnkeptTime.Seconds())
	if err != nil {
		return nil, unavailable("read new messages", err)
	}
	return ms, nil
}

// Page is an answer to somebody who comes back to a room.
type Page struct {
	Messages []chat.Message // ascending
	// Forked: the position that was asked from is of an overtaken epoch, and the room does not have it. Fork is the newest
	// position before it that the room has, 0 if none: what lies between the two is not in the room, and Messages begin
	// after Fork.
	Forked bool
	Fork   chat.Position
}

// Resume is After for somebody who may have seen what is not in the room any more.
func (s *Store) Resume(ctx context.Context, room chat.ID, after chat.Position, limit int) (Page, error) {
	var p Page
	id, ok := uuidOf(room)
	if !ok {
		return p, nil
	}
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		p = Page{}
		var epoch, seq int64
		b := &pgx.Batch{}
		b.Queue(forkSQL, id, after.Epoch(), after.Seq()).QueryRow(func(row pgx.Row) error { return row.Scan(&p.Forked, &epoch, &seq) })
		b.Queue(afterSQL, id, after.Epoch(), after.Seq(), limit, UnkeptTime.Seconds()).Query(func(rows pgx.Rows) (err error) {
			p.Messages, err = pgx.CollectRows(rows, scanMessage)
			return err
		})
		if err := conn.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if p.Forked {
			p.Fork = chat.At(epoch, seq)
		}
		return nil
	})
	if err != nil {
		return Page{}, unavailable("read new messages", err)
	}
	return p, nil
}

// Last gives the newest n messages up to and including a position (0 means the newest of all), ascending. Messages of
// a room without history are never among them.
func (s *Store) Last(ctx context.Context, room chat.ID, upTo chat.Position, n int) ([]chat.Message, error) {
	if upTo == 0 {
		upTo = math.MaxInt64
	}
	ms, err := s.messages(ctx, room, lastSQL, upTo.Epoch(), upTo.Seq(), n)
	if err != nil {
		return nil, unavailable("read history", err)
	}
	slices.Reverse(ms)
	return ms, nil
}

func (s *Store) messages(ctx context.Context, room chat.ID, sql string, args ...any) ([]chat.Message, error) {
	id, ok := uuidOf(room)
	if !ok {
		return nil, nil
	}
	var ms []chat.Message
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, append([]any{id}, args...)...)
		if err != nil {
			return err
		}
		ms, err = pgx.CollectRows(rows, scanMessage)
		return err
	})
	return ms, err
}

func scanMessage(row pgx.CollectableRow) (chat.Message, error) {
	var m chat.Message
	var room [16]byte
	var epoch, seq, originEpoch, originSeq int64
	err := row.Scan(&room, &epoch, &seq, &m.Author, &m.AuthorName, &m.At, &m.Alert, &m.Text, &m.RTF, &originEpoch, &originSeq)
	m.Room, m.Pos, m.At, m.Origin = idOf(room), chat.At(epoch, seq), m.At.UTC(), chat.At(originEpoch, originSeq)
	return m, err
}

// proofKey is where a connection keeps the proof that its server is the witness's.
const proofKey = "chatpool.proof"

const (
	// sameServer: the witness's session lives there. sameFollower: it is the server that the witness has found.
	sameServer   = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2)`
	sameFollower = `SELECT pg_postmaster_start_time() = $1`
)

// holdsOn tells whether a connection leads to the server that is proven.
func (p *proof) holdsOn(ctx context.Context, conn *pgx.Conn) (same bool, err error) {
	if p.follows {
		err = conn.QueryRow(ctx, sameFollower, p.life).Scan(&same)
	} else {
		err = conn.QueryRow(ctx, sameServer, p.pid, p.started).Scan(&same)
	}
	return same, err
}

// read runs a query whose result is known to be on the mirror, or fails.
func (s *Store) read(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	p, err := s.witness.proven(ctx)
	if err != nil {
		return err
	}
	return s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if data := conn.PgConn().CustomData(); data[proofKey] != p {
			same, err := p.holdsOn(ctx, conn)
			if err != nil {
				return err
			}
			if !same {
				s.witness.mismatch(p)
				conn.Close(ctx)
				return errUnproven
			}
			data[proofKey] = p
		}
		if p.follows {
			if err := s.witness.confirm(ctx, conn, p); err != nil {
				return err
			}
		}
		if err := f(ctx, conn); err != nil {
			return err
		}
		if !s.witness.still(p) {
			return errUnproven
		}
		return nil
	})
}

// query runs queries, which may be run again, on a pooled connection, within queryTime.
func (s *Store) query(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	return s.again(ctx, func() error {
		c, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		return f(ctx, c.Conn())
	})
}

// again does something, once more if it failed because the connection or its server is gone: the pool's connections
// may all be old.
func (s *Store) again(ctx context.Context, f func() error) error {
	err := f()
	for range 2 {
		if err == nil || ctx.Err() != nil || isOurs(err) || faultOf(err) != faultServer {
			break
		}
		s.dropConnections()
		wait(ctx, 50*time.Millisecond)
		err = f()
	}
	return err
}

// isOurs tells whether an error says nothing about the connection.
func isOurs(err error) bool {
	return isChat(err) || errors.Is(err, errUnproven) || errors.Is(err, errDoubt) || errors.Is(err, errReadOnly) || errors.Is(err, pgx.ErrNoRows)
}
