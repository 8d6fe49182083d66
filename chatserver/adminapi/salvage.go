package adminapi

import (
	"context"
	"net/http"

	"chatpool.dev/chatserver/chat"
)

// Tail names the contents of a database that was overtaken and follows nobody: what the other site did not get of it.
type Tail struct {
	// Epoch is the newest that the database has.
	Epoch    int64 `json:"epoch"`
	Timeline int64 `json:"timeline"`
	// LSN is the end of its log: of what it received and what it replayed the later.
	LSN LSN `json:"lsn"`
}

// Salvaging asks for what a tail has to be brought into the database of the server that answers.
type Salvaging struct {
	Tail
	// Site is whose database it is; it is told to people.
	Site string `json:"site"`
	// Host and Port are where PostgreSQL answers there. Database name, user, password and authorities are those that the server
	// has for its own.
	Host string `json:"host"`
	Port int    `json:"port"`
}

// Validate checks the request. The error is of kind Invalid.
func (s Salvaging) Validate() error {
	switch {
	case s.Epoch < 1 || s.Epoch > chat.MaxEpoch:
		return chat.FieldErrorf("epoch", "%d: want 1 to %d", s.Epoch, chat.MaxEpoch)
	case s.Timeline < 1:
		return chat.FieldErrorf("timeline", "%d: want at least 1", s.Timeline)
	case s.LSN == 0:
		return chat.FieldErrorf("lsn", "%s: want where the log ends", s.LSN)
	case s.Site == "":
		return chat.FieldErrorf("site", "missing: want the name of the site whose database it is")
	case s.Host == "":
		return chat.FieldErrorf("host", "missing: want where the other site's database answers")
	case s.Port < 1 || s.Port > 65535:
		return chat.FieldErrorf("port", "%d: want 1 to 65535", s.Port)
	}
	return nil
}

// States of a Salvage.
const (
	SalvageRunning = "Running"
	// SalvageDone: a second look has found every post of the tail in the active database.
	SalvageDone = "Done"
)

// Salvage is how far the posts of a tail were brought into the active database. Found is Recovered and Resent together.
type Salvage struct {
	Tail
	Site  string `json:"site"`
	State string `json:"state"` // Running or Done
	// Rooms is how many rooms have to be looked through post by post, RoomsDone how many of them were.
	Rooms     int64 `json:"rooms"`
	RoomsDone int64 `json:"roomsDone"`
	// Found is how many posts of the tail were not where they had been acknowledged, so far; Recovered, how many of them were appended to
	// their rooms; Resent, how many were there at another position, as their authors had sent them again.
	Found     int64 `json:"found"`
	Recovered int64 `json:"recovered"`
	Resent    int64 `json:"resent"`
	// Details are of at most 50 rooms, those with the most posts found first.
	Details []RoomSalvage `json:"details,omitempty"`
	// Differences are at most 50 sentences on what else the tail has, for a person to judge: nothing of it is applied.
	Differences []string `json:"differences,omitempty"`
	// Waiting is why it does not go on; "": it does.
	Waiting string `json:"waiting,omitempty"`
}

// RoomSalvage is a Salvage's part of one room.
type RoomSalvage struct {
	Room      string `json:"room"` // its name in the active database
	Found     int64  `json:"found"`
	Recovered int64  `json:"recovered"`
	Resent    int64  `json:"resent"`
	// Recreated: only the tail has the room. It was made anew, disabled, without a declaring object.
	Recreated bool `json:"recreated,omitempty"`
	Done      bool `json:"done"`
}

// Salvages are all of a database, the newest first.
type Salvages struct {
	Salvages []Salvage `json:"salvages"`
}

// Salvage has a tail brought into the database of the server that answers, and tells how far that is. The first call
// begins, further ones see to it that it goes on: after an error, a restart of the server or a change of the database's primary
// it goes on where it was. One server at a time works at it; each tells how far it is. A tail that is done stays done.
// Conflict: the server is not activated. Unavailable, with field "tail" when the other database is not, or not any more, the one
// that the tail names: nothing was begun, or it does not go on.
func (c *Client) Salvage(ctx context.Context, s Salvaging) (Salvage, error) {
	return call[Salvage](ctx, c, http.MethodPost, "/v1/salvage", s)
}

// Salvages asks for every salvage that the database of the server that answers knows of.
func (c *Client) Salvages(ctx context.Context) (Salvages, error) {
	return call[Salvages](ctx, c, http.MethodGet, "/v1/salvage", nil)
}
