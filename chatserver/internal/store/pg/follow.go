package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// followEvery is how often the witness asks a server that takes no writes whether it was promoted.
	followEvery = 500 * time.Millisecond
	// followTime is after how long the witness connects anew: the name of the database may mean another server by now.
	followTime = 5 * time.Second
)

// errLookAgain ends a session on a server that takes no writes, though nothing is wrong with it.
var errLookAgain = errors.New("look again where the database is")

// follows tells whether the database takes no writes, as far as the witness knows: what its present or last session says.
// Without a gate it never does.
func (w *witness) follows() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.behind
}

// reads tells whether the witness has found just now that the server takes no writes.
func (w *witness) reads() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proof != nil && w.proof.follows
}

// turn notes the server of a new session, and tells whether it is another one than that of the session before, or does
// something else by now.
func (w *witness) turn(behind bool, life time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.life.Equal(life) || w.behind != behind {
		if w.behind != behind {
			w.log.Info("the database", "takesWrites", !behind)
		}
		w.behind, w.life = behind, life
		return true
	}
	return false
}

// forget makes the next session's server another one, whichever it is.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.life = time.Time{}
}

// present gives the proof that there is, or else the new one.
func (w *witness) present(p *proof) *proof {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proof != nil {
		return w.proof
	}
	return p
}

// follow is a session on a server that takes no writes: what it has replayed may be read. Nothing is committed there
// and nobody can be listened to.
func (w *witness) follow(ctx context.Context, conn *pgx.Conn, p *proof, news bool) error {
	if news {
		w.began()
	}
	for began := time.Now(); time.Since(began) < followTime; {
		w.mu.Lock()
		doubts, proven := w.doubts, w.proof != nil
		w.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, prepareTimeout)
		err := w.confirm(asking, conn, p)
		cancel()
		if err != nil {
			w.takeRenew()
		}
		if errors.Is(err, errUnproven) { // promoted
			break
		}
		if err != nil {
			return fmt.Errorf("follow: %w", err)
		}
		if !proven {
			w.set(p, doubts)
		}
		wait(ctx, followEvery)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if w.takeRenew() {
			break
		}
	}
	return errLookAgain
}

// confirm fails, and takes the proof back, when the server takes writes by now: then it must prove what it shows.
func (w *witness) confirm(ctx context.Context, conn *pgx.Conn, p *proof) error {
	still := false
	if err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&still); err != nil {
		return err
	}
	if !still {
		w.mismatch(p)
		return errUnproven
	}
	return nil
}
