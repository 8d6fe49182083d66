package plugin

import (
	"context"
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/apply"
	"chatpool.dev/controllers/internal/naming"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner is the plugin's name in server-side apply.
const fieldOwner = "kubectl-chatpool"

func tokenName(account string) string { return account + "-token" }

// account is as whom the other site's operator reads, and what it may: one ChatPool, the Lease
// beside it, and the named Secrets.
func account(pool *v1alpha1.ChatPool) []any {
	name := naming.PeerAccount(pool)
	no := false
	return []any{
		&corev1.ServiceAccount{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: metaOf(pool, name),
			AutomountServiceAccountToken: &no,
		},
		&rbacv1.Role{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: metaOf(pool, name),
			Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"chatpools", "chatpools/status"}, ResourceNames: []string{pool.Name}, Verbs: []string{"get"}},
				{APIGroups: []string{coordinationv1.GroupName}, Resources: []string{"leases"}, ResourceNames: []string{naming.SiteLease(pool)}, Verbs: []string{"get"}},
				{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: naming.EqualSecrets(pool), Verbs: []string{"get"}},
			},
		},
		&rbacv1.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"}, ObjectMeta: metaOf(pool, name),
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: pool.Namespace}},
		},
		token(pool, name),
	}
}

// token is a Secret that the cluster fills with an account's token that does not expire; deleting it revokes the token.
func token(pool *v1alpha1.ChatPool, account string) *corev1.Secret {
	s := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metaOf(pool, tokenName(account)), Type: corev1.SecretTypeServiceAccountToken,
	}
	s.Annotations = map[string]string{corev1.ServiceAccountNameKey: account}
	return s
}

func peerSecret(pool *v1alpha1.ChatPool, site v1alpha1.Site, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metaOf(pool, naming.PeerSecret(pool, site)),
		Type: corev1.SecretTypeOpaque, Data: data,
	}
}

// copied is one of naming.EqualSecrets with what the other site has in it, as the operator makes it.
func copied(pool *v1alpha1.ChatPool, from *corev1.Secret) *corev1.Secret {
	component := naming.Chat
	if from.Name != naming.CASecret(pool) && from.Name != naming.MadeUsersSecret(pool) {
		component = naming.Database
	}
	s := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: naming.Kept(pool, from.Name, component), Type: from.Type, Data: from.Data,
	}
	if from.Type == corev1.SecretTypeBasicAuth {
		s.Labels[naming.LabelCNPGReload] = "true"
	}
	return s
}

func metaOf(pool *v1alpha1.ChatPool, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: pool.Namespace, Labels: map[string]string{
		naming.LabelName: "chatpool", naming.LabelInstance: pool.Name, naming.LabelPool: pool.Name,
	}}
}

// apply makes an object as it should be, and says whether it was not; with DryRun it only says.
func (p *Peering) apply(ctx context.Context, c *Cluster, o any) error {
	u, err := apply.Unstructured(o)
	if err != nil {
		return err
	}
	before := &unstructured.Unstructured{}
	before.SetGroupVersionKind(u.GroupVersionKind())
	err = c.Get(ctx, client.ObjectKeyFromObject(u), before)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read %s %s in %s: %w", u.GetKind(), u.GetName(), c.place(), err)
	}
	isNew := apierrors.IsNotFound(err)
	what := u.GetKind() + " " + u.GetName()
	if p.DryRun {
		word := "exists"
		if isNew {
			word = "would make"
		}
		p.sayf("%-10s %-36s in %s\n", word, what, c.place())
		return nil
	}
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(fieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("make %s in %s: %w", what, c.place(), err)
	}
	word := "changed"
	switch {
	case isNew:
		word = "made"
	case u.GetResourceVersion() == before.GetResourceVersion():
		word = "as it is"
	}
	p.sayf("%-10s %-36s in %s\n", word, what, c.place())
	return nil
}
