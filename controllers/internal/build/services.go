package build

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Services are the three of a pool: for clients, for the operator, and the headless one that gives pods names.
func Services(p *v1alpha1.ChatPool) []*corev1.Service {
	public := service(p, naming.PublicService(p), publicPorts(p)...)
	public.Annotations = p.Spec.Servers.Service.Annotations
	public.Spec.Type = p.Spec.Servers.Service.Type
	if public.Spec.Type == "" {
		public.Spec.Type = corev1.ServiceTypeClusterIP
	}
	admin := service(p, naming.AdminService(p), servicePort(naming.NameAdmin, naming.PortAdmin, 0))
	headless := service(p, naming.Servers(p), append(publicPorts(p), servicePort(naming.NameAdmin, naming.PortAdmin, 0),
		servicePort(naming.NameHTTP, naming.PortHTTP, 0))...)
	headless.Spec.ClusterIP = corev1.ClusterIPNone
	for i := range headless.Spec.Ports {
		headless.Spec.Ports[i].NodePort = 0
	}
	return []*corev1.Service{public, admin, headless}
}

func publicPorts(p *v1alpha1.ChatPool) []corev1.ServicePort {
	var fixed v1alpha1.NodePorts
	if n := p.Spec.Servers.Service.NodePorts; n != nil {
		fixed = *n
	}
	ports := []corev1.ServicePort{servicePort(naming.NameSIPS, naming.PortSIPS, fixed.SIPS)}
	if p.Spec.Auth.PlainTCP {
		ports = append(ports, servicePort(naming.NameSIP, naming.PortSIP, fixed.SIP))
	}
	return ports
}

func servicePort(name string, port, node int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, TargetPort: intstr.FromString(name), Protocol: corev1.ProtocolTCP, NodePort: node}
}

func service(p *v1alpha1.ChatPool, name string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: naming.Owned(p, name, naming.Chat),
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: naming.Selector(p, naming.Chat), Ports: ports},
	}
}
