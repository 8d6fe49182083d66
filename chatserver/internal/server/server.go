// Package server puts the chat server together: configuration, directory, store, hub, sessions, SIP, admin API, health.
//
// Rules:
//
//   - It starts without the database, and is ready when its listeners are up and the schema was seen once; from then
//     on a database outage does not make it unready: clients are told to try again.
//   - It stops in order, within 25 s: not ready, clients moved away, posts under way answered, connections closed,
//     then hub and store.
//   - Each of its goroutines belongs to one errgroup; when one fails, all stop and the error is returned.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/admin"
	"chatpool.dev/chatserver/internal/config"
	"chatpool.dev/chatserver/internal/directory"
	"chatpool.dev/chatserver/internal/gate"
	"chatpool.dev/chatserver/internal/hub"
	"chatpool.dev/chatserver/internal/obs"
	"chatpool.dev/chatserver/internal/salvage"
	"chatpool.dev/chatserver/internal/session"
	"chatpool.dev/chatserver/internal/sipedge"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
	"github.com/prometheus/client_golang/prometheus"
)

// Options of a Server.
type Options struct {
	ConfigPath string // of config.json
	Pod        string // this server's name
	Version    string // of the program
	Log        *slog.Logger
}

// Server is one pod's chat server.
type Server struct {
	Options
	live      *config.Live
	registry  *prometheus.Registry
	directory *directory.Directory
	store     *pg.Store
	gate      *gate.Gate        // nil in a pool with one site
	salvager  *salvage.Salvager // nil without gate
	hub       *hub.Hub
	sessions  *session.Server
	edge      *sipedge.Server

	certificate *sipedge.Certificate // nil without TLS
	identity    *admin.Identity      // nil without admin API
	listeners   listeners
	addresses   Addresses

	schema   atomic.Bool // the schema was seen
	stopping atomic.Bool
}

// Addresses are where the server listens; "" where it does not.
type Addresses struct{ SIPS, SIP, Admin, HTTP string }

// New reads the configuration, builds the server and opens its listeners. Run makes it work.
func New(o Options) (*Server, error) {
	live, err := config.Load(o.ConfigPath, o.Log)
	if err != nil {
		return nil, err
	}
	c := live.Current()
	s := &Server{Options: o, live: live, registry: obs.NewRegistry()}
	s.Log = o.Log.With("pool", c.Pool, "site", c.Site)
	if err := s.build(c); err != nil {
		return nil, err
	}
	if err := s.identities(c); err != nil {
		return nil, err
	}
	if err := s.listen(c); err != nil {
		s.listeners.close()
		return nil, err
	}
	return s, nil
}

// Addresses tells where the server listens.
func (s *Server) Addresses() Addresses { return s.addresses }

// Source tells how the configuration's database is reached.
func Source(c *adminapi.PoolConfig) pg.Source {
	return pg.Source{
		Dir: c.Files.Database, CADir: c.Files.DatabaseCA,
		Host: c.Database.Host, Port: c.Database.Port, Database: c.Database.DBName, User: c.Database.Username,
	}
}

func (s *Server) build(c *adminapi.PoolConfig) error {
	var err error
	s.directory = directory.New(c.Domain, c.Files.Users, s.Log)
	s.directory.Update(c.Directory)
	s.store, err = pg.Open(pg.Options{
		Config: Source(c).Config, MaxConns: c.Database.MaxConns, Pod: s.Pod, Log: s.Log, Registry: s.registry,
	})
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	encoder := wire.NewEncoder(c.Domain, rand.Uint64()>>1)
	s.hub = hub.New(hub.Options{
		Messages: s.store, Participants: s.store, Catalog: s.store, Encoder: encoder,
		Subject: s.directory.Subject,
		Limits:  func() chat.Limits { return s.live.Current().Limits },
		Log:     s.Log, Registry: s.registry,
	})
	s.store.OnCommit(s.hub.Committed)
	s.store.OnHint(s.hub.Hint)
	if c.Gate {
		s.gate = gate.New(gate.Options{
			Database: s.store, Site: c.Site, Pod: s.Pod, Log: s.Log, Registry: s.registry,
			Witness: func() bool { return s.live.Current().Witness },
			// Epoch and catalog go together, and posts of others may have been overtaken.
			Changed: func() { s.hub.Hint(pg.Hint{Kind: pg.HintAll}) },
		})
		s.store.Obey(s.gate)
		s.salvager = salvage.New(salvage.Options{
			Store: s.store, Groups: s.directory.Groups, Log: s.Log,
			Active: func() bool { return s.gate.Activation().Active() },
		})
	}
	var right func() adminapi.Activation
	if s.gate != nil {
		right = s.gate.Activation
	}
	s.sessions = session.New(session.Options{
		Name: s.Pod, Config: s.live.Current, Right: right, Directory: s.directory, Hub: s.hub, History: s.store, Endpoints: s.store,
		Encoder: encoder, Log: s.Log, Registry: s.registry,
	})
	s.edge, err = sipedge.New(sipedge.Options{
		Domain: c.Domain, Backend: s.sessions,
		LegacyDigest: func() bool { return s.live.Current().LegacyDigest },
		Log:          s.Log, Metrics: s.registry,
	})
	if err != nil {
		return err
	}
	s.live.OnChange(func(c *adminapi.PoolConfig) {
		s.directory.Update(c.Directory)
		s.sessions.Recheck()
		s.hub.Recheck()
	})
	return nil
}

func (s *Server) identities(c *adminapi.PoolConfig) (err error) {
	if c.Listen.SIPS != adminapi.Off {
		dir := c.Files.TLS
		if s.certificate, err = sipedge.LoadCertificate(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
			return err
		}
	}
	if c.Listen.Admin != adminapi.Off {
		s.identity, err = admin.LoadIdentity(c.Files.InternalTLS)
	}
	return err
}

// listeners are the open ones; nil where the server does not listen.
type listeners struct{ sips, sip, admin, http net.Listener }

func (l *listeners) close() {
	for _, one := range []net.Listener{l.sips, l.sip, l.admin, l.http} {
		if one != nil {
			one.Close()
		}
	}
}

func (s *Server) listen(c *adminapi.PoolConfig) error {
	for _, f := range []struct {
		name, address string
		on            bool
		to            *net.Listener
		shown         *string
	}{
		{"sips", c.Listen.SIPS, true, &s.listeners.sips, &s.addresses.SIPS},
		{"sip", c.Listen.SIP, c.PlainTCP, &s.listeners.sip, &s.addresses.SIP},
		{"admin", c.Listen.Admin, true, &s.listeners.admin, &s.addresses.Admin},
		{"http", c.Listen.HTTP, true, &s.listeners.http, &s.addresses.HTTP},
	} {
		if !f.on || f.address == adminapi.Off {
			continue
		}
		l, err := net.Listen("tcp", f.address)
		if err != nil {
			return fmt.Errorf("listen.%s: %w", f.name, err)
		}
		*f.to, *f.shown = l, l.Addr().String()
	}
	return nil
}

// ready tells why clients are not to be sent here, or nil.
func (s *Server) ready() error {
	switch {
	case s.stopping.Load():
		return chat.Errorf(chat.Unavailable, "the server stops")
	case !s.schema.Load():
		return chat.Errorf(chat.Unavailable, "the database's schema was not seen yet: is the database reachable, and did the migration run?")
	}
	return nil
}

// awaitSchema waits for the schema to be there.
func (s *Server) awaitSchema(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for said := false; ; {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := s.store.SchemaReady(asking)
		cancel()
		if err == nil {
			s.schema.Store(true)
			s.Log.Info("ready", "sips", s.addresses.SIPS, "sip", s.addresses.SIP)
			return nil
		}
		if !said && ctx.Err() == nil {
			s.Log.Warn("waiting for the database's schema", "err", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// status is what the admin API tells of this pod.
func (s *Server) status(ctx context.Context) adminapi.Status {
	version, err := s.store.SchemaVersion(ctx)
	if err != nil {
		s.Log.Warn("the schema's version is not known now", "err", err)
	}
	return adminapi.Status{
		Pod: s.Pod, Version: s.Version, Ready: s.ready() == nil,
		Sessions: s.sessions.Count(), Participants: s.hub.Seats(), PostsAccepted: s.sessions.PostsAccepted(),
		DatabaseReachable: s.store.Reachable(), SchemaVersion: version,
	}
}
