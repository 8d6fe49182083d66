// Package pg keeps a pool's chat in PostgreSQL 15. The rules it enforces:
//
//   - A post is acknowledged only when its commit is on the primary and flushed on the mirror. A COMMIT runs without
//     deadline or cancel, because cancelling one that waits for the mirror makes PostgreSQL commit on the primary alone
//     and say so in a WARNING. A COMMIT with a WARNING, or whose answer never came, leaves its posts in doubt: the author
//     hears Unavailable, nobody is sent the message, and the author's resend is settled by the client key.
//   - A duplicate is acknowledged only by a transaction that held the room's row and whose own commit waited for the
//     mirror: so the older row is there too.
//   - In a room, positions grow without a gap within an epoch; refused posts and duplicates use none up.
//   - Posts of this pod keep their order per room: a room is in one batch at a time. Batches lock the rows of
//     room_seq in room order, so two pods cannot deadlock. One bad post of a batch fails alone.
//   - Messages and the catalog are read only on a server whose state is known to be on the mirror. Rows normally become
//     visible after the mirror has them; they do not after a crash restart, after a promotion, or after somebody
//     cancelled a commit's wait. So one connection, the witness, commits a row of its own first; a pooled connection
//     is read from only when the witness's session lives on the same server. Until then reads are Unavailable.
//     One gap is left: when an administrator cancels a commit's wait by hand, other pods may read its rows until the word
//     of it reaches them, some milliseconds later.
//   - What may be lost (who is in a room, leases, hints) is written with synchronous_commit off, so that a lost mirror
//     stops no join. After each reconnect of the witness, and when its lease had lapsed, a pod writes its own
//     participants again.
//   - Behind a gate (Obey), posts, changes of the catalog and whatever removes content are written in the epoch that the
//     gate gives, or not at all: each such transaction holds a shared advisory lock from its beginning, and then checks that
//     this epoch is the database's newest and not closed. Who opens or closes an epoch holds the lock exclusively. A post is
//     acknowledged only if the process has not stood still since it asked the gate.
//   - Behind a gate the pod's connections lead to the server that the witness found last, whether that takes writes or not:
//     where the database's name leads is looked up again every 5 s while it takes none, and each change drops the others.
//   - Behind a gate a database that takes no writes is read as far as it has replayed. Who is in a room is then noted in
//     memory, and written when the database takes writes.
//   - What an overtaken database alone has is appended like posts: under the gate, with the room's row locked, in the session that holds the
//     advisory lock of salvage, and in one transaction with the record of how far that is. That a salvage is done is told only when it
//     is known to be on the mirror: the other database is given up for it.
//   - All changes of the catalog are made under the lock of one row: revisions become visible in order.
//
// Errors are of the kinds of chat.Error. Whatever the database cannot do now is Unavailable.
//
// The callers' duty: authorize before posting and pass the room's version that the decision was made with; ask
// Heads once a second for the rooms they have participants in (hints may get lost); validate drafts.
package pg
