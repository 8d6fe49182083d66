package hub

import (
	"maps"
	"slices"

	"chatpool.dev/chatserver/chat"
)

// maxAhead is how many messages a stream keeps that came before their turn. Further ones are read again.
const maxAhead = 512

// stream puts the messages of one room in order. It has no I/O: it tells what to deliver and whether to read.
type stream struct {
	cursor  chat.Position                  // all up to here are delivered
	head    chat.Position                  // the newest that is known to exist
	ahead   map[chat.Position]chat.Message // committed here, after a gap
	reading bool                           // somebody reads from cursor
}

// committed takes a message that this pod committed, and gives what can be delivered now.
func (s *stream) committed(m chat.Message) []chat.Message {
	switch {
	case m.Pos <= s.cursor:
		return nil
	case m.Pos == s.cursor+1:
		s.learn(m.Pos)
		s.cursor = m.Pos
		return append([]chat.Message{m}, s.next()...)
	}
	s.learn(m.Pos)
	if s.ahead == nil {
		s.ahead = map[chat.Position]chat.Message{}
	}
	if len(s.ahead) < maxAhead {
		s.ahead[m.Pos] = m
	}
	return nil
}

// learn notes that messages up to head exist.
func (s *stream) learn(head chat.Position) { s.head = max(s.head, head) }

// behind tells whether there is something to read and nobody reads it.
func (s *stream) behind() bool { return !s.reading && s.head > s.cursor }

// read takes messages that were read after cursor, ascending, and gives those to deliver. At least up to `to`
// everything is delivered then.
func (s *stream) read(messages []chat.Message, to chat.Position) []chat.Message {
	s.reading = false
	var out []chat.Message
	for _, m := range messages {
		if m.Pos > s.cursor {
			s.cursor = m.Pos
			out = append(out, m)
		}
	}
	s.cursor = max(s.cursor, to)
	s.learn(s.cursor)
	return append(out, s.next()...)
}

// failed notes that reading failed.
func (s *stream) failed() { s.reading = false }

// next takes the messages whose turn has come from those that came too early.
func (s *stream) next() []chat.Message {
	var out []chat.Message
	for len(s.ahead) > 0 {
		m, ok := s.ahead[s.cursor+1]
		if !ok {
			break
		}
		s.cursor = m.Pos
		out = append(out, m)
		delete(s.ahead, m.Pos)
	}
	maps.DeleteFunc(s.ahead, func(p chat.Position, _ chat.Message) bool { return p <= s.cursor })
	return slices.Clip(out)
}
