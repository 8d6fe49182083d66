package session

import (
	"context"
	"fmt"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/sipedge"
)

const (
	// RedirectAfter is after how long without activation clients are sent to the other site: a short gap sends nobody away.
	RedirectAfter = 3 * time.Second
	// StartGrace is the same for a server that was never activated: one that starts where the pool is watches its neighbours
	// for some seconds first.
	StartGrace = 8 * time.Second
	// QuiesceGrace is the same after a quiesce, which may be taken back.
	QuiesceGrace = 10 * time.Second
	// attendEvery is how often it is looked whether sessions must go.
	attendEvery = 250 * time.Millisecond
	// maintenanceRetry and awayRetry are how many seconds a client waits that meets maintenance, or is sent away.
	maintenanceRetry = 5
	awayRetry        = 2
)

// standing is what clients may do at this server now.
type standing struct {
	// away: no new session is taken, and those that there are are moved.
	away bool
	// to is the other site, if that is where clients are to go; nil: to other servers of this one.
	to *adminapi.Site
	// why says so, for the log.
	why string
}

// stand decides from the configuration and from the server's right to accept posts, which it had before or not.
func stand(c *adminapi.PoolConfig, pod string, right adminapi.Activation, had bool) standing {
	grace := RedirectAfter
	switch {
	case right.Quiesced > 0:
		grace = QuiesceGrace
	case !had:
		grace = StartGrace
	}
	other := c.Other()
	switch {
	case other != nil && !right.Active() && right.Seconds >= grace.Seconds():
		return standing{away: true, to: other, why: fmt.Sprintf("for %.0f s not activated: %s", right.Seconds, right.Reason)}
	case !c.InService(pod):
		return standing{away: true, why: "active does not list this server"}
	}
	return standing{}
}

func (s *Server) standing() standing {
	right := s.Right()
	if right.Active() {
		s.hadRight.Store(true)
	}
	return stand(s.Config(), s.Name, right, s.hadRight.Load())
}

// Away implements sipedge.Backend.
func (s *Server) Away() *sipedge.Away {
	st := s.standing()
	if !st.away {
		return nil
	}
	a := &sipedge.Away{RetryAfter: awayRetry, Reason: "this server is out of service"}
	if st.to != nil {
		a.Target, a.Reason = st.to.Address(), "the pool is in site "+st.to.Name
	}
	return a
}

// Elsewhere gives the other site, if that is where people are to go.
func (s *Server) Elsewhere() (adminapi.Site, bool) {
	if st := s.standing(); st.to != nil {
		return *st.to, true
	}
	return adminapi.Site{}, false
}

// Run moves the sessions whenever they must go, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(attendEvery)
	defer tick.Stop()
	before := false
	for {
		st := s.standing()
		switch {
		case st.away && !before:
			s.Log.Info("clients are sent away", "sessions", s.Count(), "reason", st.why)
		case before && !st.away:
			s.Log.Info("clients are taken again")
		}
		if st.away {
			for _, one := range s.all() {
				one.out.Close(sipedge.Moved)
			}
		}
		before = st.away
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// stopped is the answer to a post during maintenance.
func (s *Server) stopped() sipedge.Answer {
	a := s.outcome(chat.Errorf(chat.Unavailable, "maintenance"))
	a.RetryAfter = maintenanceRetry
	a.Diagnostics = s.diagnostics(serviceBusy, "chat is stopped for maintenance")
	return a
}
