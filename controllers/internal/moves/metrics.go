package moves

import (
	"chatpool.dev/api/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	lagSeconds = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_replication_lag_seconds",
		Help: "How much would be lost if the active site were lost now, in seconds; absent while it is not known.",
	}, []string{"namespace", "pool"})
	epochs = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_epoch", Help: "The highest epoch that this site knows of, by the role that the site has.",
	}, []string{"namespace", "pool", "role"})
)

func init() { metrics.Registry.MustRegister(lagSeconds, epochs) }

func observe(p *v1alpha1.ChatPool) {
	forgetMetrics(types.NamespacedName{Namespace: p.Namespace, Name: p.Name})
	epochs.WithLabelValues(p.Namespace, p.Name, p.Status.Role).Set(float64(p.Status.Epoch))
	if r := p.Status.Replication; r != nil && r.LagSeconds != nil {
		lagSeconds.WithLabelValues(p.Namespace, p.Name).Set(float64(*r.LagSeconds))
	}
}

func forgetMetrics(key types.NamespacedName) {
	of := prometheus.Labels{"namespace": key.Namespace, "pool": key.Name}
	epochs.DeletePartialMatch(of)
	lagSeconds.DeletePartialMatch(of)
}
