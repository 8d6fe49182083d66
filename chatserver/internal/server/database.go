package server

import (
	"context"
	"log/slog"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/internal/gate"
	"chatpool.dev/chatserver/internal/store/pg"
)

// factsTime is how long the database may take to tell what it is like; the rest of the answer's time is for the way.
const factsTime = adminapi.DatabaseTime - 300*time.Millisecond

// database is what the admin API tells of the database. It answers when ctx or factsTime is over, whatever the database does.
func (s *Server) database(ctx context.Context) adminapi.DatabaseState {
	state := adminapi.DatabaseState{Activation: adminapi.Activation{How: adminapi.BySingleSite}}
	if s.gate != nil {
		state.Activation, state.Heartbeats = s.gate.Activation(), s.gate.Heartbeats()
	}
	ctx, cancel := context.WithTimeout(ctx, factsTime)
	defer cancel()
	type outcome struct {
		facts *adminapi.DatabaseFacts
		err   error
	}
	asked := make(chan outcome, 1)
	go func() {
		facts, err := s.store.Facts(ctx)
		asked <- outcome{facts, err}
	}()
	select {
	case o := <-asked:
		if o.err != nil {
			state.Unreachable = o.err.Error()
		}
		state.Facts = o.facts
	case <-ctx.Done():
		state.Unreachable = "the database did not answer in time"
	}
	return state
}

// admitTime is how long a migration waits for a server of its site to be activated.
const admitTime = 10 * time.Minute

// Migrate brings the schema of the configuration's database up to date. In a pool with two sites it waits for proof that the
// database may be written in.
func Migrate(ctx context.Context, c *adminapi.PoolConfig, log *slog.Logger) error {
	var admit pg.Admit
	if c.Gate {
		waiting, cancel := context.WithTimeout(ctx, admitTime)
		defer cancel()
		wait := gate.Await(c.Site)
		admit = func(_ context.Context, look func(context.Context) (pg.Watched, error)) (int64, error) {
			return wait(waiting, look)
		}
	}
	return pg.Migrate(ctx, Source(c).Config, admit, log)
}
