// Package failover decides what a site of a pool is, and what its operator does next, as a pure function of what was
// observed: Decide(Observation) Decision.
package failover
