package hub

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

// CatalogSource is where categories and rooms are kept.
type CatalogSource interface {
	Catalog(ctx context.Context, since int64) (pg.Changes, error)
}

// follower keeps a copy of the catalog that is read without waiting.
type follower struct {
	source  CatalogSource
	current atomic.Pointer[Catalog]
	// changed is told after each change, in order, which rooms are concerned.
	changed func(affected map[chat.ID]bool, all bool)

	mu      sync.Mutex
	fresh   time.Time    // when the last good reading began
	freshNs atomic.Int64 // the same, for metrics
}

func newFollower(source CatalogSource, changed func(map[chat.ID]bool, bool)) *follower {
	f := &follower{source: source, changed: changed}
	f.current.Store(&Catalog{})
	return f
}

// refresh makes the copy at least as new as the call.
func (f *follower) refresh(ctx context.Context) error {
	asked := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fresh.After(asked) {
		return nil // somebody else has just read it
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	begin := time.Now()
	now := f.current.Load()
	ch, err := f.source.Catalog(ctx, now.revision)
	if err != nil {
		return fmt.Errorf("read catalog: %w", err)
	}
	if changed(ch, now.revision) || !now.loaded {
		next, affected, all := now.with(ch)
		f.current.Store(next)
		f.changed(affected, all)
	}
	f.fresh = begin
	f.freshNs.Store(begin.UnixNano())
	return nil
}

// age tells how old the copy is; a copy that was never made is as old as the epoch.
func (f *follower) age() time.Duration { return time.Since(time.Unix(0, f.freshNs.Load())) }
