package failover

import "time"

// Data says whether a site's volumes hold anything.
type Data string

// What volumes hold.
const (
	DataUnknown Data = ""
	DataEmpty   Data = "Empty"
	DataPartial Data = "Partial" // a copy that was begun and not finished; there is nothing in it to lose
	DataPresent Data = "Present"
)

// Mode says what a database does.
type Mode string

// The modes of a database.
const (
	Open      Mode = "Open"      // primary, takes writes
	Following Mode = "Following" // in recovery, configured to stream from the other site
	Isolated  Mode = "Isolated"  // in recovery, readable, follows nobody: its contents stand still
)

// Database is what is known about a site's database, from GET /v1/database of its chat servers and from what our own
// objects say; never from CloudNativePG's phase. When it is not Known, the other fields mean nothing, except for
// SilentFor and Fenced: no answer is not "down".
type Database struct {
	Known     bool
	SilentFor time.Duration // how long it has not answered
	Fenced    bool          // the order to stay down is in place: it holds over a power cut. One that is down is not Known

	Data     Data
	Mode     Mode
	Closing  bool   // Open, and ordered to become a standby
	Opening  bool   // in recovery, and ordered to open
	System   uint64 // PostgreSQL's system identifier: two databases that were not copied from one another differ in it
	Timeline int64
	LSN      int64   // the end of what it holds
	Oldest   int64   // where the log begins that it still keeps; 0: not known
	Applied  bool    // in recovery: everything received is replayed
	Epochs   []Epoch // the append-only table, oldest first
	Beat     int64   // the heartbeat row's number: it only grows along a history, and only activated servers beat
	Mirror   bool    // it has a mirror in its site
	// Strayed: it was open in an epoch that is not its site's. That is written in it, as a mark after its newest epoch:
	// whatever its timeline, it is no prefix of the other's history.
	Strayed bool

	Streaming    bool       // Following: the receiver streams
	Unfollowable bool       // Following: the source refuses for good (WAL is gone, histories differ)
	Followed     bool       // the other site streams from this one
	Token        Token      // the demotion token that the cluster shows; it stays after its use
	Salvaged     []Tail     // tails of which everything is in this database
	Rewind       RewindFate // what became of the last rewind
}

// RewindFate tells of a rewind.
type RewindFate string

// RewindFailed: rewinding was refused by the tool with nothing changed; only a copy is left.
const RewindFailed RewindFate = "Failed"

// Token is a demotion token: it stands for everything that was written on its timeline.
type Token struct {
	Text     string
	Timeline int64
}

// Epoch is a row of the epoch table. It says where the epoch left its predecessor.
type Epoch struct {
	Number       int64
	ForkTimeline int64
	ForkLSN      int64
	ForkBeat     int64
}

// Tail names the contents of a database that was overtaken.
type Tail struct {
	Epoch    int64
	Timeline int64
	LSN      int64
}

// Newest is the highest epoch that the database holds; 0 for none, or not known.
func (d Database) Newest() int64 {
	if !d.Known || d.Data != DataPresent || len(d.Epochs) == 0 {
		return 0
	}
	return d.Epochs[len(d.Epochs)-1].Number
}

func (d Database) tail() Tail { return Tail{d.Newest(), d.Timeline, d.LSN} }

func (d Database) hasSalvaged(t Tail) bool {
	for _, s := range d.Salvaged {
		if s == t {
			return true
		}
	}
	return false
}

// in tells whether the database is known to be in the mode, with data.
func (d Database) in(m Mode) bool { return d.Known && d.Data == DataPresent && d.Mode == m }

// Servers is what a site's chat servers say of themselves, all together.
type Servers struct {
	Known    bool
	Epoch    int64 // the highest epoch for which any of them is activated; 0: all are shut
	Quiesced bool  // activated, but no post is taken
	Drained  bool  // compliance has stopped
	// Partly: one of them is quiesced while others take posts.
	Partly bool
	// Unseen: one that exists did not answer, and the database would still take its posts.
	Unseen bool
}
