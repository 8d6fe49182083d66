package pg

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

var (
	//go:embed sql/beat.sql
	beatSQL string
	//go:embed sql/detach.sql
	detachSQL string
	//go:embed sql/detach_lapsed.sql
	detachLapsed string
	//go:embed sql/forget_pods.sql
	forgetPods string
	//go:embed sql/lock_expired.sql
	lockExpired string
	//go:embed sql/expire.sql
	expireSQL string
	//go:embed sql/lock_presences.sql
	lockPresences string
	//go:embed sql/reassert.sql
	reassertSQL string
)

// keepLease beats, and does what is due: detaches, and on behalf of all pods ends the stay of those whose time is over.
func (s *Store) keepLease(ctx context.Context) {
	beat, sweep := time.NewTicker(beatEvery), time.NewTicker(sweepEvery)
	defer beat.Stop()
	defer sweep.Stop()
	select { // the witness finds out first whether the database takes writes
	case <-ctx.Done():
		return
	case <-s.lease.wake:
	case <-beat.C:
	}
	s.beat(ctx)
	for {
		s.try(ctx, "write who is detached", s.writeDetached)
		s.try(ctx, "write participants again", s.writeMembers)
		select {
		case <-ctx.Done():
			return
		case <-s.lease.wake:
		case <-beat.C:
			s.beat(ctx)
		case <-sweep.C:
			s.sweep(ctx)
		}
	}
}

// sweep does what is due on behalf of all pods, as far as the database takes writes and the gate allows.
func (s *Store) sweep(ctx context.Context) {
	s.try(ctx, "hasten a copy of the database", s.hastenCopy)
	if s.witness.follows() {
		return
	}
	s.try(ctx, "end the stay of participants", s.expireParticipants)
	if _, err := s.enter(); err == nil {
		s.try(ctx, "forget messages that are not kept", s.forgetUnkept)
		s.try(ctx, "remove the messages of removed rooms", s.emptyRemoved)
	}
}

// copyWaits: somebody copies the database and waits for its next checkpoint, which is minutes away, and this role may make
// one now.
const copyWaits = `SELECT EXISTS (SELECT FROM pg_stat_progress_basebackup WHERE phase = 'waiting for checkpoint to finish')
AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_checkpoint' AND pg_has_role(oid, 'MEMBER'))`

// hastenCopy: a mirror or a follower that is made anew begins to copy at once.
func (s *Store) hastenCopy(ctx context.Context) error {
	return s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		waits := false
		if err := conn.QueryRow(ctx, copyWaits).Scan(&waits); err != nil || !waits {
			return err
		}
		s.log.Info("makes a checkpoint for a copy of the database that waits for one")
		_, err := conn.Exec(ctx, "CHECKPOINT")
		return err
	})
}

// try does a part of the upkeep; what fails is due again at the next beat. It tells once that a part begins to fail, and
// that it is done again.
func (s *Store) try(ctx context.Context, what string, f func(context.Context) error) {
	trying, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	err := f(trying)
	if failing := s.lease.failing; ctx.Err() == nil && failing[what] != (err != nil) {
		failing[what] = err != nil
		if err != nil {
			s.log.Warn("upkeep of the database fails", "what", what, "err", err)
		} else {
			s.log.Info("upkeep of the database works again", "what", what)
		}
	}
}

// beat renews the lease; in a database that takes no writes it only asks whether that is there.
func (s *Store) beat(ctx context.Context) {
	s.try(ctx, "renew the lease", func(ctx context.Context) error {
		lapsed := false
		err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			if s.witness.follows() {
				return conn.Ping(ctx)
			}
			return light(ctx, conn, func(tx pgx.Tx) error {
				return tx.QueryRow(ctx, beatSQL, s.instance, leaseTime.Seconds()).Scan(&lapsed)
			})
		})
		if err != nil {
			return err
		}
		s.lease.beaten.Store(time.Now().UnixMilli())
		if lapsed {
			s.lease.reassert()
		}
		return nil
	})
}

// Reachable tells whether the lease was renewed within the last 15 s.
func (s *Store) Reachable() bool {
	return time.Since(time.UnixMilli(s.lease.beaten.Load())) < leaseTime
}

// light runs f in a transaction that does not wait for the mirror.
func light(ctx context.Context, conn *pgx.Conn, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{BeginQuery: "begin; set local synchronous_commit = off"}, f)
}

func (s *Store) writeDetached(ctx context.Context) error {
	l := s.lease
	l.mu.Lock()
	var users, ids []string
	var serials []int64
	for e, serial := range l.detached {
		users, ids, serials = append(users, string(e.user)), append(ids, e.id), append(serials, serial)
	}
	l.mu.Unlock()
	if len(users) == 0 {
		return nil
	}
	if s.witness.follows() {
		// There is nothing of ours to be detached.
	} else if _, err := s.lightly(ctx, statement{detachSQL, []any{users, ids, serials, s.instance}}); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, serial := range serials {
		e := endpoint{chat.Principal(users[i]), ids[i]}
		if l.detached[e] == serial && l.joining[e] == 0 {
			delete(l.detached, e)
		}
	}
	return nil
}

// reassertChunk bounds the participants of one statement.
const reassertChunk = 500

func (s *Store) writeMembers(ctx context.Context) error {
	l := s.lease
	l.mu.Lock()
	again := l.again
	l.again = false
	l.mu.Unlock()
	if !again || s.witness.follows() {
		return nil // who begins to follow another database writes them when that ends: the witness then has a new session
	}
	l.steady.Lock()
	defer l.steady.Unlock()
	for chunk := range slices.Chunk(l.list(), reassertChunk) {
		if err := s.writeChunk(ctx, chunk); err != nil {
			l.mu.Lock()
			l.again = true
			l.mu.Unlock()
			return err
		}
	}
	return nil
}

func (s *Store) writeChunk(ctx context.Context, chunk []memberRow) error {
	var rooms [][16]byte
	var users, ids, names []string
	var serials []int64
	for _, m := range chunk {
		rooms, users, ids = append(rooms, m.room), append(users, string(m.user)), append(ids, m.endpoint)
		names, serials = append(names, m.name), append(serials, m.serial)
	}
	return s.presenceChange(ctx, statement{lockPresences, []any{rooms}},
		func(_ [][16]byte) statement {
			return statement{reassertSQL, []any{rooms, users, ids, names, serials, s.instance}}
		})
}

// expireParticipants detaches those of pods that are gone, and removes who was detached for too long.
func (s *Store) expireParticipants(ctx context.Context) error {
	if _, err := s.lightly(ctx, statement{detachLapsed, []any{leaseTime.Seconds()}}, statement{forgetPods, nil}); err != nil {
		return err
	}
	return s.presenceChange(ctx, statement{lockExpired, []any{DetachedTime.Seconds()}},
		func(locked [][16]byte) statement {
			return statement{expireSQL, []any{DetachedTime.Seconds(), locked}}
		})
}

// presenceChange locks rooms, changes their participants and hints at those that changed visibly.
func (s *Store) presenceChange(ctx context.Context, lock statement, change func(locked [][16]byte) statement) error {
	var changed []chat.ID
	err := s.query(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return light(ctx, conn, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, lock.sql, lock.args...)
			if err != nil {
				return err
			}
			locked, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
			if err != nil {
				return err
			}
			st := change(locked)
			if rows, err = tx.Query(ctx, st.sql, st.args...); err != nil {
				return err
			}
			changed, err = pgx.CollectRows(rows, scanID)
			return err
		})
	})
	if err == nil && len(changed) > 0 {
		s.hints.participants(changed...)
	}
	return err
}

// giveUp ends the lease at once, so that returning endpoints are found detached and the rest need not wait.
func (s *Store) giveUp() {
	if s.witness.follows() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := s.lightly(ctx, statement{`UPDATE participant SET detached_at = coalesce(detached_at, now()), pod = '' WHERE pod = $1`, []any{s.instance}},
		statement{`DELETE FROM pod WHERE name = $1`, []any{s.instance}})
	if err != nil {
		s.log.Warn("the lease is left to run out", "err", err)
	}
}
