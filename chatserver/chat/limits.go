package chat

import "fmt"

// Limits bound what clients may ask for. The zero value is not usable: start from DefaultLimits.
type Limits struct {
	// DefaultHistory is how many messages a client gets at once on joining a room: 1 to 500.
	DefaultHistory int `json:"defaultHistory"`
	// MessageBytes is the largest size of a message's text, in bytes of UTF-8.
	MessageBytes int `json:"messageBytes"`
	// ParticipantUpdateLimit: in a room with more participants, comings and goings are not announced any more,
	// until there are fewer than 80 % of it.
	ParticipantUpdateLimit int `json:"participantUpdateLimit"`
	// SearchResults is the most rooms or messages that a search answers with.
	SearchResults int `json:"searchResults"`
	// EndpointsPerUser is how many devices a user may be signed in with at the same time on one server.
	EndpointsPerUser int `json:"endpointsPerUser"`
}

// DefaultLimits are the limits of a pool that names none.
func DefaultLimits() Limits {
	return Limits{DefaultHistory: 30, MessageBytes: 8192, ParticipantUpdateLimit: 75, SearchResults: 999, EndpointsPerUser: 16}
}

// Validate checks that each limit is in its range.
func (l Limits) Validate() error {
	for _, f := range []struct {
		name         string
		v, low, high int
	}{
		{"defaultHistory", l.DefaultHistory, 1, 500},
		{"messageBytes", l.MessageBytes, 512, 32768},
		{"participantUpdateLimit", l.ParticipantUpdateLimit, 1, 100000},
		{"searchResults", l.SearchResults, 1, 10000},
		{"endpointsPerUser", l.EndpointsPerUser, 1, 1000},
	} {
		if f.v < f.low || f.v > f.high {
			return FieldErrorf("limits."+f.name, "%d: want %d to %d", f.v, f.low, f.high)
		}
	}
	return nil
}

// ParticipantUpdates tells whether comings and goings are announced in a room with n participants, given whether
// they were until now: it stops above the limit and resumes below 80 % of it.
func (l Limits) ParticipantUpdates(n int, were bool) bool {
	if were {
		return n <= l.ParticipantUpdateLimit
	}
	return n*5 < l.ParticipantUpdateLimit*4
}

func tooLong(n, limit int) string {
	return fmt.Sprintf("has %d bytes; at most %d are allowed", n, limit)
}
