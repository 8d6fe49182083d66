// Package sipedge speaks SIP (RFC 3261) with clients: it owns listeners, connections and dialogs, and hands XCCOS documents
// to sessions. It is the only importer of sipgo, of which it uses the message parser. The rules it enforces:
//
//   - A connection is one identity: REGISTER with Digest binds it, everything else before is refused, and a From header that
//     names somebody else is 403. Nothing is ever dialled; a lost connection loses its dialogs.
//   - Messages of a connection are handled in arrival order by one reader; one writer sends what is queued for it. The queue
//     is bounded: whoever does not read loses his connection, and nobody else waits for him.
//   - Every wait has a deadline and every size a limit (Limits).
//   - A dialog's documents go out as INFO with growing CSeq, a window of them unanswered at a time, in the order of Send.
//   - Where the backend says that clients are to go elsewhere, whatever would open something is answered 302 to who supports
//     chatpool-redirect, and 503 (REGISTER) or 480 to everybody else, with Retry-After; what is open goes on until it is moved.
//   - Requests in a dialog with a CSeq that is not higher than the last are 500; a dialog that is not known is 481.
//
// Messages of a malformed or unexpected kind are answered (400, 405, 415, 416, 420, 481, 501, 505) where the headers allow it.
package sipedge
