package wire

import (
	"sync/atomic"

	"chatpool.dev/chatserver/chat"
)

// Encoder writes documents of one pool. Its methods are safe from any goroutine; what they return is only read from then
// on and may be shared between receivers.
type Encoder struct {
	domain   string
	envelope atomic.Uint64
}

// NewEncoder makes an encoder for a SIP domain. Envelope ids count up from start+1.
func NewEncoder(domain string, start uint64) *Encoder {
	e := &Encoder{domain: domain}
	e.envelope.Store(start)
	return e
}

// Delivery is a message for everybody in its room, its author included: encode once, send to all.
func (e *Encoder) Delivery(m *chat.Message) []byte { return nil }

// RequestURI answers cmd:requri with the URI to invite for channels; it begins with sip:.
func (e *Encoder) RequestURI(to Ref, uri string) []byte { return nil }

// ServerInfo answers cmd:getserverinfo.
func (e *Encoder) ServerInfo(to Ref, s Server) []byte { return nil }

// Rooms answers cmd:chansrch and cmd:getassociations (name: of the command) in one or several documents.
func (e *Encoder) Rooms(to Ref, name string, rooms []Room) [][]byte { return nil }

// Joined answers cmd:join and cmd:bjoin (name: of the command) in one or several documents. failed are the rooms of a
// batch that could not be entered.
func (e *Encoder) Joined(to Ref, name string, rooms []Joined, failed []RoomRef) [][]byte { return nil }

// Parted answers cmd:part.
func (e *Encoder) Parted(to Ref, rooms []chat.ID) []byte { return nil }

// History answers a bccontext query After: as many of the messages (ascending) as fit, from the first on; n tells how
// many. more says that there are further ones in the store; if not all fit it is true on the wire by itself.
func (e *Encoder) History(to Ref, room chat.ID, messages []chat.Message, more bool) (doc []byte, n int) {
	return nil, 0
}

// Recent answers a bccontext query for the last messages (ascending): when they do not fit, the oldest are left out.
func (e *Encoder) Recent(to Ref, room chat.ID, messages []chat.Message) []byte { return nil }

// Invitations answers cmd:getinv: there are none.
func (e *Encoder) Invitations(to Ref) []byte { return nil }

// Failure answers the command of that name with an outcome other than OK; reason is for people.
func (e *Encoder) Failure(to Ref, name string, code Code, reason string) []byte { return nil }

// Entered tells those in the rooms that a user has come in (ntc:join).
func (e *Encoder) Entered(p Participant, rooms []chat.ID) []byte { return nil }

// Left tells those in a room that users have left it (ntc:part).
func (e *Encoder) Left(room chat.ID, users []chat.Principal) []byte { return nil }

// Kicked tells a user that he is out of a room, because he lost the right to be in it (ntc:kick).
func (e *Encoder) Kicked(room chat.ID) []byte { return nil }
