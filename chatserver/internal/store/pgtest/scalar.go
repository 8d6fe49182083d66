package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// Scalar gives the only value of a query's only row, asked over a connection of its own.
func Scalar[T any](t testing.TB, conn, sql string, args ...any) T {
	t.Helper()
	c, err := pgx.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	var v T
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
