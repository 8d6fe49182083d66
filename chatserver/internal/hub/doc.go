// Package hub knows the rooms that this pod has participants in, and brings them what happens there.
//
// Rules:
//
//   - A room belongs to one shard, and a shard's state to its one goroutine. It waits for nothing: neither for the
//     database nor for a reader. Its queue is bounded; what does not fit is found by the next poll.
//   - Messages are delivered in the order of positions, each once. A message committed here goes out at once when it
//     is the next one; otherwise what is missing is read. Hints from other pods and, once a second, one query for all
//     rooms tell what to read: a lost hint costs a second, never a message.
//   - A participant gets what comes after the position that his join was answered with, and nothing before the answer.
//   - Who may be in a room is asked again whenever the catalog or the directory changed; who may not is put out at
//     once, and told so.
//   - Comings and goings are announced to all in the room, in the whole pool, but not in rooms above
//     Limits.ParticipantUpdateLimit.
//
// The caller's duty: release a member after his join was answered, and detach him when his connection is gone.
package hub
