package pg

import (
	"context"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// Changes are all categories and rooms that changed after a revision, as they are now.
type Changes struct {
	Revision                        int64
	Categories                      []chat.Category
	Rooms                           []chat.Room // with the lists as they count: without principals that the category does not cover
	RemovedCategories, RemovedRooms []chat.ID
	// Full: this is everything; forget what is not in it. So it is for revision 0, after the database went back and in
	// a new epoch.
	Full bool
}

// Catalog gives what changed since a revision; 0 asks for everything.
func (s *Store) Catalog(ctx context.Context, since int64) (Changes, error) {
	var c Changes
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) (err error) {
			c, err = changesSince(ctx, tx, since)
			return err
		})
	})
	if err != nil {
		return Changes{}, unavailable("read the catalog", err)
	}
	return c, nil
}

func changesSince(ctx context.Context, tx pgx.Tx, since int64) (Changes, error) {
	var c Changes
	if err := tx.QueryRow(ctx, `SELECT revision FROM catalog`).Scan(&c.Revision); err != nil {
		return c, err
	}
	if since > c.Revision || !sameLine(since, c.Revision) {
		since = 0
	}
	c.Full = since == 0
	rows, err := tx.Query(ctx, categoryColumns+` WHERE c.revision > $1`, since)
	if err != nil {
		return c, err
	}
	if c.Categories, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (chat.Category, error) {
		r, err := scanCategory(row)
		return r.Category, err
	}); err != nil {
		return c, err
	}
	if rows, err = tx.Query(ctx, roomColumns+` WHERE r.revision > $1`, since); err != nil {
		return c, err
	}
	if c.Rooms, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (chat.Room, error) {
		r, err := scanRoom(row)
		return r.effective(), err
	}); err != nil || c.Full {
		return c, err
	}
	if rows, err = tx.Query(ctx, `SELECT id, kind FROM tombstone WHERE revision > $1`, since); err != nil {
		return c, err
	}
	var id [16]byte
	var kind string
	_, err = pgx.ForEachRow(rows, []any{&id, &kind}, func() error {
		if kind == "room" {
			c.RemovedRooms = append(c.RemovedRooms, idOf(id))
		} else {
			c.RemovedCategories = append(c.RemovedCategories, idOf(id))
		}
		return nil
	})
	return c, err
}

// change runs f under the catalog's lock, with the revision that the change gets. F tells whether it changed anything.
// The commit waits for the mirror, if need be longer than the caller: its outcome is then Unavailable, and the change
// made all the same, which the next try of the same will find.
func (s *Store) change(ctx context.Context, f func(ctx context.Context, tx *pgx.Conn, revision int64) (bool, error)) error {
	result := make(chan error, 1)
	go func() {
		result <- s.again(ctx, func() error { return s.noteDoubt(s.changing(ctx, f)) })
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) changing(ctx context.Context, f func(context.Context, *pgx.Conn, int64) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pooled.Release()
	conn := pooled.Conn()
	var revision int64
	changed := false
	if err = s.pass(ctx, conn); err == nil {
		err = conn.QueryRow(ctx, `SELECT revision + 1 FROM catalog FOR UPDATE`).Scan(&revision)
	}
	if err == nil {
		changed, err = f(ctx, conn, revision)
	}
	if err != nil {
		rollback(ctx, conn)
		return err
	}
	// An unchanged catalog is committed as well: the caller may rely on what it saw, so that must be on the mirror.
	var statements []statement
	if changed {
		statements = append(statements, statement{`UPDATE catalog SET revision = $1`, []any{revision}})
	}
	if err := commit(conn, statements...); err != nil {
		rollback(ctx, conn)
		return err
	}
	if changed {
		s.hints.changed()
	}
	return nil
}
