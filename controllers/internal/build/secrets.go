package build

import (
	"strings"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/pki"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Keys of Secrets.
const (
	KeyCACert, KeyCAKey      = "ca.crt", "ca.key"
	KeyUsername, KeyPassword = "username", "password"
)

// CASecret keeps the pool's CA.
func CASecret(p *v1alpha1.ChatPool, a *pki.Authority) *corev1.Secret {
	return secret(naming.Kept(p, naming.CASecret(p), naming.Chat), corev1.SecretTypeOpaque,
		map[string][]byte{KeyCACert: a.Bundle, KeyCAKey: a.Key})
}

// TLSSecret keeps a certificate of the pool's CA, and the CA's own.
func TLSSecret(p *v1alpha1.ChatPool, name string, l pki.Leaf, bundle []byte) *corev1.Secret {
	return secret(naming.Owned(p, name, naming.Chat), corev1.SecretTypeTLS,
		map[string][]byte{corev1.TLSCertKey: l.Cert, corev1.TLSPrivateKeyKey: l.Key, KeyCACert: bundle})
}

// SharedCASecret keeps the CA of the databases in both sites, the key as an EC key in PEM, as CloudNativePG wants it.
func SharedCASecret(p *v1alpha1.ChatPool, a *pki.Authority) *corev1.Secret {
	return secret(naming.Kept(p, naming.SharedCASecret(p), naming.Database), corev1.SecretTypeOpaque,
		map[string][]byte{KeyCACert: a.Bundle, KeyCAKey: a.Key})
}

// CopiedSecret is one of naming.EqualSecrets with what the other site has in it.
func CopiedSecret(p *v1alpha1.ChatPool, from *corev1.Secret) *corev1.Secret {
	component := naming.Chat
	if from.Name != naming.CASecret(p) && from.Name != naming.MadeUsersSecret(p) {
		component = naming.Database
	}
	s := secret(naming.Kept(p, from.Name, component), from.Type, from.Data)
	if from.Type == corev1.SecretTypeBasicAuth {
		s.Labels[naming.LabelCNPGReload] = "true"
	}
	return s
}

// UsersSecret keeps the passwords that the operator made, by user.
func UsersSecret(p *v1alpha1.ChatPool, passwords map[string][]byte) *corev1.Secret {
	return secret(naming.Kept(p, naming.MadeUsersSecret(p), naming.Chat), corev1.SecretTypeOpaque, passwords)
}

// RoleSecret keeps the password of a database role, which has the database's name.
func RoleSecret(p *v1alpha1.ChatPool, role string, password []byte) *corev1.Secret {
	s := secret(naming.Kept(p, naming.RoleSecret(p, role), naming.Database), corev1.SecretTypeBasicAuth,
		map[string][]byte{KeyUsername: []byte(role), KeyPassword: password})
	s.Labels[naming.LabelCNPGReload] = "true"
	return s
}

func secret(m metav1.ObjectMeta, t corev1.SecretType, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: m, Type: t, Data: data}
}

// ServerNames are what the certificate is for that clients see: the pool's Services and servers, its domain
// (RFC 5922) and its public names.
func ServerNames(p *v1alpha1.ChatPool) pki.Names {
	n := pki.Names{CommonName: p.Name, URIs: []string{"sip:" + string(p.Spec.Domain)}}
	n.DNS = append(hosts(p, naming.PublicService(p)), "*."+naming.Servers(p)+"."+p.Namespace+".svc", string(p.Spec.Domain))
	for _, s := range p.Spec.Sites {
		if host, _, _ := strings.Cut(s.SIPName, ":"); host != "" && host != string(p.Spec.Domain) {
			n.Add(host)
		}
	}
	return n
}

// InternalNames are what the admin API's certificate is for.
func InternalNames(p *v1alpha1.ChatPool) pki.Names {
	return pki.Names{
		CommonName: naming.AdminService(p),
		DNS:        append(hosts(p, naming.AdminService(p)), "*."+naming.Servers(p)+"."+p.Namespace+".svc"),
	}
}

func hosts(p *v1alpha1.ChatPool, service string) []string {
	return []string{service + "." + p.Namespace + ".svc", service + "." + p.Namespace, service, service + "." + p.Namespace + ".svc.cluster.local"}
}
