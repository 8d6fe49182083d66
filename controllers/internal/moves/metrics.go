package moves

import (
	"strconv"
	"time"

	"chatpool.dev/api/v1alpha1"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// What the operator of each site tells of a pool with two. The series of a pool are made anew in every round: what is not
// known, or over, is absent.
var (
	lagSeconds = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_replication_lag_seconds",
		Help: "How much would be lost if the active site were lost now, in seconds; absent while it is not known.",
	}, []string{"namespace", "pool", "site"})
	allowedSeconds = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_max_data_loss_seconds",
		Help: "How much may be lost at most, in seconds: spec.maxDataLossSeconds.",
	}, []string{"namespace", "pool", "site"})
	epochs = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_epoch",
		Help: "The highest epoch that this site knows of, by the role that the site has.",
	}, []string{"namespace", "pool", "site", "role"})
	silentSeconds = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_peer_silent_seconds",
		Help: "How long the other site's operator was not seen to beat, in seconds.",
	}, []string{"namespace", "pool", "site"})
	stepSeconds = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_transition_step_seconds",
		Help: "How long this site has been at this step of a move or a return, in seconds; absent while it is not in one.",
	}, []string{"namespace", "pool", "site", "kind", "step"})
	salvagePosts = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_salvage_posts",
		Help: "Posts of an overtaken epoch that were found in the other site's database: found, recovered (appended here), resent (here before).",
	}, []string{"namespace", "pool", "site", "epoch", "state"})
	salvageWaiting = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "chatpool_operator_salvage_waiting",
		Help: "1 while a salvage is not completed and says what it waits for, else 0; absent where there was none.",
	}, []string{"namespace", "pool", "site"})

	siteGauges = []*prometheus.GaugeVec{lagSeconds, allowedSeconds, epochs, silentSeconds, stepSeconds, salvagePosts, salvageWaiting}
)

func init() {
	for _, g := range siteGauges {
		metrics.Registry.MustRegister(g)
	}
}

// observe tells the metrics of a pool; peerSilence and atStep are how long the other operator was silent, and how long the
// present step has stood.
func observe(p *v1alpha1.ChatPool, peerSilence, atStep time.Duration) {
	forgetMetrics(types.NamespacedName{Namespace: p.Namespace, Name: p.Name})
	set := func(g *prometheus.GaugeVec, v float64, more ...string) {
		g.WithLabelValues(append([]string{p.Namespace, p.Name, p.Status.Site}, more...)...).Set(v)
	}
	set(epochs, float64(p.Status.Epoch), p.Status.Role)
	set(allowedSeconds, float64(p.Spec.MaxDataLossSeconds))
	set(silentSeconds, peerSilence.Seconds())
	if r := p.Status.Replication; r != nil && r.LagSeconds != nil {
		set(lagSeconds, float64(*r.LagSeconds))
	}
	if t := p.Status.Transition; t != nil {
		set(stepSeconds, atStep.Seconds(), t.Kind, t.Step)
	}
	if s := p.Status.Salvage; s != nil {
		epoch := strconv.FormatInt(s.Epoch, 10)
		set(salvagePosts, float64(s.Found), epoch, "found")
		set(salvagePosts, float64(s.Recovered), epoch, "recovered")
		set(salvagePosts, float64(s.Resent), epoch, "resent")
		waiting := 0.0
		if s.State != v1alpha1.SalvageCompleted && s.Waiting != "" {
			waiting = 1
		}
		set(salvageWaiting, waiting)
	}
}

func forgetMetrics(key types.NamespacedName) {
	of := prometheus.Labels{"namespace": key.Namespace, "pool": key.Name}
	for _, g := range siteGauges {
		g.DeletePartialMatch(of)
	}
}
