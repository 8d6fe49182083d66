package build

import (
	"slices"
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"

	corev1 "k8s.io/api/core/v1"
)

// Every pod that we make fits PodSecurity's level restricted, and our own stricter rules.
func TestEveryPodIsRestricted(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.ChatPool){"plain": func(*v1alpha1.ChatPool) {}, "rich": rich, "external": external} {
		p := pool(change)
		for kind, spec := range map[string]corev1.PodSpec{
			"servers":   Servers(p, revision).Spec.Template.Spec,
			"migration": Migration(p, revision).Spec.Template.Spec,
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				for _, wrong := range append(violations(spec), houseRules(spec)...) {
					t.Error(wrong)
				}
			})
		}
	}
}

// The check itself finds what is wrong: without this a check that passes everything would pass.
func TestViolationsAreFound(t *testing.T) {
	for sentence, c := range map[string]struct {
		spoil func(*corev1.PodSpec)
		want  string
	}{
		"as root":          {func(s *corev1.PodSpec) { s.SecurityContext.RunAsUser = ptr[int64](0) }, "root"},
		"root not refused": {func(s *corev1.PodSpec) { s.SecurityContext.RunAsNonRoot = nil }, "runAsNonRoot"},
		"no seccomp":       {func(s *corev1.PodSpec) { s.SecurityContext.SeccompProfile = nil }, "seccomp"},
		"host network":     {func(s *corev1.PodSpec) { s.HostNetwork = true }, "host"},
		"privileges":       {func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil }, "allowPrivilegeEscalation"},
		"capabilities":     {func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.Capabilities = nil }, "capabilities"},
		"a host path": {func(s *corev1.PodSpec) {
			s.Volumes = append(s.Volumes, corev1.Volume{Name: "x", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}})
		}, "volume x"},
	} {
		t.Run(sentence, func(t *testing.T) {
			spec := Servers(pool(), revision).Spec.Template.Spec
			c.spoil(&spec)
			if got := violations(spec); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("found %q, want one about %q", got, c.want)
			}
		})
	}
}

// violations of https://kubernetes.io/docs/concepts/security/pod-security-standards, level restricted.
func violations(s corev1.PodSpec) []string {
	var out []string
	bad := func(cond bool, what string) {
		if cond {
			out = append(out, what)
		}
	}
	bad(s.HostNetwork || s.HostPID || s.HostIPC, "a host namespace is shared")
	sc := s.SecurityContext
	bad(sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot, "runAsNonRoot is not true")
	bad(sc.RunAsUser != nil && *sc.RunAsUser == 0, "it runs as root")
	bad(sc.SeccompProfile == nil || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault, "the seccomp profile is not RuntimeDefault")
	for _, v := range s.Volumes {
		bad(v.ConfigMap == nil && v.Secret == nil && v.EmptyDir == nil && v.Projected == nil, "volume "+v.Name+" is of a kind that is not allowed")
	}
	for _, c := range append(slices.Clone(s.InitContainers), s.Containers...) {
		cc := c.SecurityContext
		bad(cc.AllowPrivilegeEscalation == nil || *cc.AllowPrivilegeEscalation, c.Name+": allowPrivilegeEscalation is not false")
		bad(cc.Privileged != nil && *cc.Privileged, c.Name+": privileged")
		bad(cc.Capabilities == nil || !slices.Contains(cc.Capabilities.Drop, "ALL") || len(cc.Capabilities.Add) > 0, c.Name+": capabilities are not dropped")
		for _, p := range c.Ports {
			bad(p.HostPort != 0, c.Name+": a host port")
		}
	}
	return out
}

// houseRules: no token of a service account, a root file system that cannot be written, and no key of a CA in a pod.
func houseRules(s corev1.PodSpec) []string {
	var out []string
	if s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken {
		out = append(out, "a service account token is mounted")
	}
	for _, c := range s.Containers {
		if r := c.SecurityContext.ReadOnlyRootFilesystem; r == nil || !*r {
			out = append(out, c.Name+": the root file system can be written")
		}
		if c.Resources.Limits == nil && c.Name == "migrate" {
			out = append(out, c.Name+": no limits")
		}
	}
	for _, v := range s.Volumes {
		if v.Secret != nil && strings.HasSuffix(v.Secret.SecretName, "-ca") && (len(v.Secret.Items) != 1 || v.Secret.Items[0].Key != "ca.crt") {
			out = append(out, "volume "+v.Name+" has the CA's key")
		}
	}
	return out
}
