package failover

import "time"

// Observation is all that a decision is made of. The observer reads in this order, and starts anew when a read that it
// needs fails: own object (status and spec of one resource version, not from a cache), own database and servers, the
// peer's beat, the peer's object (live), the witness. So whatever stands in Status was written before
// the peer was read: that is the half of "claim, then check" which is not in this package.
type Observation struct {
	Pool   string // the pool's name, for the commands that are shown
	Self   Side
	Names  map[Side]string // what the sites are called; absent: home, backup
	Limits Limits

	Spec    Spec
	Prompts Prompts
	Status  Status // own, as persisted

	Database Database // own
	Servers  Servers  // own
	Address  bool     // the pool's public address points to this site, as far as this site makes it so
	Lag      Lag      // how far a standby is behind

	// ClaimFor is how long the present claim has been seen standing in the own status. It is zero after a restart.
	ClaimFor time.Duration
	// StepFor is the same for the step of the transition.
	StepFor time.Duration
	Witness Witness
	Peer    Peer
}

// Limits are the durations of the rules, all by the observer's own monotonic clock.
type Limits struct {
	PeerSilence     time.Duration // the peer's operator is silent when its counter stood still for this long
	DatabaseSilence time.Duration // a database that did not answer for this long counts as gone, for an assisted move
	VoteTTL         time.Duration // how long a vote (of witness or peer) keeps servers activated; less than PeerSilence
	Margin          time.Duration // waited beyond a vote's end before the right is taken
	StepLimit       time.Duration // a step before the grant that takes longer is undone
	RetryAfter      time.Duration // and the move begun anew after this
	MaxLag          time.Duration // a standby that is further behind is not ready
	ApplyFor        time.Duration // how long what was received is waited for to be applied
}

// DefaultLimits are those of the design.
func DefaultLimits() Limits {
	return Limits{
		PeerSilence:     30 * time.Second,
		DatabaseSilence: 30 * time.Second,
		VoteTTL:         15 * time.Second,
		Margin:          5 * time.Second,
		StepLimit:       time.Minute,
		RetryAfter:      5 * time.Minute,
		MaxLag:          time.Minute,
		ApplyFor:        3 * time.Second,
	}
}

// Spec is what a site's manifest says.
type Spec struct {
	PoolState PoolState
	Self      Side        // which side the manifest makes of the site that reads it
	Confirm   Attestation // spec.failover; single use: it must name the epoch that would be minted
	Witness   bool        // a witness is configured
	// Maintenance: none of this site's servers is in spec.servers.active: they stay activated, posts get 503.
	Maintenance bool
	// NeedsMirror: no post is taken without a mirror in the site, so chat opens after BuildingMirror.
	NeedsMirror bool
}

// Attestation is a person's word that the other site does not serve and may be overtaken.
type Attestation struct {
	Epoch   int64 // the epoch to be minted; any other is not meant
	Abandon int64 // the epoch whose posts may be left behind; 0: none
	NewPool bool  // begin with an empty database (kubectl chatpool activate --new-pool)
}

// Prompts are words of a person to this site's operator, outside of the manifest.
type Prompts struct {
	Activate Attestation
	Release  int64 // kubectl chatpool release: give up this epoch
	// AbandonTail: do without salvage of what the own database holds of this epoch.
	AbandonTail int64
}

// Peer is the other site.
type Peer struct {
	// Live: its object was read from its API server in this round. That says nothing about its operator.
	Live bool
	// Known: Spec and Status hold what was last read, now or earlier (from a cache when not Live).
	Known  bool
	Spec   Spec
	Status Status
	// SilentFor is how long its counter was not seen to change; after a restart, how long this operator has looked.
	SilentFor time.Duration
	// Confirming: since our present claim stands, its counter was seen to rise between two live reads. An operator
	// that beats has looked at its own database before: a status that was restored from a snapshot does not confirm.
	Confirming bool
	// Database is what its operator published with its last beat; Known only while that is younger than Limits.Margin.
	Database Database
}

// Lag bounds what a forced move would lose.
type Lag struct {
	Known bool
	Time  time.Duration // since the heartbeat row was seen to change
	Bytes int64         // -1: not known, the link is cut
}

// Witness is what the third place says. Epoch is the highest one that its holders have noted there: each stands in a
// database.
type Witness struct {
	State WitnessState
	Epoch int64
}

// WitnessState is a witness's answer.
type WitnessState string

// The answers of a witness.
const (
	WitnessUnknown WitnessState = ""        // none configured, or no answer
	WitnessGranted WitnessState = "Granted" // we hold the lease, renewed within its time
	WitnessFree    WitnessState = "Free"    // nobody does: given up, or not renewed for its time and a margin
	WitnessDenied  WitnessState = "Denied"  // the other site holds it
)
