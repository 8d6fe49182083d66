package moves

import (
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// told are the series of a pool: the metric with the labels that tell series of one pool apart, and its value.
func told(t *testing.T, pool string) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["pool"] != pool || labels["site"] == "" {
				continue
			}
			name := f.GetName()
			for _, l := range []string{"role", "kind", "step", "epoch", "state"} {
				if labels[l] != "" {
					name += " " + labels[l]
				}
			}
			out[name] = m.GetGauge().GetValue()
		}
	}
	return out
}

func TestMetricsTellWhatIsKnownOfAPoolAndNothingElse(t *testing.T) {
	lag := int64(3)
	p := &v1alpha1.ChatPool{}
	p.Name, p.Namespace, p.Spec.MaxDataLossSeconds = "told", "chat", 5
	p.Status = v1alpha1.ChatPoolStatus{
		Site: "home", Role: v1alpha1.RoleFenced, Epoch: 2,
		Replication: &v1alpha1.ReplicationStatus{LagSeconds: &lag},
		Transition:  &v1alpha1.TransitionStatus{Kind: v1alpha1.MoveReturn, Step: "Salvaging"},
		Salvage:     &v1alpha1.SalvageStatus{Epoch: 1, State: v1alpha1.SalvageRunning, Found: 9, Recovered: 6, Resent: 2, Waiting: "the database is away"},
	}
	observe(p, 4*time.Second, 90*time.Second)
	want := map[string]float64{
		"chatpool_operator_epoch Fenced":                             2,
		"chatpool_operator_max_data_loss_seconds":                    5,
		"chatpool_operator_peer_silent_seconds":                      4,
		"chatpool_operator_replication_lag_seconds":                  3,
		"chatpool_operator_transition_step_seconds Return Salvaging": 90,
		"chatpool_operator_salvage_posts 1 found":                    9,
		"chatpool_operator_salvage_posts 1 recovered":                6,
		"chatpool_operator_salvage_posts 1 resent":                   2,
		"chatpool_operator_salvage_waiting":                          1,
	}
	if d := cmp.Diff(want, told(t, "told")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	p.Status.Role, p.Status.Replication, p.Status.Transition, p.Status.Salvage = v1alpha1.RoleStandby, nil, nil, nil
	observe(p, 0, 0)
	want = map[string]float64{"chatpool_operator_epoch Standby": 2, "chatpool_operator_max_data_loss_seconds": 5, "chatpool_operator_peer_silent_seconds": 0}
	if d := cmp.Diff(want, told(t, "told")); d != "" {
		t.Errorf("what is over stays (-want +got):\n%s", d)
	}
	forgetMetrics(types.NamespacedName{Namespace: "chat", Name: "told"})
	if got := told(t, "told"); len(got) > 0 {
		t.Errorf("of a pool that is gone: %v", got)
	}
}
