package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Only what is meant is sent: whoever sends a field owns it.
func TestUnstructuredSendsOnlyWhatIsMeant(t *testing.T) {
	u, err := Unstructured(&corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: "x"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "sips", Port: 5061}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ports := []any{map[string]any{"name": "sips", "port": int64(5061), "targetPort": int64(0)}}
	want := map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "x"}, "spec": map[string]any{"ports": ports}}
	if d := cmp.Diff(want, u.Object); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// An empty selector says "everything"; without it the rule would say "nothing" or something else.
func TestAnEmptySelectorStays(t *testing.T) {
	u, err := Unstructured(&networkingv1.NetworkPolicy{Spec: networkingv1.NetworkPolicySpec{
		Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}},
		Egress:  []networkingv1.NetworkPolicyEgressRule{{}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"podSelector": map[string]any{},
		"ingress":     []any{map[string]any{"from": []any{map[string]any{"namespaceSelector": map[string]any{}}}}},
		"egress":      []any{map[string]any{}},
	}
	if d := cmp.Diff(want, u.Object["spec"]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
