// Package auth checks passwords: the server's side of Digest (RFC 7616, RFC 8760 for SIP). The rules it enforces:
//
//   - Algorithms are SHA-256 and, only where legacy clients are let in, MD5; qop is auth; the realm is the pool's domain.
//   - A nonce is good for NonceLife and carries its own proof, so that none is stored until it is used. Each count (nc) of a
//     nonce is good once. A nonce that is too old, of another server, or used up is answered with a new one and stale=true.
//   - The uri of the credentials must be the request's own. Legacy clients (pidgin-sipe) may say "(null)" in a REGISTER.
//   - Who fails too often, as a user at an address or as an address, waits until FailureWindow is over.
//   - It does not tell a wrong password from an unknown user. It logs failures, but no credentials.
//
// What stays the caller's duty: comparing the subject with the From header of the request.
package auth
