package pg_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// shut is a gate that nobody passes.
type shut struct{}

func (shut) Pass() (pg.Pass, error) { return pg.Pass{}, chat.Errorf(chat.Unavailable, "shut") }
func (shut) Holds(pg.Pass) bool     { return false }

// facts asks until the database answers.
func (p *pod) facts() *adminapi.DatabaseFacts {
	p.t.Helper()
	var f *adminapi.DatabaseFacts
	eventually(p.t, "the database tells what it is like", func() bool {
		var err error
		f, err = p.Facts(p.t.Context())
		return err == nil
	})
	return f
}

// What the role may not see is unknown, and everything else is told all the same.
func TestFactsWithoutRightsAreUnknown(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{Mirror: true})
	conn := server.Database(t)
	name := strings.Fields(conn[strings.Index(conn, "dbname="):])[0][len("dbname="):]
	c, err := pgx.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	for _, sql := range []string{`CREATE ROLE chat LOGIN`, `ALTER DATABASE ` + name + ` OWNER TO chat`,
		`GRANT ALL ON ALL TABLES IN SCHEMA public TO chat`} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	p := run(t, "a", strings.Replace(conn, "user=postgres", "user=chat", 1), nil)
	f := p.facts()
	if f.InRecovery || f.SystemIdentifier == nil || f.Timeline == nil || f.CurrentLSN == nil || len(f.Epochs) != 1 {
		t.Errorf("facts that need no rights: %+v", f)
	}
	if f.OldestLSN != nil || f.Unknown["oldestLSN"] == "" || f.Receiver != nil || f.Beat != 0 {
		t.Errorf("the oldest file without rights: %+v", f)
	}
	if len(f.Followers) != 1 || f.Followers[0].Name != "mirror" || f.Followers[0].State != nil || f.Followers[0].Flushed != nil || f.Unknown["followers"] == "" {
		t.Errorf("followers without rights: %+v, unknown %v", f.Followers, f.Unknown)
	}
	if _, err := c.Exec(t.Context(), `GRANT pg_monitor TO chat`); err != nil {
		t.Fatal(err)
	}
	f = p.facts()
	if len(f.Unknown) != 0 || f.OldestLSN == nil || *f.OldestLSN > *f.CurrentLSN || f.Followers[0].State == nil || f.Followers[0].Flushed == nil || *f.Followers[0].SyncMode != "sync" {
		t.Errorf("followers with pg_monitor: %+v, unknown %v", f.Followers, f.Unknown)
	}
	// What a follower's receiver does is hidden as well.
	follower := run(t, "b", strings.Replace(server.PromotedConnString(conn), "user=postgres", "user=chat", 1), nil, func(*pg.Store) pg.Gate { return shut{} })
	f = follower.facts()
	if !f.InRecovery || f.Receiver == nil || f.Receiver.Status != "streaming" {
		t.Errorf("the receiver with pg_monitor: %+v", f)
	}
	if _, err := c.Exec(t.Context(), `REVOKE pg_monitor FROM chat`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the receiver without rights is unknown", func() bool {
		f = follower.facts()
		return f.Receiver == nil && f.Unknown["receiver"] != ""
	})
	if _, err := c.Exec(t.Context(), `DROP TABLE gate`); err != nil {
		t.Fatal(err)
	}
	if f = p.facts(); f.Unknown["closedEpoch"] == "" || len(f.Epochs) != 1 {
		t.Errorf("facts of a schema from before the gate: %+v", f)
	}
}

func TestFactsOfADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{})
	p := run(t, "a", server.Database(t), nil)
	p.facts()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if f, err := p.Facts(ctx); err == nil {
		t.Errorf("facts of a database that is away: %+v", f)
	}
}

// A follower that nobody sends to any more is on the timeline that it received last, not on that of its control file.
func TestAFollowerWithoutReceiverTellsItsTimeline(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Options{Mirror: true})
	conn := server.Database(t)
	if err := errors.Join(server.Demote(), server.Reopen(), server.AwaitMirror()); err != nil { // timeline 2 begins
		t.Fatal(err)
	}
	p := run(t, "a", server.PromotedConnString(conn), nil, func(*pg.Store) pg.Gate { return shut{} })
	eventually(t, "the mirror to receive timeline 2", func() bool {
		f := p.facts()
		return f.InRecovery && f.Receiver != nil && f.Receiver.Timeline == 2
	})
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the receiver to end", func() bool { return p.facts().Receiver == nil })
	if f := p.facts(); f.Timeline == nil || *f.Timeline != 2 {
		t.Errorf("without its receiver the mirror tells timeline %v, want 2", *f.Timeline)
	}
}
