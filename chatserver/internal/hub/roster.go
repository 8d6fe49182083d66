package hub

import (
	"cmp"
	"slices"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

// roster is who is in a room, in the whole pool, as it was announced to those in it here.
type roster struct {
	revision int64
	count    int
	quiet    bool                      // the room is too large: comings and goings are not announced
	users    map[chat.Principal]string // with their display names, as announced
}

// news is what a roster has to announce.
type news struct {
	came []pg.Participant
	left []chat.Principal
}

// update takes what the store says of the room and gives what is to be announced. When a room has become small enough
// again, everybody is announced, because those who came meanwhile were told of nobody.
func (o *roster) update(p pg.RoomPresence, l chat.Limits) news {
	first := o.users == nil
	o.revision, o.count = p.Revision, p.Count
	was := o.quiet
	o.quiet = !l.ParticipantUpdates(p.Count, !was) || p.Participants == nil && p.Count > 0
	if first {
		o.users = map[chat.Principal]string{}
	}
	if o.quiet {
		return news{}
	}
	var n news
	now := make(map[chat.Principal]string, len(p.Participants))
	for _, u := range p.Participants {
		now[u.User] = u.Name
		if _, known := o.users[u.User]; !known || was {
			n.came = append(n.came, u)
		}
	}
	for u := range o.users {
		if _, still := now[u]; !still {
			n.left = append(n.left, u)
		}
	}
	slices.Sort(n.left)
	o.users = now
	return n
}

// list gives those in the room in order of their addresses, self among them, or nil when the room is too large for that.
func (o *roster) list(self *Member) []pg.Participant {
	if o.quiet {
		return nil
	}
	out := []pg.Participant{{User: self.User, Name: self.Name}}
	for u, name := range o.users {
		if u != self.User {
			out = append(out, pg.Participant{User: u, Name: name})
		}
	}
	slices.SortFunc(out, func(a, b pg.Participant) int { return cmp.Compare(a.User, b.User) })
	return out
}
