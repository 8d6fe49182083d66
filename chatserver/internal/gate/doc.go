// Package gate is a chat server's right to accept posts, in a pool with two sites (section "who may accept posts" of the
// design of disaster recovery).
//
// Rules:
//
//   - A server that starts may not write. It may when its operator says so, with proof that no other site does; or
//     when it has watched another server of its site move the heartbeat twice, without a pause in watching. Two moves
//     of the same process: the first may have been under way since long, the second was begun after it.
//   - Only a server that may write moves the heartbeat, and each process has one move under way at a time.
//   - A server whose own loop stood still for longer than ColdStartAfter may not write any more, from the first moment
//     after, and what it had watched is forgotten. That the database is away does not matter: the loop never waits for it.
//   - The right is for one epoch. It ends when the database has a newer or older one, or one that is quiesced.
//   - A server that lost its right by a quiesce alone says so, for as long as nothing else would have ended the right: to
//     take the quiesce back then needs no other proof. A restart, a standstill, being shut and another epoch end that.
//   - To record a new epoch activates nobody, and ends the right to the one before.
//   - In a pool with a witness the right has an end, counted from the ticket by which it was given, and is renewed again and
//     again by newer tickets. From the end on the server may not write, noticed or not. A neighbour's word, which has no end,
//     gives nothing there: the operator has the other servers join.
//   - What a person or operator shut stays shut for this server until somebody opens it: a neighbour does not.
//   - No epoch below one that was heard of is ever opened.
//   - All durations are measured by this machine's clock that counts from its start, sleep included; an operator's word is
//     tied to that clock by a ticket, so that no old request opens anything.
//
// What is decided is in state, which has no I/O; Gate gives it the clock, the database and the operator's requests.
package gate
