package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// timelineHistory is what whoever makes a chat database runs in it as superuser.
const timelineHistory = `CREATE FUNCTION chatpool_timeline_history(tli int) RETURNS text LANGUAGE sql SECURITY DEFINER AS
$$ SELECT pg_read_file('pg_wal/' || lpad(upper(to_hex(tli)), 8, '0') || '.history', 0, 1048576, true) $$`

// TellTimelines lets a database tell the history of its timelines.
func TellTimelines(t testing.TB, conn string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), timelineHistory); err != nil {
		t.Fatal(err)
	}
}
