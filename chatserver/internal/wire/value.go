package wire

import (
	"time"

	"chatpool.dev/chatserver/chat"
)

// Room is a room as a reply shows it. The pointers are only read.
type Room struct {
	Room     *chat.Room
	Category *chat.Category
	Count    int // participants now
}

// Joined is a room that the user has just entered.
type Joined struct {
	Room
	Head chat.Position // position of the newest message; live messages are those after it
	// Participants are those in the room now, the user among them, each user once. Nil above the limit for
	// announcing them.
	Participants []Participant
}

// Participant is a user in a room, with his standing in it.
type Participant struct {
	User      chat.Principal
	Name      string // display name
	Manager   bool
	Presenter bool // of an auditorium
}

// Server is what getserverinfo answers with.
type Server struct {
	Name         string
	Time         time.Time
	SearchLimit  int
	MessageBytes int
	RootURI      string // of the root category
	DBVersion    string
}

// Code is the outcome of a command: number and phrase of a resp element.
type Code struct {
	Number int
	Phrase string
}

// The outcomes that do not follow from an error's kind alone.
var (
	OK           = Code{200, "SUCCESS_OK"}
	NotJoined    = Code{409, "ERROR_USER_NOT_JOINED"}
	NotSupported = Code{501, "ERROR_MSG_NOT_SUPPORTED"}
)

// CodeOf gives the outcome for an error; whatever has no kind is ERROR_UNAVAILABLE.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	switch chat.KindOf(err) {
	case chat.Invalid:
		return Code{400, "ERROR_INVALID_ARGUMENT"}
	case chat.Denied:
		return Code{403, "ERROR_PERMISSION"}
	case chat.NotFound:
		return Code{404, "ERROR_NO_SUCH_NODE"}
	case chat.Conflict:
		return NotJoined
	case chat.TooLarge:
		return Code{413, "ERROR_LIMIT_EXCEEDED"}
	}
	return Code{503, "ERROR_UNAVAILABLE"}
}
