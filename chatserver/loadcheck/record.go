package loadcheck

import (
	"fmt"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
)

// Record is all that is known about a run: the checker's input. Times count from the run's start.
type Record struct {
	Rooms   []RoomRecord
	Posts   []Post
	Readers []Reader
	// MaxAnswer is Config.MaxAnswer.
	MaxAnswer time.Duration
}

// RoomRecord is a room's history, as read at the end.
type RoomRecord struct {
	URI, Name string
	Start     chat.Position // its head before the load
	History   []Entry       // what came after it
	// Settled: the readers had their time to be given everything up to here. What came later they may have or not.
	Settled chat.Position
	Faults  []string // what was wrong with single messages
}

// PostID names a post of the run: the writer, and the number of his post. Messages of others have Writer -1.
type PostID struct{ Writer, N int32 }

// String is as in a post's text.
func (id PostID) String() string {
	if id.Writer < 0 {
		return "a message of somebody else"
	}
	return fmt.Sprintf("post %d of writer %d", id.N, id.Writer)
}

var foreign = PostID{-1, -1}

// Entry is a message that was seen.
type Entry struct {
	Position chat.Position
	ID       PostID
	// Origin is where a recovered message stood before a failover lost it; 0: it was not recovered.
	Origin chat.Position
}

// Post is what happened to a post.
type Post struct {
	ID      PostID
	Room    int // index in Record.Rooms
	Started time.Duration
	// Acknowledged is when the 200 came; 0: never.
	Acknowledged time.Duration
	// Sent, Refused (503) and Lost count tries; SlowestAnswer is the longest wait for an answer.
	Sent, Refused, Lost int
	SlowestAnswer       time.Duration
	// InDoubt: it ended without an acknowledgement but may be stored. Otherwise, without acknowledgement, Refusal says why.
	InDoubt bool
	Refusal string
}

// Reader is what one reader was given in one room.
type Reader struct {
	Name   string
	Room   int
	Joined chat.Position // delivery begins after it
	Given  []Entry
	Faults []string
}

// text is what a post says: who, what number, and filling.
func text(run string, id PostID, size int) string {
	s := fmt.Sprintf("load %s %d %d ", run, id.Writer, id.N)
	if n := size - len(s); n > 0 {
		s += strings.Repeat("x", n)
	}
	return s
}

// recognise tells which post a message is. Its error says what was altered.
func recognise(run string, size int, author func(PostID) chat.Principal, m *chat.Message) (PostID, error) {
	if !strings.HasPrefix(m.Text, "load "+run+" ") {
		return foreign, nil
	}
	var id PostID
	if _, err := fmt.Sscanf(m.Text[len("load ")+len(run)+1:], "%d %d", &id.Writer, &id.N); err != nil {
		return foreign, fmt.Errorf("position %s: the text of a post was altered", m.Pos)
	}
	switch {
	case m.Text != text(run, id, size):
		return id, fmt.Errorf("position %s: the text of %s was altered", m.Pos, id)
	case m.Author != author(id):
		return id, fmt.Errorf("position %s: %s is said to be from %s", m.Pos, id, m.Author)
	}
	return id, nil
}
