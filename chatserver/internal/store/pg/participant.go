package pg

import (
	"context"
	_ "embed"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"chatpool.dev/chatserver/chat"
)

var (
	//go:embed sql/lock_presence.sql
	lockPresence string
	//go:embed sql/join.sql
	joinSQL string
	//go:embed sql/leave.sql
	leaveSQL string
	//go:embed sql/presence.sql
	presenceSQL string
)

// Participant is somebody who is in a room, with one endpoint.
type Participant struct {
	User     chat.Principal
	Name     string
	Endpoint string // "" in RoomPresence
}

// RoomPresence tells who is in a room.
type RoomPresence struct {
	// Revision is another number after each visible change: a user came or went or has another name. It is 0 in a room
	// that nobody ever joined.
	Revision int64
	// Count of users.
	Count int
	// Participants, one for each user, in order of their addresses; nil above the limit that was asked for.
	Participants []Participant
}

// Join notes that a participant is in a room, on this pod. Joining again changes nothing but the pod and the name.
// Unknown rooms are NotFound. In a database that takes no writes it is noted here alone, and written when it does.
func (s *Store) Join(ctx context.Context, room chat.ID, p Participant) error {
	id, ok := uuidOf(room)
	if !ok {
		return chat.Errorf(chat.NotFound, "room %q does not exist", room)
	}
	serial, ended := s.lease.join(member{id, p.User, p.Endpoint}, p.Name)
	if s.witness.follows() {
		ended(nil)
		return nil
	}
	changed, err := s.lightly(ctx, statement{lockPresence, []any{id}},
		statement{joinSQL, []any{id, p.User, p.Endpoint, p.Name, s.instance, serial}})
	ended(err)
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "23503" { // foreign_key_violation
		return chat.Errorf(chat.NotFound, "room %q does not exist", room)
	}
	if err != nil {
		return unavailable("join", err)
	}
	if changed {
		s.hints.participants(room)
	}
	return nil
}

// Leave notes that an endpoint left a room. Leaving a room that it is not in changes nothing. After an error try again.
func (s *Store) Leave(ctx context.Context, room chat.ID, user chat.Principal, endpoint string) error {
	id, ok := uuidOf(room)
	if !ok {
		return nil
	}
	s.lease.steady.RLock()
	defer s.lease.steady.RUnlock()
	s.lease.left(member{id, user, endpoint})
	if s.witness.follows() {
		return nil
	}
	changed, err := s.lightly(ctx, statement{`SELECT FROM room_presence WHERE room_id = $1 FOR NO KEY UPDATE`, []any{id}},
		statement{leaveSQL, []any{id, user, endpoint}})
	if err != nil {
		return unavailable("leave", err)
	}
	if changed {
		s.hints.participants(room)
	}
	return nil
}

// Detach notes that an endpoint lost its connection to this pod. It stays in its rooms for DetachedTime, unless it
// joins them again, on any pod. Detach returns at once; the note is made as soon as the database allows.
func (s *Store) Detach(user chat.Principal, endpoint string) { s.lease.detach(user, endpoint) }

// Rooms lists the rooms that an endpoint is in, detached or not: a returning endpoint joins them again.
func (s *Store) Rooms(ctx context.Context, user chat.Principal, endpoint string) ([]chat.ID, error) {
	var ids []chat.ID
	err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT room_id FROM participant WHERE user_uri = $1 AND endpoint = $2 ORDER BY joined_at, room_id`, user, endpoint)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, scanID)
		return err
	})
	if err != nil {
		return nil, unavailable("read an endpoint's rooms", err)
	}
	return ids, nil
}

func scanID(row pgx.CollectableRow) (chat.ID, error) {
	var u [16]byte
	err := row.Scan(&u)
	return idOf(u), err
}

// Presence gives the rooms whose revision is not the known one; participants are listed in those with at most limit
// users.
func (s *Store) Presence(ctx context.Context, known map[chat.ID]int64, limit int) (map[chat.ID]RoomPresence, error) {
	var rooms [][16]byte
	var revisions []int64
	for room, rev := range known {
		if u, ok := uuidOf(room); ok {
			rooms, revisions = append(rooms, u), append(revisions, rev)
		}
	}
	found := map[chat.ID]RoomPresence{}
	err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, presenceSQL, rooms, revisions, limit)
		if err != nil {
			return err
		}
		var room [16]byte
		var p RoomPresence
		var users, names []string
		_, err = pgx.ForEachRow(rows, []any{&room, &p.Revision, &p.Count, &users, &names}, func() error {
			p.Participants = nil
			for i := range users {
				p.Participants = append(p.Participants, Participant{User: chat.Principal(users[i]), Name: names[i]})
			}
			found[idOf(room)] = p
			return nil
		})
		return err
	})
	if err != nil {
		return nil, unavailable("read who is in the rooms", err)
	}
	return found, nil
}

// lightly runs statements in a transaction that does not wait for the mirror, and tells whether the last one changed
// a row.
func (s *Store) lightly(ctx context.Context, statements ...statement) (changed bool, err error) {
	err = s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b := &pgx.Batch{}
		b.Queue("begin")
		b.Queue("set local synchronous_commit = off")
		for _, st := range statements {
			b.Queue(st.sql, st.args...)
		}
		b.Queue("commit")
		br := conn.SendBatch(ctx, b)
		for i := range b.Len() {
			tag, err := br.Exec()
			if err != nil {
				br.Close()
				rollback(ctx, conn)
				return err
			}
			if i == b.Len()-2 {
				changed = tag.RowsAffected() > 0
			}
		}
		return br.Close()
	})
	return changed, err
}
