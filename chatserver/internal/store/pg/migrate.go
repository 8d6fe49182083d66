package pg

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table of goose, the migrator.
const versions = "schema_version"

// lockTries is how often a migration tries again that did not get a lock: somebody reads for long.
const lockTries = 60

// Admit waits until there is proof that the database may be written in, and gives the epoch. It looks at the gate's tables
// with look.
type Admit func(ctx context.Context, look func(context.Context) (Watched, error)) (epoch int64, err error)

// Migrate brings the schema up to this build's. Several may run at the same time: one works, the others wait, up to
// five minutes. A schema that is newer is left alone: the version before must go on working on it.
//
// With admit (nil: the pool has one site) it waits for proof, and no epoch begins or ends while it works; but a schema that has
// no gate yet is brought up to date at once: either it is a new database, or all of the pool is older than gates are.
func Migrate(ctx context.Context, config func() (*pgx.ConnConfig, error), admit Admit, log *slog.Logger) error {
	c, err := config()
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	secureDial(c, false)
	if admit != nil {
		held, err := holdEpoch(ctx, c, admit)
		if err != nil {
			return fmt.Errorf("migrate the schema: %w", err)
		}
		defer closeConn(ctx, held)
	}
	db := stdlib.OpenDB(*c)
	defer db.Close()
	p, err := migrator(db)
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	done, err := p.Up(ctx)
	for range lockTries {
		if err == nil || faultOf(err) != faultLocked {
			break
		}
		log.Info("a migration waits for a lock, and tries again", "err", err)
		wait(ctx, 2*time.Second)
		done, err = p.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	for _, m := range done {
		log.Info("applied a migration", "version", m.Source.Version, "took", m.Duration)
	}
	return nil
}

// holdEpoch gives a connection that keeps the epoch as it is, for as long as it lives.
func holdEpoch(ctx context.Context, c *pgx.ConnConfig, admit Admit) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := enterEpoch(ctx, conn, admit); err != nil {
		closeConn(ctx, conn)
		return nil, err
	}
	return conn, nil
}

func enterEpoch(ctx context.Context, conn *pgx.Conn, admit Admit) error {
	gated := false
	if err := conn.QueryRow(ctx, `SELECT to_regclass('gate') IS NOT NULL`).Scan(&gated); err != nil || !gated {
		return err
	}
	epoch, err := admit(ctx, func(ctx context.Context) (Watched, error) { return watchOn(ctx, conn) })
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock_shared($1)`, int64(gateLock)); err != nil {
		return err
	}
	w, err := watchOn(ctx, conn)
	if err == nil && (w.Newest != epoch || w.Closed >= epoch) {
		err = fmt.Errorf("epoch %d has ended meanwhile: start again", epoch)
	}
	return err
}

func migrator(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	l, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(l), goose.WithTableName(versions),
		goose.WithDisableGlobalRegistry(true))
}

// newest is the number of this build's newest migration, from its file's name.
func newest() int64 {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // they are compiled in
	}
	var v int64
	for _, e := range entries {
		if n, err := goose.NumericComponent(e.Name()); err == nil {
			v = max(v, n)
		}
	}
	return v
}
