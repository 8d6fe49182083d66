package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"chatpool.dev/chatserver/chat"
)

// errDoubt is the cause when it is not known whether a transaction is stored on primary and mirror.
var errDoubt = errors.New("the commit's outcome is not known")

// warned is where onNotice leaves a WARNING for who uses the connection.
const warned = "chatpool.warning"

// onNotice keeps warnings: on a COMMIT one means that the mirror may not have it.
func onNotice(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		c.CustomData()[warned] = n.Message
	}
}

// takeWarning gives the connection's last warning, once; "" if there was none.
func takeWarning(c *pgx.Conn) string {
	w, _ := c.PgConn().CustomData()[warned].(string)
	delete(c.PgConn().CustomData(), warned)
	return w
}

// statement is one SQL statement.
type statement struct {
	sql  string
	args []any
}

// commit sends statements and then COMMIT, without deadline and beyond any cancel. Nil means: on the primary and,
// with synchronous_commit on, on the mirror. An error with errDoubt as its cause means that it is not known; any other,
// that nothing is stored.
func commit(conn *pgx.Conn, statements ...statement) error {
	takeWarning(conn)
	b := &pgx.Batch{}
	for _, st := range statements {
		b.Queue(st.sql, st.args...)
	}
	b.Queue("commit")
	br := conn.SendBatch(context.Background(), b)
	var tag pgconn.CommandTag
	var err error
	for range b.Len() {
		if tag, err = br.Exec(); err != nil {
			break
		}
	}
	if closing := br.Close(); err == nil {
		err = closing
	}
	return judge(tag, err, takeWarning(conn))
}

// judge tells what the answer to a COMMIT means.
func judge(tag pgconn.CommandTag, err error, warning string) error {
	var e *pgconn.PgError
	switch {
	case warning != "":
		return fmt.Errorf("%w: the database warned: %s", errDoubt, warning)
	case err == nil && tag.String() == "COMMIT":
		return nil
	case err == nil:
		return fmt.Errorf("the database answered COMMIT with %s", tag)
	case errors.As(err, &e) && e.SeverityUnlocalized == "ERROR":
		return err
	}
	return fmt.Errorf("%w: %w", errDoubt, err)
}

// noteDoubt sees to what follows from a commit in doubt: nobody reads until the witness has proven the server's state.
func (s *Store) noteDoubt(err error) error {
	if errors.Is(err, errDoubt) {
		s.metrics.doubts.Inc()
		s.witness.doubt()
		s.hints.doubt()
		s.dropConnections()
		s.log.Warn("a commit is in doubt", "err", err)
	}
	return err
}

// doubtful is what an author or administrator hears then.
func doubtful(err error) error {
	return &chat.Error{Kind: chat.Unavailable, Text: "it is not known yet whether this is stored: try the same again", Err: err}
}
