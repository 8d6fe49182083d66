package chatpool

import (
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/build"
	"chatpool.dev/controllers/internal/condition"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/pki"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;patch

// certificates keeps the pool's CA and its certificates: made when they are missing, anew when two thirds of their
// life are over or the CA or their names have changed. Servers read them again by themselves.
func certificates(r *round) ([]any, condition.State) {
	p := r.pool
	name := naming.CASecret(p)
	if r.copies() && r.seen.secrets[name] == nil {
		return nil, condition.Waiting(v1alpha1.ReasonSecretMissing, "Secret %s is not copied from site %s yet", name, r.place.Peer.Name)
	}
	authority, err := authority(r, name, fmt.Sprintf("%s.%s", p.Name, p.Namespace), nil)
	if err != nil {
		return nil, condition.Stuck(v1alpha1.ReasonSecretIncomplete, "Secret %s: %v; restore it, or delete it for a new CA", name, err)
	}
	var objects []any
	if !r.copies() {
		objects = append(objects, build.CASecret(p, authority))
	}
	leaves := []struct {
		secret string
		names  pki.Names
	}{
		{naming.InternalTLSSecret(p), build.InternalNames(p)},
		{naming.OperatorTLSSecret(p), pki.Names{CommonName: adminapi.OperatorName, Client: true}},
		{naming.IssuedTLSSecret(p), build.ServerNames(p)},
	}
	if p.Spec.TLS != nil {
		leaves = leaves[:2]
	}
	for _, l := range leaves {
		leaf := leafOf(r.seen.secrets[l.secret])
		if authority.Stale(leaf, l.names, r.now) != "" {
			if leaf, err = authority.Issue(l.names, r.now); err != nil {
				return objects, condition.Failed(err)
			}
		}
		objects = append(objects, build.TLSSecret(p, l.secret, leaf, authority.Bundle))
		r.noteExpiry(l.secret, leaf.Cert)
	}
	p.Status.Certificates.CANotAfter = &metav1.Time{Time: authority.NotAfter()}
	if p.Spec.TLS != nil {
		return objects, r.givenCertificate()
	}
	return objects, condition.True(v1alpha1.ReasonReady, "issued by the pool's own CA, Secret %s", naming.CASecret(p))
}

// authority reads a CA, or makes one when there is none or it is old; former is what to go on trusting then, besides
// what there was. A site that copies its Secrets makes none.
func authority(r *round, secret, commonName string, former []byte) (*pki.Authority, error) {
	if s := r.seen.secrets[secret]; s != nil {
		a, err := pki.LoadAuthority(s.Data[build.KeyCACert], s.Data[build.KeyCAKey])
		if err != nil {
			return nil, err
		}
		if r.copies() || !a.Due(r.now) {
			return a, nil
		}
		former = a.Bundle
	}
	return pki.NewAuthority(commonName, former, r.now)
}

// givenCertificate checks the Secret that spec.tls names.
func (r *round) givenCertificate() condition.State {
	name := naming.ServerTLSSecret(r.pool)
	s := r.seen.secrets[name]
	if s == nil {
		return condition.Stuck(v1alpha1.ReasonSecretMissing,
			"spec.tls.secretName: there is no Secret %s; make it (kubectl -n %s create secret tls %s --cert=... --key=...), or remove spec.tls",
			name, r.pool.Namespace, name)
	}
	leaf := leafOf(s)
	notAfter, ok := pki.NotAfter(leaf.Cert)
	if !ok || len(leaf.Key) == 0 {
		return condition.Stuck(v1alpha1.ReasonSecretIncomplete, "spec.tls.secretName: Secret %s needs the keys tls.crt and tls.key, PEM", name)
	}
	r.noteExpiry(naming.IssuedTLSSecret(r.pool), leaf.Cert)
	if !r.now.Before(notAfter) {
		return condition.Stuck(v1alpha1.ReasonSecretIncomplete, "the certificate in Secret %s expired on %s; renew it", name, notAfter.Format("2006-01-02"))
	}
	return condition.True(v1alpha1.ReasonReady, "from Secret %s, valid until %s", name, notAfter.Format("2006-01-02"))
}

func (r *round) noteExpiry(secret string, cert []byte) {
	if t, ok := pki.NotAfter(cert); ok && secret == naming.IssuedTLSSecret(r.pool) {
		r.pool.Status.Certificates.ServerNotAfter = &metav1.Time{Time: t}
	}
}

func leafOf(s *corev1.Secret) pki.Leaf {
	if s == nil {
		return pki.Leaf{}
	}
	return pki.Leaf{Cert: s.Data[corev1.TLSCertKey], Key: s.Data[corev1.TLSPrivateKeyKey]}
}
