package build

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/sites"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// NetworkPolicies say who may reach the pool's pods, and whom they may reach. operatorNamespace is our own.
func NetworkPolicies(p *v1alpha1.ChatPool, operatorNamespace string) []*networkingv1.NetworkPolicy {
	out := []*networkingv1.NetworkPolicy{serverPolicy(p, operatorNamespace), migrationPolicy(p)}
	if p.Spec.Database.Provider == v1alpha1.CloudNativePG {
		out = append(out, databasePolicy(p))
	}
	return out
}

// serverPolicy: chat from anywhere, health and metrics from the cluster, the admin API from the operator alone; out to
// DNS and the database alone.
func serverPolicy(p *v1alpha1.ChatPool, operatorNamespace string) *networkingv1.NetworkPolicy {
	n := policy(naming.Owned(p, naming.Servers(p), naming.Chat), naming.Selector(p, naming.Chat))
	sip := []networkingv1.NetworkPolicyPort{tcp(naming.PortSIPS)}
	if p.Spec.Auth.PlainTCP {
		sip = append(sip, tcp(naming.PortSIP))
	}
	n.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{
		{Ports: sip},
		{Ports: []networkingv1.NetworkPolicyPort{tcp(naming.PortHTTP)}, From: []networkingv1.NetworkPolicyPeer{anyNamespace(nil)}},
		{Ports: []networkingv1.NetworkPolicyPort{tcp(naming.PortAdmin)}, From: []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: operatorNamespace}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{naming.LabelName: naming.FieldOwner}},
		}}},
	}
	n.Spec.Egress = databaseEgress(p)
	if ports := endpointPorts(p); p.HasTwoSites() && len(ports) > 0 {
		// The other site's database answers at an address that a policy here cannot know; servers salvage from it.
		n.Spec.Egress = append(n.Spec.Egress, networkingv1.NetworkPolicyEgressRule{Ports: ports})
	}
	n.Spec.PolicyTypes = append(n.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	return n
}

func migrationPolicy(p *v1alpha1.ChatPool) *networkingv1.NetworkPolicy {
	n := policy(naming.Owned(p, p.Name+"-migrate", naming.Migrate), naming.Selector(p, naming.Migrate))
	n.Spec.Egress = databaseEgress(p)
	n.Spec.PolicyTypes = append(n.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	return n
}

// databaseEgress: DNS, and the pool's own database; an External one may be anywhere, so nothing is closed then. DNS may
// be no pod that a policy can name (a cache on each node), and listens behind its Service on 5353 in OpenShift.
func databaseEgress(p *v1alpha1.ChatPool) []networkingv1.NetworkPolicyEgressRule {
	if p.Spec.Database.Provider == v1alpha1.External {
		return []networkingv1.NetworkPolicyEgressRule{{}}
	}
	return []networkingv1.NetworkPolicyEgressRule{
		{Ports: []networkingv1.NetworkPolicyPort{
			port(corev1.ProtocolUDP, 53), tcp(53), port(corev1.ProtocolUDP, 5353), tcp(5353),
		}},
		{
			Ports: []networkingv1.NetworkPolicyPort{tcp(naming.PortPostgres)},
			To:    []networkingv1.NetworkPolicyPeer{{PodSelector: databasePods(p)}},
		},
	}
}

// endpointPorts are those at which the sites' databases answer each other.
func endpointPorts(p *v1alpha1.ChatPool) []networkingv1.NetworkPolicyPort {
	seen := map[int32]bool{}
	var out []networkingv1.NetworkPolicyPort
	for _, s := range p.Spec.Sites {
		if e, err := sites.EndpointOf(s); err == nil && !seen[e.Port] {
			seen[e.Port] = true
			out = append(out, tcp(e.Port))
		}
	}
	return out
}

// databasePolicy: SQL from the pool's servers and migrations, everything from the other instances and from
// CloudNativePG's operator, metrics from the cluster. It stays with the database when the pool goes. Instances speak
// to the API server, whose address a policy cannot know, so nothing is closed on their way out.
func databasePolicy(p *v1alpha1.ChatPool) *networkingv1.NetworkPolicy {
	n := policy(naming.Kept(p, naming.Cluster(p), naming.Database), databasePods(p).MatchLabels)
	const status, metrics = 8000, 9187
	own := []networkingv1.NetworkPolicyPort{tcp(naming.PortPostgres), tcp(status)}
	n.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{
		{Ports: []networkingv1.NetworkPolicyPort{tcp(naming.PortPostgres)}, From: []networkingv1.NetworkPolicyPeer{
			{PodSelector: selector(p, naming.Chat)}, {PodSelector: selector(p, naming.Migrate)},
		}},
		{Ports: own, From: []networkingv1.NetworkPolicyPeer{
			{PodSelector: databasePods(p)}, anyNamespace(map[string]string{naming.LabelName: "cloudnative-pg"}),
		}},
		{Ports: []networkingv1.NetworkPolicyPort{tcp(metrics)}, From: []networkingv1.NetworkPolicyPeer{anyNamespace(nil)}},
	}
	if p.HasTwoSites() {
		// The other site's instances come from addresses that a policy here cannot know; certificates keep others out.
		n.Spec.Ingress = append(n.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{tcp(naming.PortPostgres)}})
	}
	return n
}

func databasePods(p *v1alpha1.ChatPool) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{naming.LabelCNPGCluster: naming.Cluster(p)}}
}

// anyNamespace: pods with the labels (nil: all) wherever they are in the cluster.
func anyNamespace(labels map[string]string) networkingv1.NetworkPolicyPeer {
	peer := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}
	if labels != nil {
		peer.PodSelector = &metav1.LabelSelector{MatchLabels: labels}
	}
	return peer
}

func policy(m metav1.ObjectMeta, pods map[string]string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: m,
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: pods},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}
}

func tcp(n int32) networkingv1.NetworkPolicyPort { return port(corev1.ProtocolTCP, n) }

func port(proto corev1.Protocol, n int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: &proto, Port: ptr(intstr.FromInt32(n))}
}
