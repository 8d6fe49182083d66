package wire

import "chatpool.dev/chatserver/chat"

// Envelope is a decoded document: commands of a client in their order, at least one.
type Envelope struct {
	ID       string // attribute envid, at most 64 bytes
	Commands []Command
}

// Command is one message of an envelope.
type Command struct {
	Ref     Ref
	Name    string  // "join" of cmd:join; "grpchat" for a post
	Request Request // what is asked for; never nil
}

// Ref names a command in the replies to it.
type Ref struct {
	Envelope string // attribute envid of its document
	Seq      string // attribute seqid of its element; "1" when it had none
}

// Request is one of RequestURI, ServerInfo, Associations, Search, Join, History, Part, Invitations, Post, Malformed
// and Unsupported.
type Request interface{ request() }

// RequestURI (cmd:requri) asks which URI serves channels.
type RequestURI struct{}

// ServerInfo (cmd:getserverinfo) asks for the pool's limits and clock.
type ServerInfo struct{}

// Associations (cmd:getassociations) asks for the rooms that the user is a member of, or manages.
type Associations struct {
	Managed bool // type="MANAGER"
	Max     int  // the most rooms wanted; 0 when not said
}

// Search (cmd:chansrch) asks for rooms by name.
type Search struct {
	Text         string // words to look for; "" = every room the user can find
	Descriptions bool   // look in descriptions too
	Max          int    // the most rooms wanted; 0 when not said
}

// Join (cmd:join, cmd:bjoin) enters rooms: exactly one when not a Batch, and else at least one.
type Join struct {
	Batch bool
	Rooms []RoomRef
}

// RoomRef is a room as a client names it by parts.
type RoomRef struct {
	Domain string  // verbatim
	Value  string  // verbatim: what a fib gives back
	ID     chat.ID // "" when Value is no id: there is no such room
}

// History (cmd:bccontext) asks for messages of one room: After a position, or the Last ones.
type History struct {
	Domain   string
	Room     chat.ID
	HasAfter bool          // messages after position After, oldest first; else the last ones
	After    chat.Position // 0 = from the beginning
	Count    int           // the most messages wanted; 0 when not said: the server's default
}

// Part (cmd:part) leaves rooms.
type Part struct{ Rooms []RoomRef }

// Invitations (cmd:getinv) asks for invitations with an id above After.
type Invitations struct{ After int64 }

// Post (grpchat) is a message for a room.
type Post struct {
	Domain string
	Room   chat.ID
	Author string // as claimed: must be checked against the session's user; "" when not said
	Stamp  string // attribute ts, verbatim
	Alert  bool
	Text   string
	RTF    string
}

// Malformed is a known command with wrong content; Err is a *chat.Error that names the element or attribute.
type Malformed struct{ Err error }

// Unsupported is a command that we do not know.
type Unsupported struct{}

func (RequestURI) request()   {}
func (ServerInfo) request()   {}
func (Associations) request() {}
func (Search) request()       {}
func (Join) request()         {}
func (History) request()      {}
func (Part) request()         {}
func (Invitations) request()  {}
func (Post) request()         {}
func (Malformed) request()    {}
func (Unsupported) request()  {}
