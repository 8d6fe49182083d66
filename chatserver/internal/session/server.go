package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/hub"
	"chatpool.dev/chatserver/internal/sipedge"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// Directory knows the users.
type Directory interface {
	Find(login string) (chat.Subject, error)
	HA1(login, algorithm, realm string) (string, error)
	Subject(user chat.Principal) chat.Subject
}

// History is where messages are read and written.
type History interface {
	Post(d chat.Draft, version int64, keep bool, done func(pg.PostResult))
	Resume(ctx context.Context, room chat.ID, after chat.Position, limit int) (pg.Page, error)
	Last(ctx context.Context, room chat.ID, upTo chat.Position, n int) ([]chat.Message, error)
}

// Endpoints is where the pool keeps which rooms an endpoint is in.
type Endpoints interface {
	Rooms(ctx context.Context, user chat.Principal, endpoint string) ([]chat.ID, error)
	Detach(user chat.Principal, endpoint string)
}

// Options are what a server of sessions works with.
type Options struct {
	// Name is this pod's.
	Name   string
	Config func() *adminapi.PoolConfig
	// Right is this server's right to accept posts; it does not block. Nil: it always may.
	Right     func() adminapi.Activation
	Directory Directory
	Hub       *hub.Hub
	History   History
	Endpoints Endpoints
	Encoder   *wire.Encoder
	Log       *slog.Logger
	Registry  prometheus.Registerer
}

// Server is the sessions of this pod. It implements sipedge.Backend.
type Server struct {
	Options
	metrics *metrics
	// inFlight counts the posts that are not settled.
	inFlight atomic.Int64
	hadRight atomic.Bool // it was activated since its start

	mu       sync.Mutex
	stopping bool
	sessions map[chat.Principal]map[string]*session // by user and endpoint
	wg       sync.WaitGroup
}

// New makes a server of sessions.
func New(o Options) *Server {
	s := &Server{Options: o, sessions: map[chat.Principal]map[string]*session{}}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if s.Right == nil {
		s.Right = func() adminapi.Activation { return adminapi.Activation{How: adminapi.BySingleSite} }
	}
	s.metrics = newMetrics(o.Registry, s)
	return s
}

// Credential implements sipedge.Backend. Who may not use chat is Denied, and his hash is given all the same.
func (s *Server) Credential(user, algorithm, realm string) (string, chat.Subject, error) {
	subject, err := s.Directory.Find(user)
	if err != nil {
		return "", chat.Subject{}, err
	}
	ha1, err := s.Directory.HA1(user, algorithm, realm)
	if err != nil {
		return "", chat.Subject{}, err
	}
	return ha1, subject, s.Config().Policy.Allows(subject).Err()
}

// Provisioning implements sipedge.Backend.
func (s *Server) Provisioning(subject chat.Subject) sipedge.Provisioning {
	c := s.Config()
	p := sipedge.Provisioning{
		Enabled: c.Policy.Allows(s.Directory.Subject(subject.User)).Allowed,
		PoolURI: c.PoolURI, Site: c.Site,
	}
	for _, site := range c.Sites {
		switch address := site.Address(); {
		case address == "":
		case site.Name == c.Site:
			p.Servers = slices.Insert(p.Servers, 0, address)
		default:
			p.Servers = append(p.Servers, address)
		}
	}
	return p
}

// Open implements sipedge.Backend.
func (s *Server) Open(subject chat.Subject, endpoint, requestURI string, to sipedge.Outbox) (sipedge.Dialog, error) {
	c := s.Config()
	subject = s.Directory.Subject(subject.User)
	if err := c.Policy.Allows(subject).Err(); err != nil {
		return nil, err
	}
	if !serves(c, requestURI) {
		return nil, chat.Errorf(chat.NotFound, "%q: this pool is %s", requestURI, c.PoolURI)
	}
	if endpoint == "" {
		endpoint = randomEndpoint()
	}
	return s.register(newSession(s, subject, endpoint, to), c.Limits.EndpointsPerUser)
}

// legacyName is how clients that got no provisioning address a pool, by convention.
const legacyName = "ocschat"

// serves tells whether the URI is one of the pool's.
func serves(c *adminapi.PoolConfig, uri string) bool {
	uri, _, _ = strings.Cut(strings.ToLower(uri), ";")
	return uri == strings.ToLower(c.PoolURI) || uri == "sip:"+legacyName+"@"+c.Domain
}

func randomEndpoint() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// SignedOff implements sipedge.Backend: who says that he goes is out of his rooms at once, not when his lease ends.
func (s *Server) SignedOff(subject chat.Subject, endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.sessions[subject.User][endpoint]; n != nil {
		n.signedOff.Store(true) // it has seats still, and gives them up when it ends
		return
	}
	if !s.stopping {
		s.wg.Go(func() { s.vacate(subject.User, endpoint) })
	}
}

// vacate takes an endpoint without a session out of all rooms. If the database cannot be asked, its lease does that.
func (s *Server) vacate(user chat.Principal, endpoint string) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	rooms, err := s.Endpoints.Rooms(ctx, user, endpoint)
	if err != nil {
		s.Log.Warn("who signed off stays listed until his lease ends", "user", user, "err", err)
		return
	}
	for _, id := range rooms {
		s.Hub.Forget(id, user, endpoint)
	}
}

// register makes the session the one of its endpoint, and starts it.
func (s *Server) register(n *session, limit int) (sipedge.Dialog, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, chat.Errorf(chat.Unavailable, "this server stops: sign in again")
	}
	mine := s.sessions[n.member.User]
	if mine == nil {
		mine = map[string]*session{}
		s.sessions[n.member.User] = mine
	}
	if older := mine[n.member.Endpoint]; older != nil {
		older.replace()
	} else if len(mine) >= limit {
		return nil, chat.Errorf(chat.TooLarge, "signed in with %d devices already; at most %d are allowed", len(mine), limit)
	}
	mine[n.member.Endpoint] = n
	s.wg.Go(n.run)
	return n, nil
}

// unregister forgets a session that has ended. It tells whether it was still the one of its endpoint.
func (s *Server) unregister(old *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := s.sessions[old.member.User]
	if mine[old.member.Endpoint] != old {
		return false
	}
	delete(mine, old.member.Endpoint)
	if len(mine) == 0 {
		delete(s.sessions, old.member.User)
	}
	return true
}

func (s *Server) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*session
	for _, mine := range s.sessions {
		for _, one := range mine {
			out = append(out, one)
		}
	}
	return out
}

// Count is how many sessions there are.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, mine := range s.sessions {
		n += len(mine)
	}
	return n
}

// PostsAccepted is how many posts were stored since the start.
func (s *Server) PostsAccepted() int64 { return s.metrics.stored.Load() }

// Recheck ends the sessions of everybody who may not use chat any more. Call it when policy or directory changed.
func (s *Server) Recheck() {
	policy := s.Config().Policy
	for _, one := range s.all() {
		if d := policy.Allows(s.Directory.Subject(one.member.User)); !d.Allowed {
			s.Log.Info("session ended: the user may not use chat any more", "user", one.member.User, "reason", d.Reason)
			one.out.Close(sipedge.Ended)
			one.end() // at once: a client that answers nothing delays the end of its dialog
		}
	}
}

// Stop refuses new sessions, sends the clients of the others elsewhere, and waits until no post is under way.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	for _, one := range s.all() {
		one.out.Close(sipedge.Moved)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.inFlight.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return chat.Errorf(chat.Unavailable, "%d posts are still under way", s.inFlight.Load())
		}
	}
	return nil
}

// Wait waits until the sessions have ended; the edge has closed their dialogs before.
func (s *Server) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return chat.Errorf(chat.Unavailable, "%d sessions have not ended in time", s.Count())
	}
}
