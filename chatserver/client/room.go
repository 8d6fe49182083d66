package client

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/xccos"
)

const (
	roomsPerJoin  = 50  // in one bjoin
	messagesAPage = 200 // in one query for what was missed
	fetchTries    = 5   // without progress, before missing messages are given up
	fetchPause    = 100 * time.Millisecond
)

// room is a room that the user is in, or enters.
type room struct {
	domain string
	Room
	joined   bool // on this link
	sequence sequence
	fetching bool
	tries    int
	fetchAt  time.Time
	people   map[chat.Principal]User // nil: the server does not say
}

// rejoin enters all rooms on a new link.
func (c *core) rejoin() {
	byDomain := map[string][]*room{}
	for _, r := range c.rooms {
		if r.sequence.started {
			byDomain[r.domain] = append(byDomain[r.domain], r)
		}
	}
	for _, rooms := range byDomain {
		for part := range slices.Chunk(rooms, roomsPerJoin) {
			if len(part) == 1 {
				c.joinOne(part[0])
			} else {
				c.joinMany(part)
			}
		}
	}
}

func (c *core) joinOne(r *room) {
	o := &op{what: "join " + strconv.Quote(r.Name), envelope: c.newEnvelope(), fleeting: true}
	o.document = xccos.Join(o.envelope, r.domain, r.ID)
	o.done = func(reply *xccos.Reply, err error) {
		if err == nil {
			err = c.entered(r, reply)
		}
		if err != nil {
			c.expelled(r, err.Error())
		}
	}
	c.add(o)
}

// joinMany enters several rooms; those that fail are tried one by one, which tells why.
func (c *core) joinMany(rooms []*room) {
	o := &op{what: "join rooms", envelope: c.newEnvelope(), fleeting: true}
	ids := make([]chat.ID, len(rooms))
	for i, r := range rooms {
		ids[i] = r.ID
	}
	o.document = xccos.Join(o.envelope, rooms[0].domain, ids...)
	o.done = func(reply *xccos.Reply, err error) {
		for _, r := range rooms {
			if c.rooms[r.URI] == r && (err != nil || c.entered(r, reply) != nil) {
				c.joinOne(r)
			}
		}
	}
	c.add(o)
}

// entered takes the room's part of the reply to a join: its head, who is in it, and what was held back.
func (c *core) entered(r *room, reply *xccos.Reply) error {
	i := slices.IndexFunc(reply.Data.Rooms, func(x xccos.Room) bool { return strings.EqualFold(x.URI, r.URI) })
	if i < 0 {
		return chat.Errorf(chat.Denied, "the server did not let the user in")
	}
	info := &reply.Data.Rooms[i]
	head, err := position(info.Last)
	if err != nil {
		return chat.Errorf(chat.Unavailable, "the server does not tell the room's position (lastChatId %q): is it a Chatpool server?", info.Last)
	}
	r.Room = roomOf(info)
	r.Head = head
	r.joined, r.tries = true, 0
	c.present(r, info.Present)
	c.deliver(r, r.sequence.start(head, head, r.History))
	c.catchUp(time.Now())
	return nil
}

// present compares who was in the room with who is; the difference is what happened while the client was away.
func (c *core) present(r *room, users []xccos.User) {
	before := r.people
	r.people = nil
	if len(users) > 0 {
		r.people = make(map[chat.Principal]User, len(users))
		for _, u := range users {
			p := userOf(u)
			r.people[p.URI] = p
		}
	}
	if before == nil || r.people == nil {
		return
	}
	for uri, u := range r.people {
		if _, was := before[uri]; !was {
			c.emit(Entered{r.URI, u})
		}
	}
	for uri, u := range before {
		if _, is := r.people[uri]; !is {
			c.emit(Left{r.URI, u})
		}
	}
}

func (c *core) expelled(r *room, reason string) {
	if c.rooms[r.URI] != r {
		return
	}
	delete(c.rooms, r.URI)
	c.emit(Kicked{r.URI, reason})
	c.flush(time.Now()) // what waited for the room is answered by the server
}

func (c *core) deliver(r *room, list []delivery) {
	for _, d := range list {
		c.emit(Message{Message: d.Message, RoomURI: r.URI, Missing: d.missing})
	}
}

// catchUp asks for what is missing in the rooms.
func (c *core) catchUp(now time.Time) {
	for _, r := range c.rooms {
		if c.link != nil && r.joined && !r.fetching && r.sequence.behind() && !now.Before(r.fetchAt) {
			c.fetch(r)
		}
	}
}

func (c *core) fetch(r *room) {
	r.fetching = true
	before := r.sequence.last
	o := &op{what: "fetch the missed messages of " + strconv.Quote(r.Name), room: r.URI, envelope: c.newEnvelope(), fleeting: true}
	o.document = xccos.After(o.envelope, r.URI, before, messagesAPage)
	o.done = func(reply *xccos.Reply, err error) {
		r.fetching = false
		if c.rooms[r.URI] != r {
			return
		}
		if err != nil {
			c.o.Log.Warn("missed messages not fetched", "room", r.URI, "err", err)
		} else {
			p := c.messagesOf(r.URI, reply)
			if p.forked && r.sequence.fork(before, p.fork) {
				c.emit(Forked{RoomURI: r.URI, Fork: p.fork, Had: before})
			}
			c.deliver(r, r.sequence.page(p.messages))
		}
		c.fetched(r, r.sequence.last != before)
	}
	c.add(o)
}

// fetched decides how to go on after a page.
func (c *core) fetched(r *room, progress bool) {
	switch r.tries++; {
	case progress:
		r.tries = 0
	case r.tries >= fetchTries:
		c.o.Log.Warn("messages are missing in the server's history", "room", r.URI, "after", r.sequence.last.String())
		c.deliver(r, r.sequence.giveUp())
		r.tries = 0
	default:
		r.fetchAt = time.Now().Add(fetchPause << r.tries)
	}
	c.catchUp(time.Now())
}

// participants lists who is in the room, by name.
func (r *room) participants() []User {
	return slices.SortedFunc(maps.Values(r.people), func(a, b User) int { return cmp.Compare(a.URI, b.URI) })
}
