package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/hub"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "x.test"

var errDown = chat.Errorf(chat.Unavailable, "the database is down")

// fakeStore is a pool's store in memory.
type fakeStore struct {
	mu        sync.Mutex
	down      func(operation string) bool // nil: never
	messages  map[chat.ID][]chat.Message
	seats     map[chat.ID][]pg.Participant // one for each endpoint
	revisions map[chat.ID]int64
	catalog   pg.Changes // in full
}

func newFakeStore(c chat.Category, rooms ...chat.Room) *fakeStore {
	return &fakeStore{
		messages: map[chat.ID][]chat.Message{}, seats: map[chat.ID][]pg.Participant{}, revisions: map[chat.ID]int64{},
		catalog: pg.Changes{Revision: 1, Categories: []chat.Category{c}, Rooms: rooms},
	}
}

func (s *fakeStore) begin(operation string) (end func(), err error) {
	s.mu.Lock()
	if s.down != nil && s.down(operation) {
		s.mu.Unlock()
		return func() {}, errDown
	}
	return s.mu.Unlock, nil
}

// add stores a message, of this pod or another.
func (s *fakeStore) add(room chat.ID, text string) chat.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := chat.Message{Room: room, Pos: chat.At(1, int64(len(s.messages[room])+1)), Author: "sip:author@x.test", Text: text}
	s.messages[room] = append(s.messages[room], m)
	return m
}

// change edits the catalog.
func (s *fakeStore) change(edit func(c *pg.Changes)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catalog.Categories = slices.Clone(s.catalog.Categories)
	s.catalog.Rooms = slices.Clone(s.catalog.Rooms)
	s.catalog.Revision++
	edit(&s.catalog)
}

func (s *fakeStore) Heads(_ context.Context, rooms []chat.ID) (map[chat.ID]chat.Position, error) {
	end, err := s.begin("Heads")
	defer end()
	if err != nil {
		return nil, err
	}
	heads := map[chat.ID]chat.Position{}
	for _, id := range rooms {
		heads[id] = chat.At(1, int64(len(s.messages[id])))
	}
	return heads, nil
}

func (s *fakeStore) After(_ context.Context, room chat.ID, after chat.Position, limit int) ([]chat.Message, error) {
	end, err := s.begin("After")
	defer end()
	if err != nil {
		return nil, err
	}
	all := s.messages[room]
	from := min(int(after.Seq()), len(all))
	return slices.Clone(all[from:min(len(all), from+limit)]), nil
}

func (s *fakeStore) Catalog(_ context.Context, since int64) (pg.Changes, error) {
	end, err := s.begin("Catalog")
	defer end()
	if err != nil {
		return pg.Changes{}, err
	}
	if since == s.catalog.Revision {
		return pg.Changes{Revision: since}, nil
	}
	c := s.catalog
	c.Full = true
	return c, nil
}

func (s *fakeStore) Join(_ context.Context, room chat.ID, p pg.Participant) error {
	end, err := s.begin("Join")
	defer end()
	if err == nil {
		s.take(room, p.User, p.Endpoint)
		s.seats[room] = append(s.seats[room], p)
		s.revisions[room]++
	}
	return err
}

func (s *fakeStore) Leave(_ context.Context, room chat.ID, user chat.Principal, endpoint string) error {
	end, err := s.begin("Leave")
	defer end()
	if err == nil {
		s.take(room, user, endpoint)
		s.revisions[room]++
	}
	return err
}

func (s *fakeStore) take(room chat.ID, user chat.Principal, endpoint string) {
	s.seats[room] = slices.DeleteFunc(s.seats[room], func(p pg.Participant) bool { return p.User == user && p.Endpoint == endpoint })
}

func (s *fakeStore) Presence(_ context.Context, known map[chat.ID]int64, limit int) (map[chat.ID]pg.RoomPresence, error) {
	end, err := s.begin("Presence")
	defer end()
	if err != nil {
		return nil, err
	}
	found := map[chat.ID]pg.RoomPresence{}
	for id, revision := range known {
		if revision == s.revisions[id] {
			continue
		}
		users := map[chat.Principal]pg.Participant{}
		for _, p := range s.seats[id] {
			users[p.User] = pg.Participant{User: p.User, Name: p.Name}
		}
		r := pg.RoomPresence{Revision: s.revisions[id], Count: len(users)}
		if len(users) <= limit {
			for _, p := range users {
				r.Participants = append(r.Participants, p)
			}
		}
		found[id] = r
	}
	return found, nil
}

func (s *fakeStore) who(room chat.ID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seats[room])
}

// receiver is a participant's connection: it keeps what was sent.
type receiver struct {
	mu     sync.Mutex
	bodies []string
	broken bool
}

func (r *receiver) Send(body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return errors.New("connection lost")
	}
	r.bodies = append(r.bodies, string(body))
	return nil
}

var chatID = regexp.MustCompile(`chatId="(\d+)"`)

// positions are those of the messages that came.
func (r *receiver) positions() (out []chat.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.bodies {
		if m := chatID.FindStringSubmatch(b); m != nil {
			var p int64
			fmt.Sscan(m[1], &p)
			out = append(out, chat.Position(p))
		}
	}
	return out
}

// notices are the documents with the name that mention the text.
func (r *receiver) notices(name, text string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.bodies {
		if strings.Contains(b, `id="ntc:`+name+`"`) && strings.Contains(b, text) {
			n++
		}
	}
	return n
}

// world is a hub at work over a fake store.
type world struct {
	store *fakeStore
	hub   *hub.Hub
	stop  func()

	mu     sync.Mutex
	groups []chat.Principal // of everybody
	limits chat.Limits
}

func newWorld(store *fakeStore) *world {
	w := &world{store: store, groups: []chat.Principal{"group:staff"}, limits: chat.DefaultLimits()}
	w.hub = hub.New(hub.Options{
		Messages: store, Participants: store, Catalog: store, Encoder: wire.NewEncoder(domain, 0),
		Subject: w.subject, Limits: func() chat.Limits { return w.limits }, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.hub.Run(ctx); close(done) }()
	w.stop = func() { cancel(); <-done }
	return w
}

func (w *world) subject(p chat.Principal) chat.Subject {
	w.mu.Lock()
	defer w.mu.Unlock()
	return chat.Subject{User: p, Groups: w.groups}
}

func (w *world) setGroups(groups ...chat.Principal) {
	w.mu.Lock()
	w.groups = groups
	w.mu.Unlock()
	w.hub.Recheck()
}

// person is a member with his connection.
type person struct {
	*hub.Member
	*receiver
	removed chan chat.ID
}

func newPerson(name string) *person {
	p := &person{receiver: &receiver{}, removed: make(chan chat.ID, 16)}
	p.Member = &hub.Member{
		User: chat.Principal("sip:" + name + "@x.test"), Name: name, Endpoint: "e-" + name, Out: p.receiver,
		Removed: func(id chat.ID) { p.removed <- id }, Slow: func() {},
	}
	return p
}

// enter joins and releases, and gives the head.
func (w *world) enter(t interface{ Fatal(...any) }, p *person, id chat.ID) chat.Position {
	e := w.hub.Join(context.Background(), p.Member, []chat.ID{id})[0]
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	w.hub.Release(p.Member, []chat.ID{id})
	return e.Joined.Head
}

const (
	deskID  chat.ID = "0190a1b2-3c4d-7e5f-8a9b-000000000001"
	otherID chat.ID = "0190a1b2-3c4d-7e5f-8a9b-000000000002"
)

func deskStore() *fakeStore {
	c := chat.Category{ID: "0190a1b2-3c4d-7e5f-8a9b-0000000000c1", Name: "Trading", Allowed: []chat.Principal{"group:staff"}, ChatHistory: true}
	room := func(id chat.ID, name string) chat.Room {
		return chat.Room{ID: id, CategoryID: c.ID, Name: name, Privacy: chat.Open, Type: chat.Normal, Invitations: chat.Inherit}
	}
	return newFakeStore(c, room(deskID, "Desk"), room(otherID, "Other"))
}
