package chatcli

import (
	"hash/maphash"
	"sync"

	"chatpool.dev/chatserver/chat"
)

// mostShown bounds the messages of a room that are remembered.
const mostShown = 10000

// shown remembers which messages were shown where, so that one that a failover lost and that was recovered is not shown again. What stood
// at a position tells more than the position: of two sites that went apart each has another message there. The zero value is ready.
type shown struct {
	mu    sync.Mutex
	seed  maphash.Seed
	rooms map[chat.ID]*shownRoom
}

type shownRoom struct {
	at    map[chat.Position]uint64 // a hash of the message
	order []chat.Position          // the oldest first
}

// add remembers a message, at its position and at the one that it had first.
func (s *shown) add(m *chat.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms == nil {
		s.seed, s.rooms = maphash.MakeSeed(), map[chat.ID]*shownRoom{}
	}
	r := s.rooms[m.Room]
	if r == nil {
		r = &shownRoom{at: map[chat.Position]uint64{}}
		s.rooms[m.Room] = r
	}
	for _, p := range []chat.Position{m.Pos, m.Origin} {
		if _, known := r.at[p]; p == 0 || known {
			continue
		}
		r.at[p] = s.hash(m)
		if r.order = append(r.order, p); len(r.order) > mostShown {
			delete(r.at, r.order[0])
			r.order = r.order[1:]
		}
	}
}

// before tells whether a recovered message was shown at its first position.
func (s *shown) before(m *chat.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[m.Room]
	if m.Origin == 0 || r == nil {
		return false
	}
	hash, known := r.at[m.Origin]
	return known && hash == s.hash(m)
}

func (s *shown) hash(m *chat.Message) uint64 {
	return maphash.String(s.seed, string(m.Author)+"\x00"+m.At.String()+"\x00"+m.Text)
}
