package chatpool

import (
	"chatpool.dev/api/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// conditions is 1 for the status that a pool's condition has, 0 for the two others.
var conditions = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "chatpool_operator_pool_condition",
	Help: "Conditions of ChatPools: 1 for the status (True, False, Unknown) that the condition has.",
}, []string{"namespace", "pool", "type", "status"})

func init() { metrics.Registry.MustRegister(conditions) }

func observeMetrics(p *v1alpha1.ChatPool) {
	forgetMetrics(p) // some conditions come and go
	for _, c := range p.Status.Conditions {
		for _, status := range []string{"True", "False", "Unknown"} {
			v := 0.0
			if status == string(c.Status) {
				v = 1
			}
			conditions.WithLabelValues(p.Namespace, p.Name, c.Type, status).Set(v)
		}
	}
}

func forgetMetrics(p *v1alpha1.ChatPool) {
	conditions.DeletePartialMatch(prometheus.Labels{"namespace": p.Namespace, "pool": p.Name})
}
