package hub

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	deliveries prometheus.Counter
	dropped    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, h *Hub) *metrics {
	m := &metrics{
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chatpool_deliveries_total", Help: "Messages handed to participants' connections.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "chatpool_events_dropped_total", Help: "Events for rooms that found a full queue and were left to the next poll.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.deliveries, m.dropped,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "chatpool_participants", Help: "Memberships in rooms of the sessions on this pod.",
			}, func() float64 { return float64(h.Seats()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "chatpool_catalog_age_seconds", Help: "Since when the copy of categories and rooms was last known to be current.",
			}, func() float64 { return h.catalog.age().Seconds() }))
	}
	return m
}
