package chatpool

import (
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/condition"

	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// series counts the series of a pool's conditions, and of them those that are 1.
func series(t *testing.T, pool string) (all, ones int) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "chatpool_operator_pool_condition" && l.GetName() == "pool" && l.GetValue() == pool {
					all++
					ones += int(m.GetGauge().GetValue())
				}
			}
		}
	}
	return all, ones
}

func TestMetricsShowTheConditionsOfAPoolAsLongAsItLives(t *testing.T) {
	p := &v1alpha1.ChatPool{}
	p.Name, p.Namespace = "measured", "chat"
	condition.Set(p, v1alpha1.ConditionReady, condition.True("Ready", "yes"))
	condition.Set(p, v1alpha1.ConditionMirrorInSync, condition.Unknown("External", "who knows"))
	observeMetrics(p)
	condition.Set(p, v1alpha1.ConditionReady, condition.Waiting("Progressing", "no more"))
	observeMetrics(p)
	if all, ones := series(t, "measured"); all != 6 || ones != 2 {
		t.Errorf("%d series, %d of them 1; want 6 and 2", all, ones)
	}
	forgetMetrics(p)
	if all, _ := series(t, "measured"); all != 0 {
		t.Errorf("%d series of a pool that is gone", all)
	}
}
