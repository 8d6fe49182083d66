package build

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/naming"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Revision is what a roll-out is about: new pods come when it changes, after its migration.
type Revision struct {
	Image string
	// ConfigHash is convert.RestartHash of the configuration.
	ConfigHash string
}

// Hash names the migration Job of the revision.
func (r Revision) Hash() string { return convert.Hash(r.Image, r.ConfigHash) }

// Servers is the StatefulSet of the chat servers.
func Servers(p *v1alpha1.ChatPool, r Revision) *appsv1.StatefulSet {
	spec := podSpec(p, corev1.Container{
		Name: "chat", Image: r.Image,
		Command: []string{"/chatserver", "serve", "--config", naming.DirConfig + "/config.json"},
		Env:     []corev1.EnvVar{fieldEnv("POD_NAME", "metadata.name"), fieldEnv("POD_IP", "status.podIP")},
		Ports: []corev1.ContainerPort{
			{Name: naming.NameSIPS, ContainerPort: naming.PortSIPS, Protocol: corev1.ProtocolTCP},
			{Name: naming.NameSIP, ContainerPort: naming.PortSIP, Protocol: corev1.ProtocolTCP},
			{Name: naming.NameAdmin, ContainerPort: naming.PortAdmin, Protocol: corev1.ProtocolTCP},
			{Name: naming.NameHTTP, ContainerPort: naming.PortHTTP, Protocol: corev1.ProtocolTCP},
		},
		Resources:      p.Spec.Servers.Resources,
		StartupProbe:   probe("/healthz", 1, 60),
		ReadinessProbe: probe("/readyz", 2, 2),
		LivenessProbe:  probe("/healthz", 10, 3),
	})
	attach(&spec, append([]mount{
		configMount(p),
		secretMount("tls", naming.DirTLS, naming.ServerTLSSecret(p), "tls.crt", "tls.key"),
		secretMount("internal-tls", naming.DirInternalTLS, naming.InternalTLSSecret(p), "tls.crt", "tls.key", "ca.crt"),
		secretMount("users", naming.DirUsers, naming.UsersSecret(p)),
	}, databaseMounts(p)...)...)
	spec.TerminationGracePeriodSeconds = ptr[int64](grace)
	spread(p, &spec)
	return &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
		ObjectMeta: naming.Owned(p, naming.Servers(p), naming.Chat),
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr(convert.Replicas(p)), ServiceName: naming.Servers(p),
			PodManagementPolicy: appsv1.ParallelPodManagement, Selector: selector(p, naming.Chat),
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels:      naming.Labels(p, naming.Chat),
					Annotations: map[string]string{naming.AnnotationConfigHash: r.ConfigHash},
				},
				Spec: spec,
			},
		},
	}
}

// RevisionOf reads a revision back; the zero Revision of nil.
func RevisionOf(s *appsv1.StatefulSet) Revision {
	if s == nil || len(s.Spec.Template.Spec.Containers) == 0 {
		return Revision{}
	}
	t := s.Spec.Template
	return Revision{Image: t.Spec.Containers[0].Image, ConfigHash: t.Annotations[naming.AnnotationConfigHash]}
}

// spread keeps servers on different nodes and in different zones as far as there are some, and lets them run together
// else. (Two spread constraints would not do: the scheduler ignores both on nodes that have no zone.)
func spread(p *v1alpha1.ChatPool, spec *corev1.PodSpec) {
	apart := func(weight int32, topology string) corev1.WeightedPodAffinityTerm {
		return corev1.WeightedPodAffinityTerm{Weight: weight, PodAffinityTerm: corev1.PodAffinityTerm{
			TopologyKey: topology, LabelSelector: selector(p, naming.Chat),
		}}
	}
	spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
			apart(100, corev1.LabelHostname), apart(50, corev1.LabelTopologyZone),
		},
	}}
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString(naming.NameHTTP), Scheme: corev1.URISchemeHTTP,
		}},
		PeriodSeconds: period, FailureThreshold: failures, SuccessThreshold: 1, TimeoutSeconds: 3,
	}
}

// DisruptionBudget lets drains take one server at a time.
func DisruptionBudget(p *v1alpha1.ChatPool) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: naming.Owned(p, naming.Servers(p), naming.Chat),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr(intstr.FromInt32(1)), Selector: selector(p, naming.Chat),
			UnhealthyPodEvictionPolicy: ptr(policyv1.AlwaysAllow),
		},
	}
}

// ServiceAccount is what servers and migrations run as; it has no rights and no token.
func ServiceAccount(p *v1alpha1.ChatPool) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   naming.Owned(p, naming.Servers(p), naming.Chat),
		AutomountServiceAccountToken: ptr(false),
	}
}

// ConfigMap has the servers' configuration file.
func ConfigMap(p *v1alpha1.ChatPool, configJSON string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: naming.Owned(p, naming.Servers(p), naming.Chat),
		Data:       map[string]string{"config.json": configJSON},
	}
}
