// Package clienttest is a small chat pool in memory, for tests of the client and of programs built on it. It speaks
// what a Chatpool server speaks, with several servers over one state, and goes wrong where a test tells it to: it cuts
// connections, answers 503, 481 or nothing, and loses, doubles or swaps deliveries. It knows no rights: who has a password
// may do everything, except in rooms that are closed to him.
package clienttest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"chatpool.dev/chatserver/chat"
)

// Domain is the SIP domain of every pool here.
const Domain = "example.com"

// Pool is the state that its servers share.
type Pool struct {
	// OnRequest decides what happens to a request; nil: it is handled. It is called with the pool unlocked.
	OnRequest func(Request) Action
	// OnDeliver decides what happens to a live message for a participant; nil: it is delivered. It must not call the pool.
	OnDeliver func(user string, pos chat.Position) Delivery
	// PageSize bounds one answer of the history; default 200.
	PageSize int
	// Forgetful stores a post that is sent again once more, as a broken server would.
	Forgetful bool
	// Elsewhere is the Contact that goes with Away.
	Elsewhere string
	// Named is what every server says of where the pool's servers are; nil: nothing.
	Named []string

	t         testing.TB
	mu        sync.Mutex
	passwords map[string]string
	rooms     []*Room
	requests  int
	refused   int
	sessions  map[*session]bool
	papers    map[string]papers // by the name that they are for
}

// Room is a room of the pool.
type Room struct {
	URI, Name string
	id        chat.ID
	messages  []chat.Message
	keys      map[chat.ClientKey]chat.Position
	closedTo  map[string]bool
	hidden    map[chat.Position]bool
	epoch     int64
}

// Request is one that a server received.
type Request struct {
	N       int    // counts the requests of the pool, from 1
	Server  string // its address
	User    string // sip:..., or "" before the sign-in
	Method  string
	Command string // of an INFO: join, bccontext, grpchat...
}

// Action is what a server does with a request.
type Action int

// What can happen to a request.
const (
	Handle       Action = iota
	CutBefore           // the connection is cut, nothing is done
	CutAfter            // it is done, but the connection is cut instead of an answer
	Refuse              // 503, nothing is done
	RefuseStored        // it is done, but answered 503
	Ignore              // it is done, never answered
	Gone                // 481, then the connection is closed
	Forbid              // 403
	Away                // 302 to Elsewhere
)

// Delivery is what happens to a live message.
type Delivery int

// What can happen to a delivery.
const (
	Deliver Delivery = iota
	Lose
	Double
	Swap // it comes after the next one
	Cut  // the connection is cut instead
)

// New makes a pool with users (by address, such as alice@example.com) and their passwords, and rooms by name.
func New(t testing.TB, passwords map[string]string, rooms ...string) *Pool {
	p := &Pool{t: t, passwords: passwords, sessions: map[*session]bool{}, papers: map[string]papers{}, PageSize: 200}
	for i, name := range rooms {
		id := chat.ID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1))
		p.rooms = append(p.rooms, &Room{
			URI: chat.RoomURI(Domain, id), Name: name, id: id, epoch: 1,
			keys: map[chat.ClientKey]chat.Position{}, closedTo: map[string]bool{}, hidden: map[chat.Position]bool{},
		})
	}
	return p
}

// URI is the URI of the room of a name.
func (p *Pool) URI(name string) string { return p.room(name).URI }

func (p *Pool) room(nameOrURI string) *Room {
	for _, r := range p.rooms {
		if r.Name == nameOrURI || r.URI == nameOrURI || string(r.id) == nameOrURI {
			return r
		}
	}
	return nil
}

// Messages is what is stored in a room.
func (p *Pool) Messages(room string) []chat.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.room(room).messages)
}

// Say stores and delivers a message as if an author on another server had sent it.
func (p *Pool) Say(room, author, text string) chat.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := chat.Draft{Author: chat.Principal(author), Text: text, Stamp: "x", Envelope: fmt.Sprint(len(p.room(room).messages))}
	return p.store(p.room(room), d)
}

// Recover brings a message back that Overtake has lost, as one at a new position.
func (p *Pool) Recover(room string, lost chat.Message) chat.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.room(room)
	lost.Origin, lost.Pos = lost.Pos, chat.At(r.epoch, int64(len(r.messages)+1))
	p.add(r, lost)
	return lost.Pos
}

// NewEpoch moves the room on to the next epoch.
func (p *Pool) NewEpoch(room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room(room).epoch++
}

// Overtake moves the room on to the next epoch as a failover does that loses all messages but the first n.
func (p *Pool) Overtake(room string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.room(room)
	for key, pos := range r.keys {
		if pos.Seq() > int64(n) {
			delete(r.keys, key)
		}
	}
	r.messages = slices.Clone(r.messages[:n])
	r.epoch++
}

// CutAll cuts the connections of all sessions.
func (p *Pool) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.sessions {
		_ = s.conn.Close()
	}
}

// Hide leaves a message out of the history, as a broken server would.
func (p *Pool) Hide(room string, pos chat.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room(room).hidden[pos] = true
}

// Close keeps a user (sip:...) out of a room and removes him if he is in it.
func (p *Pool) Close(room, user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.room(room)
	r.closedTo[user] = true
	for s := range p.sessions {
		if s.user == user && s.joined[r] {
			delete(s.joined, r)
			s.notify(fmt.Sprintf(`<ntc id="ntc:kick" seqid="1"><data><chanib uri="%s"/></data></ntc>`, r.URI))
		}
	}
}

// Forget takes a user (sip:...) out of a room without telling him, as a server does whose lease of him ran out.
func (p *Pool) Forget(room, user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.sessions {
		if s.user == user {
			delete(s.joined, p.room(room))
		}
	}
}

// Refused counts the answers of 503.
func (p *Pool) Refused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

// Participants counts the sessions in a room.
func (p *Pool) Participants(room string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for s := range p.sessions {
		if s.joined[p.room(room)] {
			n++
		}
	}
	return n
}

// store gives a draft its position, once, and delivers it. The pool is locked.
func (p *Pool) store(r *Room, d chat.Draft) chat.Position {
	key := d.Key()
	if pos, again := r.keys[key]; again && !p.Forgetful {
		return pos
	}
	m := chat.Message{
		Room: r.id, Pos: chat.At(r.epoch, int64(len(r.messages)+1)), Author: d.Author, Text: d.Text, At: time.Now().UTC(),
	}
	r.keys[key] = m.Pos
	p.add(r, m)
	return m.Pos
}

// add stores and delivers a message. The pool is locked.
func (p *Pool) add(r *Room, m chat.Message) {
	r.messages = append(r.messages, m)
	for s := range p.sessions {
		if s.joined[r] {
			s.deliver(r, m)
		}
	}
}

func digestOf(parts string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(parts))) }
