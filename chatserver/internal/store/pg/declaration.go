package pg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// redeclare keeps the hash of a declaration whose content is what the row has already. It is no change of the catalog:
// nobody but who declares reads it. kind is the row's table.
func redeclare(ctx context.Context, tx *pgx.Conn, kind, key, old, hash string) error {
	if old == hash {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE `+kind+` SET declared = $2 WHERE key = $1`, key, hash)
	return err
}

// withdraw leaves word of a key whose object was deleted, for an operator elsewhere that may still have one.
func withdraw(ctx context.Context, tx *pgx.Conn, kind, key string) error {
	_, err := tx.Exec(ctx, `INSERT INTO withdrawn (kind, key) VALUES ($1, $2) ON CONFLICT (kind, key) DO UPDATE SET at = now()`, kind, key)
	return err
}

// forgetWithdrawn takes that word back: the key is declared again.
func forgetWithdrawn(ctx context.Context, tx *pgx.Conn, kind, key string) error {
	_, err := tx.Exec(ctx, `DELETE FROM withdrawn WHERE kind = $1 AND key = $2`, kind, key)
	return err
}

// withdrawn is when the key's object was deleted; pgx.ErrNoRows if there was none.
func (s *Store) withdrawn(ctx context.Context, kind, key string) (time.Time, error) {
	var at time.Time
	err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT at FROM withdrawn WHERE kind = $1 AND key = $2`, kind, key).Scan(&at)
	})
	return at, err
}
