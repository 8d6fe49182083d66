package server

import (
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"time"

	"chatpool.dev/chatserver/internal/admin"
	"chatpool.dev/chatserver/internal/obs"
	"chatpool.dev/chatserver/internal/store/pg"
	"golang.org/x/sync/errgroup"
)

const (
	// drainTime is how long a stop waits for posts that are under way.
	drainTime = 8 * time.Second
	// closeTime is how long it then waits for the connections to end.
	closeTime = 6 * time.Second
	// renewEvery is how often certificates are read again.
	renewEvery = 10 * time.Second
)

// Run works until ctx ends, then stops in order. An error means that a part failed.
func (s *Server) Run(ctx context.Context) error {
	// What the clients depend on ends after them, not with ctx.
	base, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	g, base := errgroup.WithContext(base)
	s.start(g, base)
	g.Go(func() error {
		select {
		case <-ctx.Done():
			s.stop()
		case <-base.Done(): // a part failed
		}
		end()
		return nil
	})
	err := g.Wait()
	s.listeners.close()
	return err
}

// start runs the parts until ctx ends.
func (s *Server) start(g *errgroup.Group, ctx context.Context) {
	g.Go(func() error { return s.store.Run(ctx) })
	g.Go(func() error { return s.hub.Run(ctx) })
	if s.gate != nil {
		g.Go(func() error { return s.gate.Run(ctx) })
		g.Go(func() error { return s.salvager.Run(ctx) })
	}
	g.Go(func() error { return s.sessions.Run(ctx) })
	g.Go(func() error { return s.directory.Run(ctx) })
	g.Go(func() error { return s.live.Run(ctx) })
	g.Go(func() error { return s.awaitSchema(ctx) })
	if l := s.listeners.sips; l != nil {
		g.Go(func() error { s.certificate.Watch(ctx, renewEvery, s.Log); return nil })
		g.Go(func() error { return s.edge.ServeTLS(l, s.certificate) })
	}
	if l := s.listeners.sip; l != nil {
		g.Go(func() error { return s.edge.Serve(l) })
	}
	if s.listeners.sips != nil || s.listeners.sip != nil {
		// Also when a part failed: no listener outlives Run.
		g.Go(func() error {
			<-ctx.Done()
			closing, cancel := context.WithTimeout(context.Background(), closeTime)
			defer cancel()
			s.closed(s.edge.Shutdown(closing))
			return nil
		})
	}
	if l := s.listeners.admin; l != nil {
		var activations admin.Activations
		var salvages admin.Salvages
		if s.gate != nil {
			activations, salvages = s.gate, s.salvager
		}
		handler := admin.Handler(admin.Options{
			Domain: s.live.Current().Domain, Categories: s.store, Rooms: s.store, Groups: s.directory.Groups,
			Changed: func(ctx context.Context) {
				if s.hub.Refresh(ctx) != nil {
					s.hub.Hint(pg.Hint{Kind: pg.HintCatalog}) // later, then
				}
			},
			Status: s.status, Activations: activations, Salvages: salvages, Database: s.database, Log: s.Log,
		})
		g.Go(func() error { return s.identity.Watch(ctx, renewEvery, s.Log) })
		g.Go(func() error {
			return obs.Serve(ctx, tls.NewListener(l, s.identity.Config()), &http.Server{Handler: handler, ErrorLog: s.httpLog()})
		})
	}
	if l := s.listeners.http; l != nil {
		g.Go(func() error {
			return obs.Serve(ctx, l, &http.Server{Handler: s.pages(), ErrorLog: s.httpLog()})
		})
	}
}

// stop sends the clients elsewhere and waits for what they are owed.
func (s *Server) stop() {
	s.stopping.Store(true)
	s.Log.Info("stopping", "sessions", s.sessions.Count())
	draining, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := s.sessions.Stop(draining); err != nil {
		s.Log.Warn("stopping all the same", "err", err)
	}
	closing, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	s.closed(s.edge.Shutdown(closing))
	if err := s.sessions.Wait(closing); err != nil {
		s.Log.Warn("stopping all the same", "err", err)
	}
}

func (s *Server) closed(err error) {
	if err != nil {
		s.Log.Info("connections were cut: their clients did not end them", "err", err)
	}
}

// httpLog is where HTTP servers report bad handshakes and the like.
func (s *Server) httpLog() *log.Logger { return slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug) }
