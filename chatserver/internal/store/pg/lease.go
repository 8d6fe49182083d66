package pg

import (
	"slices"
	"sync"
	"sync/atomic"

	"chatpool.dev/chatserver/chat"
)

// member is an endpoint in a room.
type member struct {
	room     [16]byte
	user     chat.Principal
	endpoint string
}

type standing struct {
	name   string
	serial int64
}

type endpoint struct {
	user chat.Principal
	id   string
}

// lease is what this pod knows of its own participants, so that it can write them again.
type lease struct {
	// steady is held for reading while somebody joins or leaves, and for writing while everybody is written again.
	steady sync.RWMutex
	serial atomic.Int64
	beaten atomic.Int64 // the last successful beat, in Unix milliseconds
	wake   chan struct{}
	// failing are the parts of the upkeep that failed when they were last done; only keepLease has it.
	failing map[string]bool

	mu       sync.Mutex
	members  map[member]standing
	detached map[endpoint]int64 // serials, to be written
	joining  map[endpoint]int   // joins under way: a detach stays to be written until they have ended
	again    bool               // write the members again
}

func newLease() *lease {
	return &lease{
		wake: make(chan struct{}, 1), failing: map[string]bool{},
		members: map[member]standing{}, detached: map[endpoint]int64{}, joining: map[endpoint]int{},
	}
}

// next numbers what happens to participants.
func (l *lease) next() int64 { return l.serial.Add(1) }

// join begins a join; ended must be called with its outcome.
func (l *lease) join(m member, name string) (serial int64, ended func(error)) {
	e := endpoint{m.user, m.endpoint}
	l.steady.RLock()
	l.mu.Lock()
	defer l.mu.Unlock()
	serial = l.next()
	l.joining[e]++
	return serial, func(err error) {
		defer l.steady.RUnlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.joining[e]--; l.joining[e] == 0 {
			delete(l.joining, e)
		}
		if l.detached[e] > serial {
			l.signal()
		} else if err == nil {
			l.members[m] = standing{name, serial}
		}
	}
}

func (l *lease) left(m member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.members, m)
}

func (l *lease) detach(user chat.Principal, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.detached[endpoint{user, id}] = l.next()
	for m := range l.members {
		if m.user == user && m.endpoint == id {
			delete(l.members, m)
		}
	}
	l.signal()
}

func (l *lease) reassert() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again = true
	l.signal()
}

func (l *lease) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

type memberRow struct {
	member
	standing
}

// list gives the members in room order, the order in which rows are locked.
func (l *lease) list() []memberRow {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := make([]memberRow, 0, len(l.members))
	for m, st := range l.members {
		rows = append(rows, memberRow{m, st})
	}
	slices.SortFunc(rows, func(a, b memberRow) int { return slices.Compare(a.room[:], b.room[:]) })
	return rows
}
