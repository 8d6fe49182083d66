package integrations

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func TestKstatusReadsAChatPoolAtEveryStep(t *testing.T) {
	for name, c := range cases(t) {
		t.Run(name, func(t *testing.T) {
			got, err := status.Compute(&unstructured.Unstructured{Object: c.object})
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Status) != c.want.kstatus {
				t.Errorf("kstatus says %s (%s), want %s", got.Status, got.Message, c.want.kstatus)
			}
		})
	}
}

// A Category and a Room have the same three conditions above.
func TestKstatusReadsARoom(t *testing.T) {
	for name, c := range map[string]struct{ ready, stalled, want string }{
		"applied": {"True", "False", "Current"}, "refused": {"False", "True", "Failed"}, "waiting": {"False", "False", "InProgress"},
	} {
		t.Run(name, func(t *testing.T) {
			o := map[string]any{
				"apiVersion": "chatpool.dev/v1alpha1", "kind": "Room", "metadata": map[string]any{"name": "fx", "namespace": "chat", "generation": int64(1)},
				"status": map[string]any{"observedGeneration": int64(1), "conditions": []any{
					map[string]any{"type": "Ready", "status": c.ready}, map[string]any{"type": "Stalled", "status": c.stalled},
				}},
			}
			got, err := status.Compute(&unstructured.Unstructured{Object: o})
			if err != nil || string(got.Status) != c.want {
				t.Errorf("got %v, %v, want %s", got, err, c.want)
			}
		})
	}
}
