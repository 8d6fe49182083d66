// Package xccos writes the commands of a chat client as XCCOS documents and reads what the server sends. It is the
// client's own; the server has another, so that each checks the other.
//
// Rules: one command per document; what users write is always escaped; names and URIs are compared as the server
// spelled them; elements and attributes that are not known are skipped; a document that is no xccos document is an error.
// The attributes chatId, originChatId, lastChatId and more, and the query "after", are Chatpool's own (see Room and After).
package xccos

// Namespace is the XML namespace of every document.
const Namespace = "urn:parlano:xml:ns:xccos"
