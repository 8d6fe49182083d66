package sipedge

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	connections, dialogs prometheus.Gauge
	requests             *prometheus.CounterVec
	slowReaders          prometheus.Counter
	refused              *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "chatpool_sip_connections", Help: "Client connections now."}),
		dialogs:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "chatpool_sip_dialogs", Help: "Dialogs now."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "chatpool_sip_requests_total",
			Help: "Requests of clients, by method and status of the answer."}, []string{"method", "status"}),
		slowReaders: prometheus.NewCounter(prometheus.CounterOpts{Name: "chatpool_sip_slow_readers_total",
			Help: "Connections cut off because the client did not read or answer."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "chatpool_sip_refused_connections_total",
			Help: "Connections closed at once, by reason."}, []string{"reason"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connections, m.dialogs, m.requests, m.slowReaders, m.refused} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// answered counts a request; methods that clients invent count as one.
func (m *metrics) answered(method string, status int) {
	if !isSupported(method) && !known[method] {
		method = "other"
	}
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
}
