package chat

// Privacy says who finds a room and who gets in.
type Privacy string

// The three levels; Closed is the default.
const (
	Open   Privacy = "Open"
	Closed Privacy = "Closed"
	Secret Privacy = "Secret"
)

// RoomType says who posts.
type RoomType string

// In a Normal room (default) whoever may read may post, in an Auditorium only presenters.
const (
	Normal     RoomType = "Normal"
	Auditorium RoomType = "Auditorium"
)

// Invitations of a room: as the category says, or none.
type Invitations string

// A room can turn invitations off but not on.
const (
	Inherit Invitations = "Inherit"
	Off     Invitations = "False"
)

// Room is where people chat.
type Room struct {
	ID          ID
	CategoryID  ID
	Name        string // 1 to 256 characters, unique in the pool
	Description string // at most 256 characters
	Privacy     Privacy
	Type        RoomType
	Invitations Invitations
	// Disabled: nobody finds or joins it; content, roles and settings stay.
	Disabled bool
	// Members of a closed or secret room; an open room needs none.
	Members []Principal
	// Managers change the room.
	Managers []Principal
	// Presenters post in an auditorium; a normal room has none.
	Presenters []Principal
	// Version grows with every change of the room or of its category that may change somebody's rights.
	Version int64
}
