// Package client is a chat client: SIP and XCCOS over one TLS (or, for trials, TCP) connection. People's bin/chat, load
// tests and probes are built on it.
//
// What it promises to its user:
//
//   - Every message of a room that was joined comes out of Events once and in order of its position, also over lost
//     connections, moves to other servers and slow reading. A live message that is not the next one is held back until
//     the messages before it have been fetched. Only if the server's history does not have them either, after several
//     tries, they are given up, and Message.Missing says how many.
//   - When the pool lost messages in a failover that were delivered already, event Forked says which, before the first message
//     of the new epoch. Messages go on in order from the fork, each once; what comes of the overtaken epoch after that, from a
//     server that does not know better, is dropped.
//   - A post whose outcome is not known (503, no answer, connection lost) is sent again as the same document, with the
//     same envelope id, time stamp, text and endpoint, until it is acknowledged, refused for good or its context
//     ends. The server recognises it, so it is stored once. The same goes for commands.
//   - After a lost connection it signs in at the next of its servers with back-off and jitter, keeps its endpoint id,
//     enters its rooms again and fetches what it missed. It looks for ever, or as long as Options.GiveUp allows.
//   - A server where the pool is not says where it is (302), and every server names those of both sites. That is a hint: up
//     to 8 such servers are tried besides the user's own, none of them without TLS, and a wrong one is passed over.
//   - Errors are *chat.Error: Denied, Invalid, NotFound, Conflict and TooLarge are final; Unavailable may pass.
//
// What stays the user's duty: reading Events. Whoever does not read stops the client from reading its connection once
// Options.EventBuffer events wait; acknowledgements then wait too, and in the end the server cuts the connection. Nothing
// is lost by that: the client comes back and resumes where it was.
//
// How it works: one goroutine (core) owns all state; a reader and a writer serve the connection, and a connector signs
// in. They talk through channels, and the core never blocks on any of them.
package client
