package failover

// Side tells a pool's two sites apart: where it lives in state Normal, and where in state FailedOver.
type Side string

// The sides of a pool.
const (
	Home   Side = "home"
	Backup Side = "backup"
)

// Other is the other side.
func (s Side) Other() Side {
	if s == Home {
		return Backup
	}
	return Home
}

// Mints tells whether the epoch is one of this side's (section 2): home mints odd ones, backup even ones, so no two
// sites mint the same. Epoch 0 is nobody's.
func (s Side) Mints(epoch int64) bool {
	return epoch > 0 && (epoch%2 == 1) == (s == Home)
}

// Mint is the smallest of this side's epochs above the given one.
func (s Side) Mint(above int64) int64 {
	if s.Mints(above + 1) {
		return above + 1
	}
	return above + 2
}

// PoolState is what a spec wants: in which site the pool is to live.
type PoolState string

// The states of a pool.
const (
	Normal     PoolState = "Normal"
	FailedOver PoolState = "FailedOver"
)

// Wants is the side on which a pool in this state lives.
func (p PoolState) Wants() Side {
	if p == FailedOver {
		return Backup
	}
	return Home
}

// StateFor is the state of a pool that lives on the side.
func StateFor(s Side) PoolState {
	if s == Backup {
		return FailedOver
	}
	return Normal
}

// Role is what a site is (section 2). It is exactly one of these.
type Role string

// The roles of a site.
const (
	Active    Role = "Active"    // its chat servers are activated for the highest epoch
	Standby   Role = "Standby"   // its database follows the other site's
	Probation Role = "Probation" // it may be the right one, but has no proof; chat stays shut
	Fenced    Role = "Fenced"    // it knows of an epoch that its own database does not hold, or that it gave away
)
