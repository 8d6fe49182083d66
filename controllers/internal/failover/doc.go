// Package failover decides what a site of a pool is, and what its operator does next, as a pure function of what was
// observed: Decide(Observation) Decision. It rules that no two sites accept posts at overlapping times (but after a
// person's attested force against a site that in truth lived), that a site's epoch never falls, that nothing is discarded
// before it is salvaged, and that every state has an exit.
//
// # What a site is
//
//	         no epoch yet, or all servers started anew
//	                           │
//	                           v
//	  own epoch recorded  ┌─────────┐  proof: Activate   ┌────────┐
//	┌────────────────────>│Probation│───────────────────>│ Active │
//	│ (RecordPromoted)    └─────────┘<───────────────────└────────┘
//	│                      │       servers seen shut:     │
//	│                      │       restart, or the other  │ Grant, Release, or
//	│                      │       site's higher claim    │ a higher epoch heard of
//	│                      │ a higher epoch heard of,     │
//	│                      │ or Release                   │
//	│                      └─────────────┐ ┌──────────────┘
//	│                                    v v
//	│  grant, release or   ┌─────────┐  opened or        ┌────────┐
//	└──────────────────────│ Standby │─ strayed ────────>│ Fenced │
//	   force: Claim, then  └─────────┘<──────────────────└────────┘
//	   Promote                 ^     Follow, Rewind, Clone,   │
//	                           │     after the salvage        │
//	                           └── Join: a site without data ─┘
//
// A database that was promoted is Fenced until its epoch is recorded. A site whose peer cannot serve leaves Fenced, too,
// by a claim to a new epoch: with a person's word that names what is abandoned.
//
// # What the caller does
//
// gather: an Observation, every field in the order that its comment says, own object read live;
// decide: Decide; write Status, guarded by the resource version that was read, or else begin anew;
// act: only then, and within ValidFor of the beginning: renew KeepFor, carry out the one Action, look again.
//
// # Where the design leaves a choice
//
//   - Status tells what was seen, not what is about to be done: a site is Active until its servers are seen shut, and
//     proof needs the peer's Status.Shut (or that it has no data), its role alone is none. Only a claim stands before
//     the deed, on purpose. Fenced of an overtaken site is no proof either.
//   - A server that exists and does not answer is Unseen: its site does not say that it is shut, and an overtaken site has
//     its database bar the epoch. "The peer confirms" needs a beat that was seen after the claim stood.
//   - Of the peer's database only that is known which its operator has published with a beat that was seen to come; a
//     copy is discarded on that word. What happened to the peer's volumes within that time cannot be known here.
//   - A database that was ordered down tells nothing: whoever may have it open lets it run (Unfence), all others have it
//     run as a readable standby (Isolate, which takes the order back).
//   - Forks are told by the epoch table, not by timeline and LSN alone; every promotion under a claim ends in an epoch
//     row, so no two epochs share a timeline.
//   - A database that was open out of turn is marked in itself (Stray) and is no prefix of anything. A demoted site
//     follows nobody until it is judged.
//   - A confirmation that stands while the active site answers is void, and its epoch is burnt (Status.Voided).
//   - A pool begun anew mints at the next hundred: who lost everything must not mint an old epoch again.
//   - A person's force after a grant ends the grant.
//   - Numbers that agree by chance (an older copy that wrote exactly as much as its follower received) are left to
//     PostgreSQL, which compares the record before; then the heartbeats tell.
package failover
