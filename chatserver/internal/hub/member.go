package hub

import (
	"sync/atomic"

	"chatpool.dev/chatserver/chat"
)

// Sink takes documents for a participant, in order, without blocking. An error means that his connection is lost.
type Sink interface {
	Send(body []byte) error
}

// Member is one endpoint of a user with its connection to this pod. It may be in many rooms.
type Member struct {
	User     chat.Principal
	Name     string // display name
	Endpoint string
	Out      Sink
	// Removed is told when the hub puts the member out of a room. It must not block.
	Removed func(room chat.ID)
	// Slow is told when too much waits for the answer to a join: the connection is to be ended. It must not block.
	Slow func()

	gone atomic.Bool // he will be in no room any more
}

// seat is a member's place in one room.
type seat struct {
	member *Member
	// held: his join is not answered yet; what comes for him waits here.
	held    bool
	waiting [][]byte
	// evicted: he lost the right to be here while held, and is put out when released.
	evicted bool
	// lost: his connection takes nothing any more; the edge ends it.
	lost bool
}

// maxWaiting is how many documents wait for the answer to a join. A participant with more is too slow.
const maxWaiting = 1024

type seatKey struct {
	user     chat.Principal
	endpoint string
}

func (m *Member) key() seatKey { return seatKey{m.User, m.Endpoint} }

// send passes documents on, or keeps them until the join is answered.
func (s *seat) send(bodies ...[]byte) {
	for _, body := range bodies {
		switch {
		case s.lost, s.evicted:
			return
		case !s.held:
			s.lost = s.member.Out.Send(body) != nil
		case len(s.waiting) < maxWaiting:
			s.waiting = append(s.waiting, body)
		default:
			s.lost, s.waiting = true, nil
			s.member.Slow()
		}
	}
}

// release passes on what waited.
func (s *seat) release() {
	waiting := s.waiting
	s.held, s.evicted, s.waiting = false, false, nil
	s.send(waiting...)
}
