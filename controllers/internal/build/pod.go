// Package build makes a pool's Kubernetes objects: pure functions of the pool and of what the phases have decided. No
// clock, no randomness, no client; the same input gives the same bytes (golden files in testdata). Every pod fits the
// PodSecurity level restricted, mounts no service account token and gets of each Secret only the keys that it needs.
package build

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// user runs the processes of our image.
const user = 65532

// grace is how long a server may take to move its sessions to others, in seconds.
const grace = 30

func ptr[T any](v T) *T { return &v }

// podSpec is what servers and the migration have in common.
func podSpec(p *v1alpha1.ChatPool, c corev1.Container) corev1.PodSpec {
	c.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr(false), ReadOnlyRootFilesystem: ptr(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	c.ImagePullPolicy = corev1.PullIfNotPresent
	c.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	return corev1.PodSpec{
		ServiceAccountName: naming.Servers(p), AutomountServiceAccountToken: ptr(false), EnableServiceLinks: ptr(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr(true), RunAsUser: ptr[int64](user), RunAsGroup: ptr[int64](user), FSGroup: ptr[int64](user),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{c},
	}
}

// mount is a volume and where it appears.
type mount struct {
	dir    string
	volume corev1.Volume
}

func configMount(p *v1alpha1.ChatPool) mount {
	return mount{naming.DirConfig, corev1.Volume{Name: "config", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: naming.Servers(p)}},
	}}}
}

// databaseMounts are the connection and, for a managed database, the CA of its certificates without its key.
func databaseMounts(p *v1alpha1.ChatPool) []mount {
	m := []mount{secretMount("database", naming.DirDatabase, naming.DatabaseSecret(p))}
	if p.Spec.Database.Provider == v1alpha1.CloudNativePG {
		m = append(m, secretMount("database-ca", naming.DirDatabaseCA, naming.DatabaseCASecret(p), "ca.crt"))
	}
	return m
}

// secretMount mounts a Secret's keys as files; all keys when none are named.
func secretMount(name, dir, secret string, keys ...string) mount {
	s := &corev1.SecretVolumeSource{SecretName: secret, DefaultMode: ptr[int32](0o440)}
	for _, k := range keys {
		s.Items = append(s.Items, corev1.KeyToPath{Key: k, Path: k})
	}
	return mount{dir, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: s}}}
}

// attach puts mounts into a pod's first container.
func attach(spec *corev1.PodSpec, mounts ...mount) {
	for _, m := range mounts {
		spec.Volumes = append(spec.Volumes, m.volume)
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts,
			corev1.VolumeMount{Name: m.volume.Name, MountPath: m.dir, ReadOnly: true})
	}
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path},
	}}
}

func selector(p *v1alpha1.ChatPool, c naming.Component) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: naming.Selector(p, c)}
}
