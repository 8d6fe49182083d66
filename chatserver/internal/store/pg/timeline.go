package pg

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

const (
	// mayAskHistory tells whether there is the function of historySQL, and whether we may call it.
	mayAskHistory = `SELECT coalesce(has_function_privilege(to_regprocedure('chatpool_timeline_history(integer)')::oid, 'EXECUTE'), false)`
	// historySQL gives the history file of the present timeline, null if there is none. Whoever makes the database makes
	// the function, as only a superuser may read that file.
	historySQL = `SELECT chatpool_timeline_history(('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int)`
)

// fork finds where the database left a timeline; nil for timeline 0, and when the database cannot tell.
func (s *Store) fork(ctx context.Context, conn *pgx.Conn, timeline int64) (*adminapi.Fork, error) {
	if timeline == 0 {
		return nil, nil
	}
	may := false
	if err := conn.QueryRow(ctx, mayAskHistory).Scan(&may); err != nil {
		return nil, err
	}
	if !may {
		s.log.Warn("the epoch is recorded without its fork: the database has no function chatpool_timeline_history(integer), or it may not be called",
			"timeline", timeline)
		return nil, nil
	}
	var history *string
	if err := conn.QueryRow(ctx, historySQL).Scan(&history); err != nil {
		return nil, err
	}
	if history == nil {
		return nil, conflict("timeline", "%d: the database is on its first timeline", timeline)
	}
	at, err := leftAt(*history, timeline)
	if err != nil {
		return nil, err
	}
	return &adminapi.Fork{Timeline: timeline, LSN: at}, nil
}

// leftAt finds in a history file where a timeline was left: lines of its number, the place, and a reason (source:
// PostgreSQL's src/backend/access/transam/timeline.c). Of several lines with the number the last one counts. Conflict if
// there is none.
func leftAt(history string, timeline int64) (adminapi.LSN, error) {
	var at adminapi.LSN
	found := false
	for line := range strings.Lines(history) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		n, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil || len(f) < 2 {
			return 0, chat.Errorf(chat.Unavailable, "read the timeline's history: %q: want a timeline and a place", line)
		}
		if n != timeline {
			continue
		}
		if at, err = adminapi.ParseLSN(f[1]); err != nil {
			return 0, chat.Errorf(chat.Unavailable, "read the timeline's history: %w", err)
		}
		found = true
	}
	if !found {
		return 0, conflict("timeline", "%d: the database's history does not have it", timeline)
	}
	return at, nil
}
