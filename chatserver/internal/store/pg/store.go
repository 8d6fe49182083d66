package pg

import (
	"context"
	"errors"

	"chatpool.dev/chatserver/chat"
)

var errSkeleton = errors.New("skeleton")

// Store is a pool's database as one pod sees it. All methods are safe for concurrent use.
type Store struct {
	onCommit func([]chat.Message)
	onHint   func(Hint)
}

// Open makes a store. The database need not be there yet: connections are made when needed. Set OnCommit and OnHint,
// then call Run.
func Open(o Options) (*Store, error) { return nil, errSkeleton }

// Run posts, listens for hints and keeps the lease, until ctx ends. It then refuses waiting posts, lets commits that
// are under way go on for a short time, gives up the lease, closes every connection and returns nil.
func (s *Store) Run(ctx context.Context) error { return errSkeleton }

// SchemaReady is nil when the database has all migrations of this build (newer ones do not matter).
func (s *Store) SchemaReady(ctx context.Context) error { return errSkeleton }

// SchemaVersion is the number of the newest migration in the database.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) { return 0, errSkeleton }

// Reachable tells whether the lease was renewed within the last 15 s.
func (s *Store) Reachable() bool { return false }

// OnCommit sets who is told of each committed message of this pod, in order of positions within each room, also when
// its author was told 503 because it took too long. It is called from several goroutines for different rooms and must
// not block. Duplicates are not told again. Call it before Run.
func (s *Store) OnCommit(f func([]chat.Message)) { s.onCommit = f }

// OnHint sets who is told of hints from other pods. It must not block. Call it before Run.
func (s *Store) OnHint(f func(Hint)) { s.onHint = f }

// HintKind says what a hint is about.
type HintKind string

// The kinds of hints.
const (
	HintMessage  HintKind = "Message"  // Room has messages up to Head
	HintPresence HintKind = "Presence" // the participants of Room have changed
	HintCatalog  HintKind = "Catalog"  // categories or rooms have changed
	HintAll      HintKind = "All"      // hints may have been lost: ask for everything
)

// Hint says that there is something new to read. Hints may be lost, repeated and out of order.
type Hint struct {
	Kind HintKind
	Room chat.ID
	Head chat.Position
}
