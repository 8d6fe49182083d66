// Package loadcheck puts a chat pool under load and then checks, from its own records, whether the pool kept its word.
// Command chatload and the end-to-end tests use it.
//
// The load: writers that post at a steady rate; readers that stay connected; readers that lose their connection, stay
// away and come back with the position they had seen. Writers and readers are spread over the servers.
//
// The check (see Check) is independent of the client's promises: a record of what was sent and answered, a record of
// what every reader was given, and the rooms' history, read at the end by another user's fresh client:
//
//   - Every acknowledged post is in the history exactly once, unaltered, in its room, under its author.
//   - What is in the history without an acknowledgement was in doubt when the load ended.
//   - Positions of a room grow without a gap: also over a change of epoch the number in the room goes on.
//   - A post that began after another one of the room was acknowledged comes after it. That holds for posts that came live, and for recovered
//     ones among themselves, as far as they were lost together.
//   - Every reader was given every message of its room since it joined, once, in order. What a failover took out of the room may have been
//     given before, if it came back in a later epoch.
//   - Refusals are 503 and nothing else.
//
// What stays the caller's duty: rooms that keep history, users with the right to post in them, enough endpoints per user
// (see Config.Users), and nobody else who disturbs the rooms' rights meanwhile. Other people's messages do no harm.
package loadcheck
