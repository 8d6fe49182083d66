// Package session is what a client's dialog talks to: it takes XCCOS commands and posts, does them in order, and
// sends replies, notices and messages.
//
// Rules:
//
//   - A session is one endpoint of one user. A new dialog of the same endpoint takes over from the older one, rooms
//     included; a user has at most Limits.EndpointsPerUser sessions on a pod.
//   - Commands are answered 200 as soon as they are queued, and their outcome comes as a reply; one goroutine does
//     them in the order they came in. A full queue is 503.
//   - A post is answered when it is stored. After answerWithin it is answered 503: it is in doubt then, its commit
//     goes on, and the client sends it again. Posts of a session to a room keep their order.
//   - Every right is asked of the core with the catalog and the directory as they are now. When a room changed
//     between the question and the commit, the question is asked again.
//   - Whoever is not allowed to use chat any more loses his sessions.
//   - In a pool with two sites a server without the right to accept posts keeps its sessions for RedirectAfter, or after a
//     quiesce for QuiesceGrace, at its start for StartGrace, and answers posts 503. Then it takes no new ones, names the other site to those who ask, and
//     moves those that it has. A server that is not in service moves them too, to others of its own site.
//   - A panic ends the session that it happened in, and no other.
package session
