// Package adminapi is everything that the operator sees of the chat server: the configuration file it reads, and
// the HTTP/JSON API by which categories and rooms that are declared elsewhere are put into a pool.
//
// Rules:
//
//   - Requests are strict: an unknown field is refused, since it may be one that takes a right away, and an error names
//     the field and the cure. The configuration file is not: it also is what servers of the version before start with.
//   - A PUT is idempotent: the same content changes nothing, and the version stays.
//   - An object is known by its key, "namespace/name" of the declaring object. What somebody else declared under the
//     same name is a Conflict that names the other key; what nobody declared is adopted.
//   - An error is a Problem; its HTTP status follows from its kind by one table, and the Client makes the same
//     *chat.Error of it that the server had.
//
// The API is served over mutual TLS alone; only the operator's client certificate is let in.
package adminapi
