package client

import (
	"time"

	"chatpool.dev/chatserver/chat"
)

// Event is what Events delivers: Message, Forked, Entered, Left, Kicked, Disconnected or Reconnected.
type Event interface{ event() }

// Message is a post in a joined room, the user's own included. With an Origin it was recovered after a failover: who was given that position
// before the failover gets the post a second time with it.
type Message struct {
	chat.Message
	// RoomURI is the room as the server spells it.
	RoomURI string
	// Missing is how many positions before this message the server could not give: 0 unless it broke its promise.
	Missing int64
}

// Forked tells that the pool lost messages of a joined room in a failover: those after Fork, up to Had, were delivered and are
// not in the room any more. Messages go on after Fork, in a higher epoch. What is recovered comes as new messages, of the
// original author, at new positions, with the old one as Origin.
type Forked struct {
	RoomURI string
	Fork    chat.Position
	Had     chat.Position
}

// Page is a part of a room's history.
type Page struct {
	Messages []Message // oldest first
	More     bool      // there are more after them
	// Forked: the room does not have the position that was asked from. The messages come after Fork.
	Forked bool
	Fork   chat.Position
}

// Entered tells that somebody is in a room now.
type Entered struct {
	RoomURI string
	User    User
}

// Left tells that somebody is not in a room any more.
type Left struct {
	RoomURI string
	User    User
}

// Kicked tells that the user was removed from a room, or may not enter it again after a lost connection.
type Kicked struct {
	RoomURI string
	Reason  string
}

// Disconnected tells that the connection is lost. Unless Final, the client comes back by itself.
type Disconnected struct {
	Server string
	Err    error
	// Final: the server refuses the user now, or none was found within Options.GiveUp; no more events come.
	Final bool
}

// Reconnected tells that the client is signed in again; it is entering its rooms.
type Reconnected struct {
	Server string
	Away   time.Duration
	// Site is the server's; "" if the server does not say. Moved: it is another one than before.
	Site  string
	Moved bool
	// Resent is how many posts have no outcome yet and are sent again.
	Resent int
}

func (Message) event()      {}
func (Forked) event()       {}
func (Entered) event()      {}
func (Left) event()         {}
func (Kicked) event()       {}
func (Disconnected) event() {}
func (Reconnected) event()  {}

// User is somebody in a room.
type User struct {
	URI  chat.Principal
	Name string // display name, or ""
}

// Room is what the server says about a room.
type Room struct {
	URI         string
	ID          chat.ID
	Name        string
	Description string
	Privacy     chat.Privacy
	Type        chat.RoomType
	Disabled    bool
	// History tells whether messages are kept.
	History bool
	// Participants is how many users are in the room now, or -1 if the server does not say.
	Participants int
	// Head is the position of the newest message when the room was joined. Only Join fills it.
	Head chat.Position
}

// Server is what the server says about itself. Sizes are in bytes.
type Server struct {
	Name        string
	Address     string // the connection's
	PoolURI     string
	Time        time.Time
	SearchLimit int
	MessageSize int
}

// Receipt tells how a post went.
type Receipt struct {
	// Acknowledged is when the 200 came, or zero.
	Acknowledged time.Time
	// Sent counts how often the document was sent, Refused how many 503 came, Lost how many tries ended without an answer.
	Sent, Refused, Lost int
	// SlowestAnswer is the longest wait for the SIP answer to one try.
	SlowestAnswer time.Duration
}

// InDoubt tells, of a post that ended with an error, whether it may be stored all the same.
func (r Receipt) InDoubt(err error) bool {
	return err != nil && r.Sent > 0 && chat.KindOf(err) == chat.Unavailable
}
