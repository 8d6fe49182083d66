package adminapi

// DatabaseState is the answer of one server about its site's database and about its own right to write there.
type DatabaseState struct {
	// Facts are nil when the database did not answer: then its state is unknown, which does not mean that it is down.
	Facts *DatabaseFacts `json:"facts"`
	// Unreachable says why there are no facts.
	Unreachable string     `json:"unreachable,omitempty"`
	Activation  Activation `json:"activation"`
	// Heartbeats of the newest epoch, as last seen; also when the database does not answer now.
	Heartbeats []Heartbeat `json:"heartbeats,omitempty"`
}

// Reachable tells whether the database answered.
func (d DatabaseState) Reachable() bool { return d.Facts != nil }

// DatabaseFacts are what a database says of itself. A nil pointer is something that is unknown: Unknown says why.
type DatabaseFacts struct {
	// InRecovery: it follows another, or is about to be promoted; it takes no writes.
	InRecovery bool `json:"inRecovery"`
	// SystemIdentifier is that of initdb: databases with different ones have nothing in common.
	SystemIdentifier *string `json:"systemIdentifier"`
	// Timeline is that of the log that is written, or received.
	Timeline *int64 `json:"timeline"`
	// CurrentLSN is the end of the log; not in recovery.
	CurrentLSN *LSN `json:"currentLSN"`
	// ReceivedLSN and ReplayedLSN are how far a follower is; only in recovery. Received is unknown to one that has not
	// streamed since its start.
	ReceivedLSN *LSN `json:"receivedLSN"`
	ReplayedLSN *LSN `json:"replayedLSN"`
	// OldestLSN is where the oldest file begins that is kept of the log: a follower that needs more must be cloned anew.
	OldestLSN *LSN `json:"oldestLSN"`
	// Receiver is what streams to a follower; nil: there is none, or it is unknown.
	Receiver *Receiver `json:"receiver,omitempty"`
	// Beat is the newest heartbeat in the database, as epoch * 2^32 + counter; 0: none. It only grows along a history, and
	// reaches a follower like everything else.
	Beat int64 `json:"beat"`
	// Epochs are the newest 64, the newest first; nil when the schema is not there yet.
	Epochs []Epoch `json:"epochs"`
	// ClosedEpoch is the newest epoch that was quiesced and not opened again; 0: none.
	ClosedEpoch int64 `json:"closedEpoch"`
	// Followers are the databases that stream from this one; nil: unknown, empty: none.
	Followers []Follower `json:"followers"`
	// Salvaged are the tails of which every post is in this database, known to be on its mirror; nil: unknown, or none. A follower tells
	// what has reached it.
	Salvaged []Tail `json:"salvaged,omitempty"`
	// Unknown are the fields that could not be read, and why, such as rights that the role does not have.
	Unknown map[string]string `json:"unknown,omitempty"`
}

// Epoch is a row of the database's record of epochs.
type Epoch struct {
	Epoch int64  `json:"epoch"`
	Site  string `json:"site"` // "": the site where the database was made
	// Fork is nil for an epoch that has nothing in common with the one before, or of which that is unknown.
	Fork *Fork `json:"fork,omitempty"`
	// ForkBeat is DatabaseFacts.Beat when the epoch was recorded.
	ForkBeat int64 `json:"forkBeat"`
}

// Receiver is the process that gets the log from another database.
type Receiver struct {
	Status     string `json:"status"`     // of pg_stat_wal_receiver, as "streaming"
	Timeline   int64  `json:"timeline"`   // that it has received last; 0: none yet
	SenderHost string `json:"senderHost"` // where it gets it from
}

// Follower is a database that streams from this one. A nil pointer is unknown: not yet, or not to this role.
type Follower struct {
	Name     string  `json:"name"` // application_name
	State    *string `json:"state"`
	SyncMode *string `json:"syncMode"` // async, potential, sync or quorum
	Sent     *LSN    `json:"sent"`
	Written  *LSN    `json:"written"`
	Flushed  *LSN    `json:"flushed"`
	Replayed *LSN    `json:"replayed"`
	// ReplayLagSeconds is how long the newest change took to be replayed there; unknown when nothing is under way.
	ReplayLagSeconds *float64 `json:"replayLagSeconds"`
}

// Heartbeat is the row that the activated servers of a site move on every second.
type Heartbeat struct {
	Epoch   int64  `json:"epoch"`
	Site    string `json:"site"`
	Pod     string `json:"pod"` // who moved it last
	Counter int64  `json:"counter"`
	// AgeSeconds is since the answering server saw it move, by its own clock; nil: never, since it began to watch.
	AgeSeconds *float64 `json:"ageSeconds"`
}
