package build

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Migration is the Job that brings the database to what the revision needs. Its pods are kept when they fail, for
// their logs; a Job is never changed, each revision has its own.
func Migration(p *v1alpha1.ChatPool, r Revision) *batchv1.Job {
	spec := podSpec(p, corev1.Container{
		Name: "migrate", Image: r.Image,
		Command: []string{"/chatserver", "migrate", "--config", naming.DirConfig + "/config.json"},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
	})
	attach(&spec, append([]mount{configMount(p)}, databaseMounts(p)...)...)
	spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: naming.Owned(p, naming.Migration(p, r.Hash()), naming.Migrate),
		Spec: batchv1.JobSpec{
			BackoffLimit: ptr[int32](4),
			Template:     corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: naming.Labels(p, naming.Migrate)}, Spec: spec},
		},
	}
}
