package pg

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Options say how to reach the database and who asks.
type Options struct {
	// Config makes the settings of each new connection; it is called again for every one, so that new passwords and
	// CAs count at once. Source.Config is one.
	Config func() (*pgx.ConnConfig, error)
	// MaxConns is the size of the connection pool, besides which there are two more connections, for hints in and out.
	// 0 means 16; the least is 4.
	MaxConns int
	// Pod is this server's name; it need not be the same after a restart.
	Pod string
	// Log gets what an administrator should know. Nil means slog.Default().
	Log *slog.Logger
	// Registry gets the metrics, names beginning with chatpool_store_. Nil means none.
	Registry prometheus.Registerer
}

// Bounds of the hot path. They are constants because they are properties of the design, not of an installation.
const (
	maxQueued      = 20000    // posts that wait in this pod; more are refused at once
	maxQueuedBytes = 64 << 20 // their size
	maxRoomQueued  = 5000     // posts that wait in one room, so that one flooded room leaves space for the others
	maxBatch       = 256      // posts of one transaction
	maxBatchBytes  = 4 << 20  // their size
	maxBatchRooms  = 32       // rooms of one transaction
	hotRoom        = 64       // a room with so many waiting posts gets a transaction of its own
	batchWorkers   = 4        // transactions in flight

	// prepareTimeout bounds all of a transaction before its COMMIT.
	prepareTimeout = 5 * time.Second
	// retryTime is how long a batch is tried on new connections while the server is gone.
	retryTime = 2 * time.Second
	// maxWait is how long a post may wait for its batch: its author was told 503 long before, and has sent it again.
	maxWait = 10 * time.Second
	// lockTimeout bounds each wait for a lock; on the server.
	lockTimeout = 3 * time.Second
	// idleInTransaction ends, on the server, a transaction whose pod stood still while it held locks.
	idleInTransaction = 5 * time.Second
	// connectTimeout bounds making a connection.
	connectTimeout = 5 * time.Second
	// queryTime bounds each query, whatever deadline the caller has.
	queryTime = 10 * time.Second
	// proofWait is how long a reader waits for the witness.
	proofWait = time.Second
	// deadPeer is after how long without an answer on the network a connection counts as lost, also during COMMIT.
	deadPeer = 6 * time.Second
)

// Lifetimes of participants.
const (
	// beatEvery is how often a pod renews its lease.
	beatEvery = 2 * time.Second
	// sweepEvery is how often a pod looks for participants whose time is over, of all pods.
	sweepEvery = 5 * time.Second
	// leaseTime is after how long without a beat a pod's participants count as detached.
	leaseTime = 15 * time.Second
	// DetachedTime is how long a participant who lost the connection stays in his rooms.
	DetachedTime = 60 * time.Second
	// UnkeptTime is how long messages of a room without history can be read, by pods that must still deliver them.
	UnkeptTime = 60 * time.Second
)
