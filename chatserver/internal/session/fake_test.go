package session_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/directory"
	"chatpool.dev/chatserver/internal/hub"
	"chatpool.dev/chatserver/internal/session"
	"chatpool.dev/chatserver/internal/sipedge"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	domain             = "x.test"
	categoryID chat.ID = "0190a1b2-3c4d-7e5f-8a9b-0000000000c1"
	deskID     chat.ID = "0190a1b2-3c4d-7e5f-8a9b-000000000001" // open
	stageID    chat.ID = "0190a1b2-3c4d-7e5f-8a9b-000000000002" // open auditorium; bob presents
	vaultID    chat.ID = "0190a1b2-3c4d-7e5f-8a9b-000000000003" // secret; alice is member, bob manages
	noID       chat.ID = "0190a1b2-3c4d-7e5f-8a9b-00000000ffff"
)

// fakeStore is a pool's store in memory. A post is settled by what settle says, or else stored at once.
type fakeStore struct {
	hub *hub.Hub

	mu       sync.Mutex
	settle   func(d chat.Draft, version int64, store func(), done func(pg.PostResult))
	messages map[chat.ID][]chat.Message
	seats    map[chat.ID][]pg.Participant
	revision map[chat.ID]int64
	catalog  pg.Changes
	detached []string
	panics   bool
	noRooms  bool // Rooms fails
}

func newFakeStore() *fakeStore {
	alice, bob := chat.Principal("sip:alice@x.test"), chat.Principal("sip:bob@x.test")
	room := func(id chat.ID, name string, p chat.Privacy, t chat.RoomType) chat.Room {
		return chat.Room{ID: id, CategoryID: categoryID, Name: name, Description: "About " + name, Privacy: p, Type: t, Invitations: chat.Inherit, Version: 1}
	}
	desk, stage := room(deskID, "Desk", chat.Open, chat.Normal), room(stageID, "Stage", chat.Open, chat.Auditorium)
	vault := room(vaultID, "Vault", chat.Secret, chat.Normal)
	stage.Presenters = []chat.Principal{bob}
	vault.Members, vault.Managers = []chat.Principal{alice}, []chat.Principal{bob}
	return &fakeStore{
		messages: map[chat.ID][]chat.Message{}, seats: map[chat.ID][]pg.Participant{}, revision: map[chat.ID]int64{},
		catalog: pg.Changes{Revision: 1, Full: true, Rooms: []chat.Room{desk, stage, vault}, Categories: []chat.Category{
			{ID: categoryID, Name: "Trading", Allowed: []chat.Principal{"domain:x.test"}, ChatHistory: true, Version: 1},
		}},
	}
}

func (s *fakeStore) Post(d chat.Draft, version int64, _ bool, done func(pg.PostResult)) {
	var m chat.Message
	store := func() {
		m = s.add(d.Room, d.Author, d.Text)
		s.hub.Committed([]chat.Message{m})
	}
	s.mu.Lock()
	settle := s.settle
	s.mu.Unlock()
	if settle == nil {
		go func() { store(); done(pg.PostResult{Message: m}) }()
		return
	}
	settle(d, version, store, done)
}

func (s *fakeStore) add(room chat.ID, author chat.Principal, text string) chat.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := chat.Message{
		Room: room, Pos: chat.At(1, int64(len(s.messages[room])+1)), Author: author, AuthorName: author.User(), Text: text,
		At: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
	}
	s.messages[room] = append(s.messages[room], m)
	return m
}

func (s *fakeStore) texts(room chat.ID) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages[room] {
		out = append(out, m.Text)
	}
	return out
}

// change edits the rooms and gives each a new version.
func (s *fakeStore) change(edit func(c *pg.Changes)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catalog.Categories, s.catalog.Rooms = slices.Clone(s.catalog.Categories), slices.Clone(s.catalog.Rooms)
	s.catalog.Revision++
	for i := range s.catalog.Rooms {
		s.catalog.Rooms[i].Version++
	}
	edit(&s.catalog)
}

func (s *fakeStore) Heads(_ context.Context, rooms []chat.ID) (map[chat.ID]chat.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heads := map[chat.ID]chat.Position{}
	for _, id := range rooms {
		heads[id] = chat.At(1, int64(len(s.messages[id])))
	}
	return heads, nil
}

func (s *fakeStore) Resume(ctx context.Context, room chat.ID, after chat.Position, limit int) (pg.Page, error) {
	if after.Epoch() == overtaken {
		return pg.Page{Forked: true, Fork: chat.At(1, 2)}, nil
	}
	messages, err := s.After(ctx, room, after, limit)
	return pg.Page{Messages: messages}, err
}

// overtaken is an epoch that every position is told to be beyond the fork of.
const overtaken = 5

func (s *fakeStore) After(_ context.Context, room chat.ID, after chat.Position, limit int) ([]chat.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.messages[room]
	from := min(int(after.Seq()), len(all))
	return slices.Clone(all[from:min(len(all), from+limit)]), nil
}

func (s *fakeStore) Last(_ context.Context, room chat.ID, upTo chat.Position, n int) ([]chat.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics {
		panic("a bug")
	}
	all := s.messages[room]
	if upTo != 0 {
		all = all[:min(len(all), int(upTo.Seq()))]
	}
	return slices.Clone(all[max(0, len(all)-n):]), nil
}

func (s *fakeStore) Catalog(_ context.Context, since int64) (pg.Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since == s.catalog.Revision {
		return pg.Changes{Revision: since}, nil
	}
	return s.catalog, nil
}

func (s *fakeStore) Join(_ context.Context, room chat.ID, p pg.Participant) error {
	s.leave(room, p.User, p.Endpoint)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats[room] = append(s.seats[room], p)
	return nil
}

func (s *fakeStore) Leave(_ context.Context, room chat.ID, user chat.Principal, endpoint string) error {
	s.leave(room, user, endpoint)
	return nil
}

func (s *fakeStore) leave(room chat.ID, user chat.Principal, endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision[room]++
	s.seats[room] = slices.DeleteFunc(s.seats[room], func(p pg.Participant) bool { return p.User == user && p.Endpoint == endpoint })
}

func (s *fakeStore) Presence(_ context.Context, known map[chat.ID]int64, limit int) (map[chat.ID]pg.RoomPresence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[chat.ID]pg.RoomPresence{}
	for id, rev := range known {
		if rev == s.revision[id] {
			continue
		}
		r := pg.RoomPresence{Revision: s.revision[id]}
		for _, p := range s.seats[id] {
			if !slices.ContainsFunc(r.Participants, func(q pg.Participant) bool { return q.User == p.User }) {
				r.Participants = append(r.Participants, pg.Participant{User: p.User, Name: p.Name})
			}
		}
		if r.Count = len(r.Participants); r.Count > limit {
			r.Participants = nil
		}
		found[id] = r
	}
	return found, nil
}

func (s *fakeStore) Rooms(_ context.Context, user chat.Principal, endpoint string) (out []chat.ID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noRooms {
		return nil, chat.Errorf(chat.Unavailable, "database at 10.1.2.3 is down")
	}
	for id, seats := range s.seats {
		if slices.ContainsFunc(seats, func(p pg.Participant) bool { return p.User == user && p.Endpoint == endpoint }) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (s *fakeStore) Detach(user chat.Principal, endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detached = append(s.detached, user.User()+" "+endpoint)
}

// world is a server of sessions at work.
type world struct {
	t      *testing.T
	store  *fakeStore
	server *session.Server
	users  *directory.Directory

	mu     sync.Mutex
	config adminapi.PoolConfig
}

// inWorld runs a test in a world of its own, with a fake clock. Its users are alice, bob and carol.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: newFakeStore()}
		log := slog.New(slog.DiscardHandler)
		w.config = adminapi.PoolConfig{
			Pool: "demo", Domain: domain, PoolURI: "sip:demo@x.test", Policy: chat.Policy{Enabled: true}, Limits: chat.DefaultLimits(),
		}
		for _, name := range []string{"alice", "bob", "carol"} {
			w.config.Directory.Users = append(w.config.Directory.Users, adminapi.DirectoryUser{Name: name, DisplayName: strings.ToUpper(name)})
		}
		w.users = directory.New(domain, t.TempDir(), log)
		w.users.Update(w.config.Directory)
		encoder := wire.NewEncoder(domain, 0)
		w.store.hub = hub.New(hub.Options{
			Messages: w.store, Participants: w.store, Catalog: w.store, Encoder: encoder,
			Subject: w.users.Subject, Limits: func() chat.Limits { return w.current().Limits }, Log: log,
		})
		w.server = session.New(session.Options{
			Name: "pod-0", Config: w.current, Directory: w.users, Hub: w.store.hub, History: w.store, Endpoints: w.store,
			Encoder: encoder, Log: log,
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { w.store.hub.Run(ctx); close(done) }()
		synctest.Wait()
		test(w)
		cancel()
		<-done
	})
}

func (w *world) current() *adminapi.PoolConfig {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.config
	return &c
}

func (w *world) configure(edit func(*adminapi.PoolConfig)) {
	w.mu.Lock()
	w.config.Directory.Users = slices.Clone(w.config.Directory.Users)
	edit(&w.config)
	c := w.config.Directory
	w.mu.Unlock()
	w.users.Update(c)
	w.server.Recheck()
	w.store.hub.Recheck()
}

// phone is a client's side of a dialog, and the edge between.
type phone struct {
	t      *testing.T
	dialog sipedge.Dialog

	mu     sync.Mutex
	docs   []string
	seen   int
	closed sipedge.Reason
	envid  int
}

func (w *world) open(user, endpoint string) (*phone, error) {
	p := &phone{t: w.t}
	d, err := w.server.Open(chat.Subject{User: chat.Principal("sip:" + user + "@x.test")}, endpoint, "sip:demo@x.test", p)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.dialog = d
	p.mu.Unlock()
	return p, nil
}

// phone opens a dialog that is closed when the test ends.
func (w *world) phone(user, endpoint string) *phone {
	w.t.Helper()
	p, err := w.open(user, endpoint)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { p.dialog.Closed(); synctest.Wait() })
	return p
}

// Send implements sipedge.Outbox.
func (p *phone) Send(body []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != "" {
		return chat.Errorf(chat.Unavailable, "closed")
	}
	p.docs = append(p.docs, string(body))
	return nil
}

// Close implements sipedge.Outbox.
func (p *phone) Close(r sipedge.Reason) {
	p.mu.Lock()
	p.closed = cmp.Or(p.closed, r)
	d := p.dialog
	p.mu.Unlock()
	if d != nil {
		go d.Closed()
	}
}

func (p *phone) reason() sipedge.Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// send sends a document and gives a channel for its answer.
func (p *phone) send(inner string) chan sipedge.Answer {
	p.envid++
	answer := make(chan sipedge.Answer, 2)
	doc := fmt.Sprintf(`<xccos ver="1" envid="%d" xmlns="urn:parlano:xml:ns:xccos">%s</xccos>`, p.envid, inner)
	p.dialog.Receive([]byte(doc), func(a sipedge.Answer) { answer <- a })
	return answer
}

// do sends a document, waits until all is quiet, and gives the answer's status.
func (p *phone) do(inner string) int {
	p.t.Helper()
	answer := p.send(inner)
	synctest.Wait()
	select {
	case a := <-answer:
		return max(a.Status, 200)
	default:
		p.t.Fatalf("no answer to %s", inner)
		return 0
	}
}

func (p *phone) ok(inner string) {
	p.t.Helper()
	if got := p.do(inner); got != 200 {
		p.t.Fatalf("answered %d: %s", got, inner)
	}
}

func cmd(name, data string) string {
	return fmt.Sprintf(`<cmd id="cmd:%s" seqid="1"><data>%s</data></cmd>`, name, data)
}

func chanid(id chat.ID) string {
	return fmt.Sprintf(`<chanid key="0" domain="x.test" value="%s"/>`, id)
}

func chanib(id chat.ID) string { return fmt.Sprintf(`<chanib uri="ma-chan://x.test/%s"/>`, id) }

func post(id chat.ID, text string) string {
	return fmt.Sprintf(`<grpchat id="grpchat" seqid="1" chanUri="ma-chan://x.test/%s" ts="2026-11-20T10:30:51Z"><chat>%s</chat></grpchat>`, id, text)
}

// news gives what came since the last time.
func (p *phone) news() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Clone(p.docs[p.seen:])
	p.seen = len(p.docs)
	return out
}

// expect checks that exactly one new document came for each pattern, in that order, and gives their submatches.
func (p *phone) expect(patterns ...string) (found [][]string) {
	p.t.Helper()
	docs := p.news()
	if len(docs) != len(patterns) {
		p.t.Fatalf("got %d documents, want %d: %q", len(docs), len(patterns), docs)
	}
	for i, pattern := range patterns {
		m := regexp.MustCompile(pattern).FindStringSubmatch(docs[i])
		if m == nil {
			p.t.Fatalf("document %d is %s\nwant %s", i, docs[i], pattern)
		}
		found = append(found, m)
	}
	return found
}
