package adminapi

import (
	"time"

	"chatpool.dev/chatserver/chat"
)

// Category is a category as it is declared.
type Category struct {
	Name           string           `json:"name"`
	Description    string           `json:"description,omitempty"`
	AllowedMembers []chat.Principal `json:"allowedMembers,omitempty"`
	DeniedMembers  []chat.Principal `json:"deniedMembers,omitempty"`
	Creators       []chat.Principal `json:"creators,omitempty"`
	// ChatHistory keeps messages; nil means true.
	ChatHistory *bool `json:"chatHistory,omitempty"`
	FileUpload  bool  `json:"fileUpload,omitempty"`
	Invitations bool  `json:"invitations,omitempty"`
	// Declared is a hash of the declaration, computed by who declares; the pool keeps it with the category and gives it
	// back. An empty one is kept, too: it is then not known what was declared last.
	Declared string `json:"declared,omitempty"`
}

// CategoryStatus is what the pool knows of a category.
type CategoryStatus struct {
	ID      chat.ID `json:"id"`
	URI     string  `json:"uri"`   // ma-cat://DOMAIN/ID
	Rooms   int     `json:"rooms"` // how many rooms it has, those that nobody declared included
	Version int64   `json:"version"`
}

// CategoryState is a category and its status.
type CategoryState struct {
	Category
	CategoryStatus
	// Withdrawn is when the key's category was deleted, by the pool's clock: the pool has nothing under the key, and the
	// other fields say nothing. Nil while there is one.
	Withdrawn *time.Time `json:"withdrawn,omitempty"`
}

// Room is a room as it is declared.
type Room struct {
	// Category is the key of the room's category.
	Category    string           `json:"category"`
	Name        string           `json:"name"`
	Description string           `json:"description,omitempty"`
	Privacy     chat.Privacy     `json:"privacy,omitempty"`     // default Closed
	Type        chat.RoomType    `json:"type,omitempty"`        // default Normal
	Invitations chat.Invitations `json:"invitations,omitempty"` // default Inherit
	Disabled    bool             `json:"disabled,omitempty"`
	Members     []chat.Principal `json:"members,omitempty"`
	Managers    []chat.Principal `json:"managers,omitempty"`
	Presenters  []chat.Principal `json:"presenters,omitempty"`
	Declared    string           `json:"declared,omitempty"` // as in Category
}

// RoomStatus is what the pool knows of a room.
type RoomStatus struct {
	ID           chat.ID       `json:"id"`
	URI          string        `json:"uri"`          // ma-chan://DOMAIN/ID
	Participants int           `json:"participants"` // users who are in it now, in the whole pool
	LastPosition chat.Position `json:"lastPosition"` // of its newest message; 0: none yet
	Version      int64         `json:"version"`
	// OutOfScope names the principals of the last PUT that the category does not allow and that were left out.
	OutOfScope []chat.Principal `json:"outOfScope,omitempty"`
}

// RoomState is a room as the pool has it, and its status.
type RoomState struct {
	Room
	RoomStatus
	Withdrawn *time.Time `json:"withdrawn,omitempty"` // as in CategoryState
}

// Status is the answer of one pod about itself.
type Status struct {
	Pod               string `json:"pod"`
	Version           string `json:"version"` // of the program
	Ready             bool   `json:"ready"`
	Sessions          int    `json:"sessions"`      // dialogs with clients, on this pod
	Participants      int    `json:"participants"`  // room memberships of these sessions
	PostsAccepted     int64  `json:"postsAccepted"` // since the pod's start
	DatabaseReachable bool   `json:"databaseReachable"`
	SchemaVersion     int64  `json:"schemaVersion"` // 0: not known yet
}

// OperatorName is the common name of the one client certificate that the admin API lets in.
const OperatorName = "chatpool-operator"

// MaxBody is the largest body of a request to the admin API, in bytes.
const MaxBody = 1 << 20
