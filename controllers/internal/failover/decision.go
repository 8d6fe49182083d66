package failover

import (
	"math"
	"time"
)

// Decision is what a site is, and what its operator does next. The caller writes Status first (guarded), then renews
// the servers' right, then takes the Action, and then looks again. It takes no action later than ValidFor after the
// observation was begun: a decision of an operator that was frozen is worth nothing.
type Decision struct {
	Role Role
	// Rule is the check that had the last word.
	Rule   string
	Status Status
	Action Action
	// KeepFor is how long, from the beginning of the observation, servers that are activated for Status.Epoch keep their
	// right. Forever: there is no witness, nothing lapses. Zero: nobody votes for this site, the right is left to lapse.
	KeepFor time.Duration
	// WaitingFor tells a person what the site waits for; Next is the command that would help; Refused is why a word
	// that was given is not followed.
	WaitingFor string
	Next       Command
	Refused    string
	Conditions []Condition
}

// ValidFor is how old an observation may be when an action that was decided on it begins. It is shorter than the
// silence after which a peer may act on its own.
const ValidFor = 10 * time.Second

// Forever is a right that does not lapse.
const Forever time.Duration = math.MaxInt64

// Action is one thing to do. It can be repeated, and done in part: the next observation shows what is left.
type Action struct {
	Kind  ActionKind
	Epoch int64  // RecordEpoch, Activate, Quiesce, Resume, AcquireWitness
	Token string // Promote: wait until everything that it stands for is replayed; empty: open with what is there
	// Timeline is for RecordEpoch: the timeline that the epoch forks from; its end is in the timeline history. Zero: it
	// has none in common with the other site.
	Timeline int64
	Stray    bool // Isolate: first mark the open database as strayed
	// Tail is, for Salvage, the peer's contents that are meant; for Clone and Rewind, the own contents that may be
	// discarded. These two ask once more right before: the own database must be exactly this, the source still open.
	Tail Tail
}

// ActionKind is a kind of action.
type ActionKind string

// The actions. Those of the first group are done with the write of Status.
const (
	Nothing       ActionKind = ""
	ClaimEpoch    ActionKind = "Claim"    // stand up for an epoch
	WithdrawClaim ActionKind = "Withdraw" // step back from it
	GrantEpoch    ActionKind = "Grant"    // give the next epoch to the peer
	ReleaseEpoch  ActionKind = "Release"  // give up the epoch
	BeginMove     ActionKind = "Begin"    // of a transition

	Initialise ActionKind = "Initialise" // make an empty database; only as "First creation" says. What is left of one goes first
	Join       ActionKind = "Join"       // make a follower from a copy of the peer's database, refused where there is data
	Follow     ActionKind = "Follow"     // stream from the peer, nothing discarded
	RewindTo   ActionKind = "Rewind"     // pg_rewind while fenced, then follow
	Clone      ActionKind = "Clone"      // discard the data, then as Join
	Demote     ActionKind = "Demote"     // open -> readable standby that follows nobody, with a token
	Promote    ActionKind = "Promote"    // in recovery -> open, on a new timeline
	Isolate    ActionKind = "Isolate"    // any mode, ordered down or not -> readable standby that follows nobody
	Fence      ActionKind = "Fence"      // stop the database, and keep it stopped
	Unfence    ActionKind = "Unfence"    // let it run again as what it was

	RecordEpoch ActionKind = "RecordEpoch" // under the exclusive lock; refused when the table has this epoch or a higher
	Activate    ActionKind = "Activate"    // servers accept posts in the epoch, for KeepFor
	Quiesce     ActionKind = "Quiesce"     // servers stay activated and take no posts
	Resume      ActionKind = "Resume"      // as Activate, of an epoch that only a quiesce has ended
	Shut        ActionKind = "Shut"        // servers lose their activation

	Salvage         ActionKind = "Salvage"         // pull the peer's tail into the own database
	PublishAddress  ActionKind = "PublishAddress"  // the pool's address points here
	WithdrawAddress ActionKind = "WithdrawAddress" // it does not
	AcquireWitness  ActionKind = "AcquireWitness"  // take the lease for the epoch
	YieldWitness    ActionKind = "YieldWitness"    // give it up
)
