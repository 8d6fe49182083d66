// Package chat is the core of Chatpool: ids, principals, categories, rooms, messages, limits and every
// authorization rule. It has no I/O, no clock and imports the standard library alone.
//
// Whoever needs to know who may do what (SIP, web, admin API, import, compliance, the operator) asks Authorize,
// CanCreate or Policy.Allows; nothing else decides. The rules, in words:
//
//   - A category bounds everything: whoever is not in its scope (allowed minus denied, denied wins) has no right
//     in any of its rooms, whatever the room's own lists say.
//   - Open room: everybody in scope finds, joins, reads and (normal rooms) posts. Closed room: everybody in scope
//     finds it and sees who is in it; members join, read and post. Secret room: members alone, for everything.
//   - Auditorium: only presenters post; in a closed or secret auditorium a presenter must also be a member.
//   - Managers change a room's properties and lists; managing gives no right to join, read or post.
//   - Creators (in scope) create rooms in a category and manage what they created.
//   - A disabled room can be found and joined by nobody; its managers and administrators may still manage it.
//   - Administrators bypass scope and membership, except that they do not post in an auditorium without being presenters.
//   - A disabled user has no rights.
//
// What stays the caller's duty: expanding a user's groups before asking (Subject), and asking again when the
// category's or the room's version has changed.
package chat
