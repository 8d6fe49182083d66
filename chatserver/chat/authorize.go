package chat

// Right is what somebody wants to do with a room.
type Right string

// The rights a room knows.
const (
	Find            Right = "find"             // see it in a search, with its description
	SeeParticipants Right = "see-participants" // see who is in it
	Join            Right = "join"             // be in it: read live posts, history and search its content
	Post            Right = "post"             // write
	Manage          Right = "manage"           // change its properties and lists
)

// Rights lists every right, for tables and tests.
var Rights = []Right{Find, SeeParticipants, Join, Post, Manage}

// Decision answers a question for a right; Reason tells a person why not.
type Decision struct {
	Allowed bool
	Reason  string
}

var allowed = Decision{Allowed: true}

func denied(reason string) Decision { return Decision{Reason: reason} }

// Err is nil for an allowed decision and else an error of kind Denied.
func (d Decision) Err() error {
	if d.Allowed {
		return nil
	}
	return &Error{Kind: Denied, Text: d.Reason}
}

// Authorize decides whether the subject has the right in a room of the category. It is the only place that does.
func Authorize(s Subject, c *Category, r *Room, right Right) Decision {
	if s.Disabled {
		return denied("the account is disabled")
	}
	if right == Manage {
		return manages(s, c, r)
	}
	if r.Disabled {
		return denied("the room is disabled")
	}
	if !s.Admin && !c.InScope(s) {
		return denied("the category does not allow this user")
	}
	inside := s.Admin || r.Privacy == Open || s.In(r.Members)
	switch right {
	case Find, SeeParticipants:
		if inside || r.Privacy == Closed || s.In(r.Managers) && right == Find {
			return allowed
		}
		return denied("the room is secret: only members see it")
	case Join:
		if inside {
			return allowed
		}
		return denied("only members may join this room")
	case Post:
		if !inside {
			return denied("only members may post in this room")
		}
		if r.Type == Auditorium && !s.In(r.Presenters) {
			return denied("only presenters may post in this auditorium")
		}
		return allowed
	}
	return denied("no such right")
}

func manages(s Subject, c *Category, r *Room) Decision {
	if s.Admin || c.InScope(s) && s.In(r.Managers) {
		return allowed
	}
	return denied("only managers may change this room")
}

// CanCreate decides whether the subject may create rooms in the category; who creates a room becomes its manager.
func CanCreate(s Subject, c *Category) Decision {
	switch {
	case s.Disabled:
		return denied("the account is disabled")
	case s.Admin, c.InScope(s) && s.In(c.Creators):
		return allowed
	}
	return denied("only creators may create rooms in this category")
}

// Policy says who may use chat at all.
type Policy struct {
	// Enabled is the answer for everybody whom neither list names; off by default.
	Enabled bool `json:"enabled"`
	// EnabledFor and DisabledFor are exceptions; DisabledFor wins.
	EnabledFor  []Principal `json:"enabledFor,omitempty"`
	DisabledFor []Principal `json:"disabledFor,omitempty"`
}

// Allows decides whether the subject may sign in.
func (p Policy) Allows(s Subject) Decision {
	switch {
	case s.Disabled:
		return denied("the account is disabled")
	case s.In(p.DisabledFor):
		return denied("the pool's policy excludes this user")
	case p.Enabled || s.Admin || s.In(p.EnabledFor):
		return allowed
	}
	return denied("the pool's policy does not enable chat for this user")
}
