package pg

import (
	"context"
	_ "embed"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/forget.sql
var forgetSQL string

//go:embed sql/empty_removed.sql
var emptyRemovedSQL string

// forgetUnkept takes the words from messages of rooms without history.
func (s *Store) forgetUnkept(ctx context.Context) error {
	return s.tidy(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, forgetSQL, UnkeptTime.Seconds())
		return err
	})
}

// emptyTime bounds how long a sweep deletes messages of removed rooms.
const emptyTime = 2 * time.Second

// emptyRemoved deletes the messages of one removed room, piece by piece; several pods may do so at once.
func (s *Store) emptyRemoved(ctx context.Context) error {
	for start, more := time.Now(), true; more && time.Since(start) < emptyTime; {
		if err := s.tidy(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, emptyRemovedSQL).Scan(&more)
		}); err != nil {
			return err
		}
	}
	return nil
}
