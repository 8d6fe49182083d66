package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"chatpool.dev/chatserver/chat"
)

// fault says what to do about an error before a COMMIT, when nothing is stored.
type fault int

const (
	faultServer fault = iota // the connection or the server is gone or takes no writes: connect anew
	faultLocked              // a lock was not given in time
	faultBusy                // the server cannot now, whoever asks: full, shutting a query down, without our schema
	faultData                // one of the rows is not for this database
	faultOther               // anything else; perhaps one of the rows
)

func faultOf(err error) fault {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC" {
		return faultServer
	}
	switch e.Code {
	case "55P03": // lock_not_available
		return faultLocked
	case "25006", // read_only_sql_transaction: demoted
		"25P03",                   // idle_in_transaction_session_timeout: we stood still
		"57P01", "57P02", "57P03", // shutting down, crashed, starting
		"57P04", "57P05":
		return faultServer
	case "23505": // unique_violation: cannot be under the room's lock, so not the post's fault
		return faultOther
	}
	switch e.Code[:2] {
	case "08": // connection exceptions
		return faultServer
	case "22", "23", "54": // data exception, constraint violation, limit exceeded
		return faultData
	case "40", "42", "53", "57", "58", "3D", "28":
		return faultBusy
	}
	return faultOther
}

// unavailable makes an error of kind Unavailable, unless err has a kind already or the data is to blame.
func unavailable(what string, err error) error {
	if isChat(err) {
		return err
	}
	if faultOf(err) == faultData {
		return chat.Errorf(chat.Invalid, "%s: the database cannot hold this: %w", what, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the database took too long: %w", err)
	}
	return chat.Errorf(chat.Unavailable, "%s: %w", what, err)
}

func isChat(err error) bool {
	var e *chat.Error
	return errors.As(err, &e)
}
