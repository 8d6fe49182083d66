package pg

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table of goose, the migrator.
const versions = "schema_version"

// Migrate brings the schema up to this build's. Several may run at the same time: one works, the others wait, up to
// five minutes. A schema that is newer is left alone: the version before must go on working on it.
func Migrate(ctx context.Context, config func() (*pgx.ConnConfig, error), log *slog.Logger) error {
	c, err := config()
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	secureDial(c)
	db := stdlib.OpenDB(*c)
	defer db.Close()
	p, err := migrator(db)
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	for _, m := range done {
		log.Info("applied a migration", "version", m.Source.Version, "took", m.Duration)
	}
	return nil
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
