// Package salvage brings into the active database the posts that an overtaken one alone has: those that a site had acknowledged and not
// sent to the other one when the pool was moved there by force (the tail). The rules it enforces:
//
//   - Nothing is lost: each post that the other database has, and this one does not, is appended to its room as a recovered message, with
//     its author, name, time, text and client key, and with its first position as its origin. In a room they keep their order.
//   - Nothing is doubled: a post whose client key is in the room is not appended. Its author had sent it again, or it was recovered before.
//   - What the two sites have in common is not taken for granted: a room whose messages up to the fork differ, by their number or by a sum
//     over all of them, is looked through from its beginning.
//   - An append is a post: made under the gate, with the room's row locked, on the mirror before it counts, delivered in order.
//     Batches are small, so that posts in the same room do not wait long.
//   - Progress is stored with the rows, in one transaction. The work may end at any line, and goes on where it was.
//   - One server at a time works at it. It ends with its session in the active database.
//   - It is done when a second look has found every post here, and the other database still is the one that was meant.
//   - A room that only the other database has is made anew, disabled. What else differs there is told and never applied.
//   - The other database is only read. Texts of posts are in no log and no error.
//
// The row of a message, recovered ones included, is what compliance will read: origin_epoch, origin_seq and recovered_at say that it was
// recovered, where it had stood, and when it came.
//
// Gather reads both databases, decide (pure) says which rooms to look through and what to tell, work carries it out.
package salvage
