package client

import (
	"slices"

	"chatpool.dev/chatserver/chat"
)

// maxHeld bounds the live messages kept while an earlier one is fetched. What is dropped beyond it is fetched later.
const maxHeld = 512

// sequence decides what of a room may be delivered: each position once, in order, without gaps. It has no I/O.
type sequence struct {
	started bool // the head at joining is known
	logged  bool // the room keeps history, so gaps can be fetched
	last    chat.Position
	seen    chat.Position // the highest position known to exist
	held    []chat.Message
	// lost is the end of the newest epoch that was overtaken: what of it is after the fork is not taken any more.
	lost chat.Position
}

// delivery is a message to hand out, and how many positions before it are missing.
type delivery struct {
	chat.Message
	missing int64
}

// start tells where delivery begins (first join) or that the room's head is known again (later ones).
func (s *sequence) start(after, head chat.Position, logged bool) []delivery {
	s.logged = logged
	if !s.started {
		s.started, s.last = true, after
	}
	if head > s.lost {
		s.seen = max(s.seen, head)
	}
	if !logged { // what was posted meanwhile is nowhere
		s.last = max(s.last, head)
	}
	return s.drain()
}

// live takes a message that came by itself.
func (s *sequence) live(m chat.Message) []delivery {
	if s.started && m.Pos <= max(s.last, s.lost) {
		return nil
	}
	s.seen = max(s.seen, m.Pos)
	i, found := slices.BinarySearchFunc(s.held, m, byPosition)
	if !found && len(s.held) < maxHeld {
		s.held = slices.Insert(s.held, i, m)
	}
	return s.drain()
}

// page takes messages of the history that was asked for after last.
func (s *sequence) page(messages []chat.Message) []delivery {
	var out []delivery
	for _, m := range messages {
		if m.Pos > max(s.last, s.lost) {
			out = append(out, s.deliver(m))
		}
	}
	return append(out, s.drain()...)
}

// fork takes the server's word that of the epoch of a position, which all was delivered up to, the room has nothing after
// the fork. It tells whether that is so.
func (s *sequence) fork(from, fork chat.Position) bool {
	if s.last != from || fork >= from {
		return false
	}
	s.last, s.seen = fork, fork
	s.lost = chat.At(from.Epoch(), chat.MaxSeq)
	s.held = slices.DeleteFunc(s.held, func(m chat.Message) bool { return m.Pos <= s.lost })
	for _, m := range s.held {
		s.seen = max(s.seen, m.Pos)
	}
	return true
}

// behind tells whether messages must be fetched.
func (s *sequence) behind() bool { return s.started && s.logged && s.seen > s.last }

// giveUp hands out what is held: the history does not have what lies between.
func (s *sequence) giveUp() []delivery {
	var out []delivery
	for _, m := range s.held {
		out = append(out, s.deliver(m))
	}
	s.held = nil
	s.seen = s.last
	return out
}

// drain hands out the held messages that are next.
func (s *sequence) drain() []delivery {
	if !s.started {
		return nil
	}
	var out []delivery
	for len(s.held) > 0 {
		m := s.held[0]
		if m.Pos > s.last {
			if s.logged && !follows(s.last, m.Pos) {
				break
			}
			out = append(out, s.deliver(m))
		}
		s.held = s.held[1:]
	}
	return out
}

func (s *sequence) deliver(m chat.Message) delivery {
	d := delivery{Message: m}
	if s.logged {
		d.missing = max(0, m.Pos.Seq()-s.last.Seq()-1)
	}
	s.last = m.Pos
	s.seen = max(s.seen, s.last)
	return d
}

// follows tells whether nothing can lie between two positions. Over a change of epoch only the history knows.
func follows(a, b chat.Position) bool {
	return b.Seq() == a.Seq()+1 && (a.Epoch() == b.Epoch() || a == 0)
}

func byPosition(a, b chat.Message) int {
	switch {
	case a.Pos < b.Pos:
		return -1
	case a.Pos > b.Pos:
		return 1
	}
	return 0
}
