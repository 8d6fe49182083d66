package failover

import "time"

// Status is what a site writes about itself, for its own next round and for its peer. A site writes only its own, each
// write guarded by the resource version with which the round began, and each adds one to Counter.
type Status struct {
	Role  Role
	Epoch int64 // the highest epoch that the site has heard of
	// Data and Held tell the peer what the site's operator last saw of its own database: Data is unknown when it did
	// not answer, Held keeps the newest epoch seen in it.
	Data Data
	Held int64
	Shut bool // its chat servers answer, and none is activated
	// Strayed: Database.Strayed was seen; or the database, now Isolated, held more than its source.
	Strayed bool

	// Voided is the highest epoch for which a person's word was given while the other site served and answered: such a
	// word is not kept for a later silence. The epoch is burnt.
	Voided int64

	Claim    Claim
	Grant    Grant
	Released int64 // the site has shut itself and gave up this epoch; there is no way back into it

	Transition Transition
	Counter    int64
}

// Claim stands in the status of a site that is about to open, before it looks whether it may.
type Claim struct {
	Kind  ClaimKind
	Epoch int64
	// Timeline is the database's when the claim was made. A new epoch is recorded on a later one only: so no two
	// epochs share a timeline, and none goes on in a database that opened by itself.
	Timeline int64
}

// ClaimKind says with what right a site claims.
type ClaimKind string

// The kinds of claims.
const (
	Activating ClaimKind = "Activating" // with proof: the peer's or the witness's
	Forcing    ClaimKind = "Forcing"    // with the word of a person, or of the witness, against a silent peer
)

// Grant is the commit point of a planned move: from here on only the peer can open, in the epoch that it names.
type Grant struct {
	Epoch int64
	Token string
}

// Kind is the kind of a transition (section 3).
type Kind string

// The kinds of transitions.
const (
	NoMove   Kind = ""
	Creation Kind = "Creation" // the first epoch, or a site that gets its first copy
	Planned  Kind = "Planned"
	Assisted Kind = "Assisted"
	Forced   Kind = "Forced"
	Return   Kind = "Return" // a site that was overtaken comes back
)

// Step is a step of a transition (section 4), named after the old procedure.
type Step string

// The steps, in the order in which they are taken.
const (
	CheckingPrerequisites Step = "CheckingPrerequisites"
	QuiescingChat         Step = "QuiescingChat"
	DrainingCompliance    Step = "DrainingCompliance"
	DemotingOld           Step = "DemotingOld"
	Granting              Step = "Granting"
	RollingBack           Step = "RollingBack"
	ShuttingChat          Step = "ShuttingChat"
	FencingDatabase       Step = "FencingDatabase"
	Releasing             Step = "Releasing"
	RemovingLogShipping   Step = "RemovingLogShipping"
	ApplyingReceivedWAL   Step = "ApplyingReceivedWAL"
	Claiming              Step = "Claiming"
	Initialising          Step = "Initialising"
	Promoting             Step = "Promoting"
	RecordingEpoch        Step = "RecordingEpoch"
	BuildingMirror        Step = "BuildingMirror"
	ActivatingServers     Step = "ActivatingServers"
	SwitchingAddress      Step = "SwitchingAddress"
	OldFollows            Step = "OldFollows"
	Isolating             Step = "Isolating"
	Salvaging             Step = "Salvaging"
	Rejoining             Step = "Rejoining"
)

// Transition is what the site is in the middle of. Nothing is derived from it but whether a planned or an assisted move
// was begun in the present epoch: everything else is derived from the facts, after a restart at any line.
type Transition struct {
	Kind Kind
	Step Step
	From int64 // the epoch that was the highest when it began
	// StartedAt is kept while the kind stays; the caller sets it when it finds it zero.
	StartedAt time.Time
}
