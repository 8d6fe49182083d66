package session

import (
	"sync/atomic"

	"chatpool.dev/chatserver/chat"
	"github.com/prometheus/client_golang/prometheus"
)

// How a post was answered.
const (
	outcomeAccepted    = "accepted"
	outcomeRefused     = "refused"
	outcomeInDoubt     = "in_doubt"
	outcomeUnavailable = "unavailable"
)

type metrics struct {
	stored  atomic.Int64
	posts   *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, s *Server) *metrics {
	m := &metrics{
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chatpool_posts_total",
			Help: "Posts by how they were answered: accepted (200), refused (4xx), in_doubt (503 after waiting), unavailable (503 at once).",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "chatpool_post_seconds",
			Help:    "Time from the receipt of a post to its commit, for posts that were stored.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 3, 5, 10, 30},
		}),
	}
	for _, o := range []string{outcomeAccepted, outcomeRefused, outcomeInDoubt, outcomeUnavailable} {
		m.posts.WithLabelValues(o)
	}
	if reg != nil {
		reg.MustRegister(m.posts, m.seconds, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "chatpool_sessions", Help: "Dialogs with clients.",
		}, func() float64 { return float64(s.Count()) }))
	}
	return m
}

func postOutcome(err error) string {
	switch {
	case err == nil:
		return outcomeAccepted
	case chat.Is(err, chat.Unavailable):
		return outcomeUnavailable
	}
	return outcomeRefused
}
