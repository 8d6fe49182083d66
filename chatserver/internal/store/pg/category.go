package pg

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// CategoryRecord is a category with its key and number of rooms.
type CategoryRecord struct {
	Key      string // "" if no object declares it
	Category chat.Category
	Rooms    int
	// Declared is the hash that came with the last put; "" if none did.
	Declared string
	// Withdrawn is when the object that declared the key was deleted; the record has nothing else then. It is zero while
	// there is a category of the key.
	Withdrawn time.Time
}

const categoryColumns = `
SELECT c.id, coalesce(c.key, ''), c.name, c.description, c.allowed, c.denied, c.creators, c.chat_history, c.file_upload, c.invitations,
    c.version, (SELECT count(*) FROM room WHERE category_id = c.id), c.declared
FROM category c`

func scanCategory(row pgx.CollectableRow) (CategoryRecord, error) {
	var r CategoryRecord
	var id [16]byte
	c := &r.Category
	err := row.Scan(&id, &r.Key, &c.Name, &c.Description, &c.Allowed, &c.Denied, &c.Creators, &c.ChatHistory, &c.FileUpload,
		&c.Invitations, &c.Version, &r.Rooms, &r.Declared)
	c.ID = idOf(id)
	return r, err
}

const putCategory = `
INSERT INTO category (id, key, name, description, allowed, denied, creators, chat_history, file_upload, invitations, version, revision, declared)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO UPDATE SET key = $2, name = $3, description = $4, allowed = $5, denied = $6, creators = $7, chat_history = $8,
    file_upload = $9, invitations = $10, version = $11, revision = $12, declared = $13`

// PutCategory makes or changes the category declared under key; its ID and Version are given by the store. The same content
// changes nothing but the hash of the declaration, which is kept for whoever compares. A category of that name without a key is adopted; one with another key is a Conflict of field "name".
// When the scope changes, the lists of all its rooms are evaluated again in the same transaction, and the versions of
// all rooms grow, so that no post that was authorized before gets in after.
func (s *Store) PutCategory(ctx context.Context, key string, c chat.Category, hash string, g Groups) (CategoryRecord, error) {
	var r CategoryRecord
	if err := chat.ValidateCategory(&c); err != nil {
		return r, err
	}
	c.Allowed, c.Denied, c.Creators = list(c.Allowed), list(c.Denied), list(c.Creators)
	err := s.change(ctx, func(ctx context.Context, tx *pgx.Conn, revision int64) (changed bool, err error) {
		r, changed, err = placeCategory(ctx, tx, CategoryRecord{Key: key, Category: c, Declared: hash}, g, revision)
		return changed, err
	})
	if err != nil {
		return CategoryRecord{}, catalogError("put category", key, err)
	}
	return r, nil
}

func placeCategory(ctx context.Context, tx *pgx.Conn, r CategoryRecord, g Groups, revision int64) (CategoryRecord, bool, error) {
	old, found, err := find(ctx, tx, categoryColumns, "c", r.Key, r.Category.Name, scanCategory, func(r CategoryRecord) string { return r.Key })
	if err != nil {
		return r, false, err
	}
	n := &r.Category
	r.Rooms, n.ID, n.Version = old.Rooms, old.Category.ID, old.Category.Version
	if found && old.Key == r.Key && sameCategory(&old.Category, n) {
		return r, false, redeclare(ctx, tx, "category", r.Key, old.Declared, r.Declared)
	}
	if !found {
		n.ID = newID()
	}
	n.Version++
	if err := forgetWithdrawn(ctx, tx, "category", r.Key); err != nil {
		return r, false, err
	}
	id, _ := uuidOf(n.ID)
	if _, err = tx.Exec(ctx, putCategory, id, r.Key, n.Name, n.Description, n.Allowed, n.Denied, n.Creators, n.ChatHistory,
		n.FileUpload, n.Invitations, n.Version, revision, r.Declared); err != nil {
		return r, false, err
	}
	if found && !sameRights(&old.Category, n) {
		err = rescope(ctx, tx, n, g, revision)
	}
	return r, true, err
}

// rescope evaluates the lists of a category's rooms again and lets the versions of all of them grow.
func rescope(ctx context.Context, tx *pgx.Conn, c *chat.Category, g Groups, revision int64) error {
	category, _ := uuidOf(c.ID)
	rows, err := tx.Query(ctx, roomColumns+` WHERE r.category_id = $1 ORDER BY r.id FOR NO KEY UPDATE OF s`, category)
	if err != nil {
		return err
	}
	rooms, err := pgx.CollectRows(rows, scanRoom)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	for i := range rooms {
		id, _ := uuidOf(rooms[i].Room.ID)
		b.Queue(`UPDATE room SET out_of_scope = $2, revision = $3 WHERE id = $1`, id, outOfScope(c, &rooms[i].Room, g), revision)
		b.Queue(`UPDATE room_seq SET version = version + 1 WHERE room_id = $1`, id)
	}
	return tx.SendBatch(ctx, b).Close()
}

// Category gives the category declared under key, or when its object was deleted, or NotFound.
func (s *Store) Category(ctx context.Context, key string) (CategoryRecord, error) {
	r, err := one(ctx, s, categoryColumns+` WHERE c.key = $1`, key, scanCategory)
	if errors.Is(err, pgx.ErrNoRows) {
		r.Withdrawn, err = s.withdrawn(ctx, "category", key)
	}
	if err != nil {
		return CategoryRecord{}, catalogError("read category", key, err)
	}
	return r, nil
}

// DeleteCategory removes the category declared under key; Conflict while it has rooms. With retain it only forgets
// the key. NotFound if there is none.
func (s *Store) DeleteCategory(ctx context.Context, key string, retain bool) error {
	err := s.change(ctx, func(ctx context.Context, tx *pgx.Conn, revision int64) (bool, error) {
		rows, _ := tx.Query(ctx, categoryColumns+` WHERE c.key = $1`, key)
		r, err := pgx.CollectExactlyOneRow(rows, scanCategory)
		if err != nil {
			return false, err
		}
		id, _ := uuidOf(r.Category.ID)
		if retain {
			if _, err = tx.Exec(ctx, `UPDATE category SET key = NULL, declared = '' WHERE id = $1`, id); err != nil {
				return false, err
			}
			return true, withdraw(ctx, tx, "category", key)
		}
		if r.Rooms > 0 {
			return false, chat.Errorf(chat.Conflict, "category %q still has %d rooms: remove them or move them to another category first", r.Category.Name, r.Rooms)
		}
		if err := withdraw(ctx, tx, "category", key); err != nil {
			return false, err
		}
		return true, bury(ctx, tx, "category", id, revision)
	})
	return catalogError("delete category", key, err)
}

// bury removes a category or room and leaves word of it.
func bury(ctx context.Context, tx *pgx.Conn, kind string, id [16]byte, revision int64) error {
	if _, err := tx.Exec(ctx, `DELETE FROM `+kind+` WHERE id = $1`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO tombstone (id, kind, revision, emptied) VALUES ($1, $2, $3, $2 <> 'room')`, id, kind, revision)
	return err
}

// find looks for the row that key and name mean: the one declared under key, or else one of that name which nobody
// declares. It is a Conflict if the name is another's.
func find[R any](ctx context.Context, tx *pgx.Conn, columns, alias, key, name string, scan func(pgx.CollectableRow) (R, error), keyOf func(R) string) (R, bool, error) {
	var none R
	rows, err := tx.Query(ctx, columns+` WHERE `+alias+`.key = $1 OR `+alias+`.name = $2`, key, name)
	if err != nil {
		return none, false, err
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil || len(found) == 0 {
		return none, false, err
	}
	if len(found) == 1 && (keyOf(found[0]) == key || keyOf(found[0]) == "") {
		return found[0], true, nil
	}
	for _, r := range found {
		switch keyOf(r) {
		case key:
			continue
		case "":
			return none, false, &chat.Error{Kind: chat.Conflict, Field: "name", Text: quoted(name) + " is taken by one that no object declares: remove or rename that one first"}
		default:
			return none, false, &chat.Error{Kind: chat.Conflict, Field: "name", Text: quoted(name) + " is declared by " + quoted(keyOf(r)) + " already: choose another name"}
		}
	}
	return none, false, errors.New("a key is there twice")
}
