package pg

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"
)

// Migrate brings the schema up to this build's. Several may run at the same time: one works, the others wait.
func Migrate(ctx context.Context, config func() (*pgx.ConnConfig, error), log *slog.Logger) error {
	return errSkeleton
}
