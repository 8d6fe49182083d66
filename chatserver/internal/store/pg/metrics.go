package pg

import (
	"github.com/prometheus/client_golang/prometheus"

	"chatpool.dev/chatserver/chat"
)

// metrics are the store's figures.
type metrics struct {
	commit, batch prometheus.Histogram
	doubts        prometheus.Counter
	posts         *prometheus.CounterVec
}

// newMetrics makes the metrics and registers them if there is a registry.
func newMetrics(r prometheus.Registerer, queued func() int, proven func() bool) *metrics {
	m := &metrics{
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "chatpool_store_commit_seconds",
			Help: "Time of writing and committing a batch of posts, the mirror included.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "chatpool_store_batch_posts",
			Help: "Posts of one transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}),
		doubts: prometheus.NewCounter(prometheus.CounterOpts{Name: "chatpool_store_doubtful_commits_total",
			Help: "Commits whose outcome was not known: the connection broke or the database warned."}),
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "chatpool_store_posts_total",
			Help: "Posts by outcome: Stored, Duplicate, or the kind of error."}, []string{"outcome"}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "chatpool_store_queued_posts",
		Help: "Posts that wait for a transaction."}, func() float64 { return float64(queued()) })
	readable := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "chatpool_store_proven",
		Help: "1 while what the database shows is known to be on its mirror; messages are read only then."}, func() float64 {
		if proven() {
			return 1
		}
		return 0
	})
	if r != nil {
		r.MustRegister(m.commit, m.batch, m.doubts, m.posts, waiting, readable)
	}
	return m
}

func (m *metrics) outcome(r PostResult) {
	switch {
	case r.Err != nil:
		m.posts.WithLabelValues(string(chat.KindOf(r.Err))).Inc()
	case r.Duplicate:
		m.posts.WithLabelValues("Duplicate").Inc()
	default:
		m.posts.WithLabelValues("Stored").Inc()
	}
}
