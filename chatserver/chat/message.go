package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is one post that the pool has accepted. It never changes.
type Message struct {
	Room       ID
	Pos        Position
	Author     Principal
	AuthorName string
	// At is when the server accepted it, UTC, to the microsecond.
	At    time.Time
	Alert bool // of high importance
	Text  string
	RTF   string // the same in RTF, or ""
	// Origin is where the message stood before a failover lost it and it was recovered; zero: it was not.
	Origin Position
}

// ClientKey recognises a post that a client sends again because it could not know whether the first try was stored.
// It is stored with the message for ever.
type ClientKey struct {
	Room     ID
	Author   Principal
	Endpoint string // the client's endpoint id: parameter epid of its From header
	Envelope string // attribute envid of the XCCOS document
	// Hash covers what the client wrote, its own time stamp included: a client that starts anew with the same
	// envelope numbers (pidgin-sipe does) and the same words is not taken for its former self.
	Hash [sha256.Size]byte
}

// Draft is a post as a client sent it.
type Draft struct {
	Room     ID
	Author   Principal
	Name     string // the author's display name
	Endpoint string
	Envelope string
	// Stamp is the client's own time stamp, verbatim. It is part of the key and of nothing else.
	Stamp string
	Alert bool
	Text  string
	RTF   string
}

// Key makes the draft's client key.
func (d *Draft) Key() ClientKey {
	h := sha256.New()
	for _, s := range []string{d.Stamp, d.Text, d.RTF} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	if d.Alert {
		h.Write([]byte{1})
	}
	k := ClientKey{Room: d.Room, Author: d.Author, Endpoint: d.Endpoint, Envelope: d.Envelope}
	h.Sum(k.Hash[:0])
	return k
}

// Validate checks a draft against the limits.
func (d *Draft) Validate(l Limits) error {
	for _, text := range []string{d.Text, d.RTF, d.Name, d.Stamp, d.Envelope, d.Endpoint} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return FieldErrorf("chat", "must be valid UTF-8 without the character U+0000")
		}
	}
	switch {
	case d.Text == "":
		return FieldErrorf("chat", "a post must have text")
	case len(d.Text) > l.MessageBytes:
		return &Error{Kind: TooLarge, Field: "chat", Text: tooLong(len(d.Text), l.MessageBytes)}
	case len(d.RTF) > 4*l.MessageBytes:
		return &Error{Kind: TooLarge, Field: "rtf", Text: tooLong(len(d.RTF), 4*l.MessageBytes)}
	case d.Stamp == "":
		return FieldErrorf("ts", "a post must have a time stamp")
	case d.Envelope == "" || len(d.Envelope) > 64 || len(d.Endpoint) > 64 || len(d.Stamp) > 64:
		return FieldErrorf("envid", "envelope id, endpoint id and time stamp must have at most 64 characters, and an envelope id is needed")
	}
	return nil
}
