package build

import (
	"fmt"
	"slices"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/sites"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Place is what a pool's database in one of two sites is: which site, and who is written and followed.
type Place struct {
	sites.Pair
	// Replica says who is written and who is followed. Package moves decides that; whoever applies the Cluster besides says it
	// as it is.
	Replica cnpg.Replica
	// Copied: it was, or is to be, copied from the other site's rather than made empty. CloudNativePG ignores what
	// becomes of this later, so it must be said again as it was.
	Copied bool
}

// Standby tells whether the database here follows, or is to.
func (l *Place) Standby() bool { return l.Replica.Primary != l.Self.Name }

// fit makes of a single site's Cluster one of two.
func (l *Place) fit(p *v1alpha1.ChatPool, c *cnpg.Cluster) {
	both := []v1alpha1.Site{l.Self, l.Peer}
	slices.SortFunc(both, func(a, b v1alpha1.Site) int {
		if a.Role == v1alpha1.SitePrimary {
			return -1
		}
		return 1
	})
	replica := l.Replica
	c.Spec.Replica = &replica
	if l.Copied {
		c.Spec.Bootstrap = cnpg.Bootstrap{PGBaseBackup: &cnpg.PGBaseBackup{
			Source: l.Peer.Name, Database: naming.ChatRole, Owner: naming.ChatRole,
			Secret: cnpg.Name{Name: naming.RoleSecret(p, naming.ChatRole)},
		}}
	}
	ca := naming.SharedCASecret(p)
	c.Spec.Certificates = &cnpg.Certificates{ServerCASecret: ca, ClientCASecret: ca}
	for _, s := range both {
		c.Spec.Certificates.ServerAltDNSNames = append(c.Spec.Certificates.ServerAltDNSNames, naming.SiteHost(p, s.Name))
		c.Spec.ExternalClusters = append(c.Spec.ExternalClusters, l.external(p, s.Name, naming.SiteHost(p, s.Name), s))
	}
	c.Spec.ExternalClusters = append(c.Spec.ExternalClusters, l.external(p, naming.Nobody, "127.0.0.1", v1alpha1.Site{}))
	if s := l.Self.DatabaseService; s != nil {
		c.Spec.Managed.Services = &cnpg.Services{Additional: []cnpg.Service{{
			SelectorType: "rw", UpdateStrategy: "patch",
			ServiceTemplate: cnpg.ServiceTemplate{
				Metadata: cnpg.ServiceMetadata{Name: naming.ReplicationService(p), Annotations: s.Annotations},
				Spec: corev1.ServiceSpec{Type: s.Type, Ports: []corev1.ServicePort{{
					Name: "postgres", Port: naming.PortPostgres, TargetPort: intstr.FromInt32(naming.PortPostgres),
					Protocol: corev1.ProtocolTCP, NodePort: s.NodePort,
				}}},
			},
		}}}
	}
}

// discard is a port at which nobody listens (RFC 863).
const discard = 9

// external is how a site's database is reached. application_name is what the source calls us.
func (l *Place) external(p *v1alpha1.ChatPool, name, host string, s v1alpha1.Site) cnpg.ExternalCluster {
	port := sites.PortOf(s)
	if name == naming.Nobody {
		port = discard // refused at once, without a question to DNS
	}
	return cnpg.ExternalCluster{
		Name: name,
		ConnectionParameters: map[string]string{
			"host": host, "port": fmt.Sprint(port), "user": "streaming_replica", "dbname": "postgres",
			"sslmode": "verify-full", "application_name": l.Self.Name, "connect_timeout": "5",
		},
		SSLKey:      cnpg.KeyOf{Name: naming.ReplicationTLSSecret(p), Key: "tls.key"},
		SSLCert:     cnpg.KeyOf{Name: naming.ReplicationTLSSecret(p), Key: "tls.crt"},
		SSLRootCert: cnpg.KeyOf{Name: naming.SharedCASecret(p), Key: KeyCACert},
	}
}

// SiteObjects are what the database of a pool with two sites needs besides its Cluster: a name for each site's
// database. They stay with the database when the pool goes.
func SiteObjects(p *v1alpha1.ChatPool, l *Place) ([]any, error) {
	var out []any
	for _, s := range []v1alpha1.Site{l.Self, l.Peer} {
		e, err := sites.EndpointOf(s)
		if err != nil {
			return nil, err
		}
		out = append(out, siteService(p, s.Name, e))
		if !e.Name {
			out = append(out, siteSlice(p, s.Name, e))
		}
	}
	return out, nil
}

// siteService is a name for a site's database, whose address stays out of the Cluster and of certificates.
func siteService(p *v1alpha1.ChatPool, site string, e sites.Endpoint) *corev1.Service {
	s := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: naming.Kept(p, naming.SiteService(p, site), naming.Database),
	}
	if e.Name {
		s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: e.Host}
		return s
	}
	s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{
		Name: "postgres", Port: naming.PortPostgres, TargetPort: intstr.FromInt32(e.Port), Protocol: corev1.ProtocolTCP,
	}}}
	return s
}

func siteSlice(p *v1alpha1.ChatPool, site string, e sites.Endpoint) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		TypeMeta:    metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta:  naming.Kept(p, naming.SiteService(p, site), naming.Database),
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr("postgres"), Port: ptr(e.Port), Protocol: ptr(corev1.ProtocolTCP)}},
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{e.Host}}},
	}
	s.Labels[discoveryv1.LabelServiceName] = s.Name
	s.Labels[discoveryv1.LabelManagedBy] = naming.FieldOwner
	return s
}
