package pg

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// RoomRecord is a room as it was declared.
type RoomRecord struct {
	Key         string    // "" if no object declares it
	CategoryKey string    // "" if no object declares the category
	Room        chat.Room // with the lists in full
	// OutOfScope are the principals of its lists that the category does not cover: kept, but they do not count until
	// the category covers them. Sorted, each once.
	OutOfScope []chat.Principal
	// Participants is the number of users who are in it.
	Participants int
	// Head is the position of its newest message.
	Head chat.Position
	// Declared and Withdrawn are as in CategoryRecord.
	Declared  string
	Withdrawn time.Time
}

const roomColumns = `
SELECT r.id, coalesce(r.key, ''), coalesce(c.key, ''), c.id, r.name, r.description, r.privacy, r.type, r.invitations, r.disabled,
    r.members, r.managers, r.presenters, r.out_of_scope, s.version, s.epoch, s.seq,
    (SELECT count(DISTINCT user_uri) FROM participant WHERE room_id = r.id), r.declared
FROM room r JOIN category c ON c.id = r.category_id JOIN room_seq s ON s.room_id = r.id`

func scanRoom(row pgx.CollectableRow) (RoomRecord, error) {
	var r RoomRecord
	var id, category [16]byte
	var epoch, seq int64
	m := &r.Room
	err := row.Scan(&id, &r.Key, &r.CategoryKey, &category, &m.Name, &m.Description, &m.Privacy, &m.Type, &m.Invitations, &m.Disabled,
		&m.Members, &m.Managers, &m.Presenters, &r.OutOfScope, &m.Version, &epoch, &seq, &r.Participants, &r.Declared)
	m.ID, m.CategoryID, r.Head = idOf(id), idOf(category), chat.At(epoch, seq)
	return r, err
}

const putRoom = `
INSERT INTO room (id, category_id, key, name, description, privacy, type, invitations, disabled, members, managers, presenters, out_of_scope, revision, declared)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (id) DO UPDATE SET category_id = $2, key = $3, name = $4, description = $5, privacy = $6, type = $7, invitations = $8,
    disabled = $9, members = $10, managers = $11, presenters = $12, out_of_scope = $13, revision = $14, declared = $15`

const bumpRoom = `
INSERT INTO room_seq AS s (room_id) VALUES ($1)
ON CONFLICT (room_id) DO UPDATE SET version = s.version + 1
RETURNING version`

// PutRoom makes or changes the room declared under key in the category declared under categoryKey (NotFound, field
// "category"). The rules are those of PutCategory; ID, CategoryID and Version of r are given by the store. Principals that
// the category does not cover are kept, do not count and are named in OutOfScope.
func (s *Store) PutRoom(ctx context.Context, key, categoryKey string, r chat.Room, hash string, g Groups) (RoomRecord, error) {
	var rec RoomRecord
	if err := chat.ValidateRoom(&r); err != nil {
		return rec, err
	}
	r.Members, r.Managers, r.Presenters = list(r.Members), list(r.Managers), list(r.Presenters)
	err := s.change(ctx, func(ctx context.Context, tx *pgx.Conn, revision int64) (changed bool, err error) {
		rec, changed, err = placeRoom(ctx, tx, RoomRecord{Key: key, CategoryKey: categoryKey, Room: r, Declared: hash}, g, revision)
		return changed, err
	})
	if err != nil {
		return RoomRecord{}, catalogError("put room", key, err)
	}
	return rec, nil
}

func placeRoom(ctx context.Context, tx *pgx.Conn, r RoomRecord, g Groups, revision int64) (RoomRecord, bool, error) {
	rows, _ := tx.Query(ctx, categoryColumns+` WHERE c.key = $1`, r.CategoryKey)
	c, err := pgx.CollectExactlyOneRow(rows, scanCategory)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, false, &chat.Error{Kind: chat.NotFound, Field: "category", Text: quoted(r.CategoryKey) + " is not there yet"}
	}
	if err != nil {
		return r, false, err
	}
	old, found, err := find(ctx, tx, roomColumns, "r", r.Key, r.Room.Name, scanRoom, func(r RoomRecord) string { return r.Key })
	if err != nil {
		return r, false, err
	}
	m := &r.Room
	m.CategoryID, r.OutOfScope = c.Category.ID, outOfScope(&c.Category, m, g)
	m.ID, m.Version, r.Participants, r.Head = old.Room.ID, old.Room.Version, old.Participants, old.Head
	if found && old.Key == r.Key && sameRoom(&old, &r) {
		return r, false, redeclare(ctx, tx, "room", r.Key, old.Declared, r.Declared)
	}
	if !found {
		m.ID = newID()
	}
	if err := forgetWithdrawn(ctx, tx, "room", r.Key); err != nil {
		return r, false, err
	}
	id, _ := uuidOf(m.ID)
	category, _ := uuidOf(m.CategoryID)
	if _, err = tx.Exec(ctx, putRoom, id, category, r.Key, m.Name, m.Description, m.Privacy, m.Type, m.Invitations, m.Disabled,
		m.Members, m.Managers, m.Presenters, r.OutOfScope, revision, r.Declared); err != nil {
		return r, false, err
	}
	err = tx.QueryRow(ctx, bumpRoom, id).Scan(&m.Version)
	return r, true, err
}

// Room gives the room declared under key, or when its object was deleted, or NotFound.
func (s *Store) Room(ctx context.Context, key string) (RoomRecord, error) {
	r, err := one(ctx, s, roomColumns+` WHERE r.key = $1`, key, scanRoom)
	if errors.Is(err, pgx.ErrNoRows) {
		r.Withdrawn, err = s.withdrawn(ctx, "room", key)
	}
	if err != nil {
		return RoomRecord{}, catalogError("read room", key, err)
	}
	return r, nil
}

// DeleteRoom removes the room declared under key; all its messages are deleted soon after. With retain it disables the room, forgets the
// key and keeps the messages. NotFound if there is none.
func (s *Store) DeleteRoom(ctx context.Context, key string, retain bool) error {
	err := s.change(ctx, func(ctx context.Context, tx *pgx.Conn, revision int64) (bool, error) {
		var id [16]byte
		if err := tx.QueryRow(ctx, `SELECT id FROM room WHERE key = $1`, key).Scan(&id); err != nil {
			return false, err
		}
		if err := withdraw(ctx, tx, "room", key); err != nil {
			return false, err
		}
		if retain {
			if _, err := tx.Exec(ctx, `UPDATE room SET disabled = true, key = NULL, declared = '', revision = $2 WHERE id = $1`, id, revision); err != nil {
				return false, err
			}
			_, err := tx.Exec(ctx, `UPDATE room_seq SET version = version + 1 WHERE room_id = $1`, id)
			return true, err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM room_seq WHERE room_id = $1`, id); err != nil {
			return false, err
		}
		return true, bury(ctx, tx, "room", id, revision)
	})
	return catalogError("delete room", key, err)
}

// one reads the row of a key.
func one[R any](ctx context.Context, s *Store, sql, key string, scan func(pgx.CollectableRow) (R, error)) (R, error) {
	var r R
	err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, key)
		if err == nil {
			r, err = pgx.CollectExactlyOneRow(rows, scan)
		}
		return err
	})
	return r, err
}

func catalogError(what, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return chat.Errorf(chat.NotFound, "%s %q: there is none", what, key)
	case errors.Is(err, errDoubt):
		return doubtful(err)
	}
	return unavailable(fmt.Sprintf("%s %q", what, key), err)
}

// list is empty rather than nil, as the database wants it.
func list(ps []chat.Principal) []chat.Principal { return append([]chat.Principal{}, ps...) }

func quoted(s string) string { return strconv.Quote(s) }
