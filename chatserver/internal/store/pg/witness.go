package pg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// witness is the connection that proves what a server has to be on its mirror, and the one that listens for hints:
// its session lives exactly as long as the server's present life. After connecting, and after each doubt, it commits
// a row; when the mirror has that, it has everything before. A commit that waits for a lost mirror waits on this one
// connection, however many ask to read.
type witness struct {
	connect func(context.Context) (*pgx.Conn, error)
	began   func()               // called for each new session, proven or not
	notify  func(payload string) // called for each notification
	lost    func()               // called when a session ends, or is on another server than the one before
	pod     string
	log     *slog.Logger

	mu      sync.Mutex
	proof   *proof
	changed chan struct{} // closed at the next change of proof
	doubts  int64         // how many doubts there were
	poke    func()        // ends the present wait for notifications
	renew   bool          // the session may be on another server than the pool's
	behind  bool          // the present or last session's server takes no writes
	life    time.Time     // when that server started; zero: it was lost since
}

// sign is what the witness commits.
const sign = `INSERT INTO witness (pod, at) VALUES ($1, now()) ON CONFLICT (pod) DO UPDATE SET at = now()`

// proof names a session of the witness that has proven its server's state.
type proof struct {
	pid     uint32
	started time.Time
	life    time.Time // when the server started
	follows bool      // the server takes no writes: what it shows came from another one; then the proof outlives the session
}

func newWitness() *witness { return &witness{changed: make(chan struct{}), poke: func() {}} }

// run keeps a session until ctx ends.
func (w *witness) run(ctx context.Context) {
	const shortest, longest = 50 * time.Millisecond, 2 * time.Second
	pause, tries := shortest, 0
	for ctx.Err() == nil {
		start := time.Now()
		err := w.session(ctx)
		if errors.Is(err, errLookAgain) {
			pause, tries = shortest, 0
			continue // the proof is good as long as the server turns out to be the same
		}
		w.set(nil, 0)
		w.lost()
		w.forget()
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > time.Minute {
			pause, tries = shortest, 0
		}
		if tries++; tries <= loudTries || tries%quietTries == 0 {
			w.log.Warn("lost the database's witness", "err", err, "after", time.Since(start).Round(time.Millisecond), "tries", tries)
		}
		wait(ctx, pause/2+rand.N(pause))
		pause = min(2*pause, longest)
	}
}

const (
	// loudTries is how many failures in a row are reported, and after them one of quietTries.
	loudTries, quietTries = 5, 30
)

// wait waits for a time or the end of ctx.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// session is the life of one connection.
func (w *witness) session(ctx context.Context) error {
	opening, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := w.connect(opening)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.PgConn().Conn().Close() }) // a COMMIT has no deadline
	defer stop()
	defer func() {
		closing, cancel := bounded(ctx, time.Second)
		defer cancel()
		conn.Close(closing)
	}()
	p := &proof{}
	err = conn.QueryRow(opening, `SELECT pid, backend_start, pg_is_in_recovery(), pg_postmaster_start_time() FROM pg_stat_activity WHERE pid = pg_backend_pid()`).
		Scan(&p.pid, &p.started, &p.follows, &p.life)
	if err != nil {
		return fmt.Errorf("who am I: %w", err)
	}
	news := w.turn(p.follows, p.life)
	if news {
		w.set(nil, 0)
		w.lost()
	}
	if p.follows {
		return w.follow(ctx, conn, w.present(p), news)
	}
	if _, err = conn.Exec(opening, "LISTEN "+channel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	w.began()
	for !w.takeRenew() {
		if err := w.prove(ctx, conn, p); err != nil {
			return err
		}
		if err := w.listen(ctx, conn); err != nil {
			return err
		}
	}
	return errors.New("the pool has connections to another server")
}

// prove commits until a commit is proven that began after the last doubt.
func (w *witness) prove(ctx context.Context, conn *pgx.Conn, p *proof) error {
	for {
		w.mu.Lock()
		doubts, proven := w.doubts, w.proof != nil
		w.mu.Unlock()
		if proven {
			return nil
		}
		preparing, cancel := context.WithTimeout(ctx, prepareTimeout)
		_, err := conn.Exec(preparing, "begin")
		cancel()
		if err != nil {
			return fmt.Errorf("prove: %w", err)
		}
		err = commit(conn, statement{sign, []any{w.pod}})
		switch {
		case err == nil:
			w.set(p, doubts)
		case errors.Is(err, errDoubt) && !conn.IsClosed(): // somebody cancelled it: again
		default:
			return fmt.Errorf("prove: %w", err)
		}
	}
}

// listen hands over notifications until there is a doubt or the connection ends.
func (w *witness) listen(ctx context.Context, conn *pgx.Conn) error {
	listening, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.poke = cancel
	proven := w.proof != nil
	w.mu.Unlock()
	for proven {
		n, err := conn.WaitForNotification(listening)
		if err != nil && (ctx.Err() != nil || listening.Err() == nil) {
			return err
		}
		if err != nil {
			return nil // poked
		}
		w.notify(n.Payload)
	}
	return nil
}

func (w *witness) takeRenew() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	renew := w.renew
	w.renew = false
	return renew
}

// set notes a proof, unless there was a doubt since.
func (w *witness) set(p *proof, doubts int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p != nil && w.doubts != doubts {
		return
	}
	w.proof = p
	close(w.changed)
	w.changed = make(chan struct{})
}

// doubt takes the proof back: something may be visible that the mirror does not have.
func (w *witness) doubt() {
	w.mu.Lock()
	w.doubts++
	poke := w.poke
	w.mu.Unlock()
	w.set(nil, 0)
	poke()
}

// mismatch asks for a new session: the pool has a connection to a server on which the witness's session is not.
func (w *witness) mismatch(seen *proof) {
	w.mu.Lock()
	mine := w.proof == seen
	w.renew = w.renew || mine
	w.mu.Unlock()
	if mine {
		w.doubt()
	}
}

// proven gives the present proof; it waits a moment for one.
func (w *witness) proven(ctx context.Context) (*proof, error) {
	t := time.NewTimer(proofWait)
	defer t.Stop()
	for {
		w.mu.Lock()
		p, changed := w.proof, w.changed
		w.mu.Unlock()
		if p != nil {
			return p, nil
		}
		select {
		case <-changed:
		case <-t.C:
			return nil, errUnproven
		case <-ctx.Done():
			return nil, errUnproven
		}
	}
}

// now gives the present proof; nil: there is none.
func (w *witness) now() *proof {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proof
}

// still tells whether p is the present proof.
func (w *witness) still(p *proof) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proof == p
}

var errUnproven = errors.New("what the database shows is not known to be on its mirror")
