// Package wire turns XCCOS documents (XML in the bodies of SIP INFO requests, [MS-XCCOSIP]) into typed commands, and
// chat values into replies, notices and deliveries. It has no I/O and knows no session. The rules it enforces:
//
//   - A document is an xccos element with cmd and grpchat elements, handled in their order. It is UTF-8, at most
//     MaxDocument bytes and 16 levels deep, without a DTD and without entities beyond XML's own five. Namespaces, the
//     order of attributes, unknown elements and unknown attributes do not matter; booleans are true or false in any case.
//   - What is no such document is an error of Decode. A command in it that is wrong by itself is a Malformed value, one
//     that we do not know is Unsupported: the session answers these with a reply and goes on with the next one.
//   - What we send has one message per document, at most MaxDocument bytes. Replies that would be larger are split into
//     several documents for the same command: attribute more="true" of the data element tells that another one follows.
//     Histories are cut instead (see below).
//   - Characters that XML 1.0 cannot carry are sent as U+FFFD.
//
// Of our own making, and ignored by pidgin-sipe:
//
//   - Attribute chatId of grpchat and msg is the message's chat.Position, in decimal.
//   - Attribute originChatId, beside it, is the position that a message had before a failover lost it: it was recovered, and stands at a
//     new position. Author and time are those of the post.
//   - cmd:bccontext has, besides <last cnt="25"/>, the query <after chatId="P" cnt="200"/>: messages after position P. Both
//     answer oldest first. An after reply whose chanib has attribute more="true" did not hold all: ask again after its last.
//   - The chanib of an after reply has attribute fork="P" when the position that was asked from is of an overtaken epoch and the
//     room does not have it: P is the newest position before it that the room has, and the messages are those after P.
//     What the asker has between the two was lost in a failover. What of it is recovered later comes as new messages.
//   - The chanib of rpl:join and rpl:bjoin has attribute lastChatId, the room's head at the join: live messages are those after it.
//   - Outcomes besides 200 SUCCESS_OK: see CodeOf. The reason for people is in <data><error text="..."/></data>.
//   - ntc:kick with <data><chanib uri="..."/></data> tells a participant that he lost the right to be in the room.
package wire
