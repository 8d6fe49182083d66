package gate

import (
	"context"
	"fmt"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

// Await is for programs that work on the database without being a server, such as the migration: it waits until servers of the
// site are seen to move the heartbeat, and gives their epoch. The error is of kind Unavailable.
func Await(site string) pg.Admit {
	return func(ctx context.Context, look func(context.Context) (pg.Watched, error)) (int64, error) {
		s := newState(site, "", sinceBoot())
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			asked := sinceBoot()
			w, err := look(ctx)
			if err != nil {
				return 0, fmt.Errorf("wait for a server of site %q: %w", site, err)
			}
			s.look(sinceBoot(), asked, w)
			if p, ok := s.pass(sinceBoot()); ok {
				return p.Epoch, nil
			}
			select {
			case <-ctx.Done():
				return 0, chat.Errorf(chat.Unavailable, "no activated server of site %q moves the heartbeat of epoch %d: activate one: %w", site, w.Newest, ctx.Err())
			case <-tick.C:
			}
		}
	}
}
