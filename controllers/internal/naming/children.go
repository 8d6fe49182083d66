package naming

import "chatpool.dev/api/v1alpha1"

type pool = *v1alpha1.ChatPool

// Servers is the StatefulSet of the chat servers, its headless Service, its ConfigMap and its ServiceAccount.
func Servers(p pool) string { return p.Name + "-chat" }

// PublicService is what clients connect to.
func PublicService(p pool) string { return p.Name }

// AdminService is how the operator reaches the admin API of any server.
func AdminService(p pool) string { return p.Name + "-admin" }

// AdminHost is the DNS name of AdminService, and in the servers' internal certificates.
func AdminHost(p pool) string { return AdminService(p) + "." + p.Namespace + ".svc" }

// Migration is the Job that migrates the database for what has this hash (10 characters).
func Migration(p pool, hash string) string { return p.Name + "-migrate-" + hash }

// CASecret has the pool's own CA.
func CASecret(p pool) string { return p.Name + "-ca" }

// ServerTLSSecret has the certificate that clients see: issued by the pool's CA, or what spec.tls names.
func ServerTLSSecret(p pool) string {
	if p.Spec.TLS != nil {
		return string(p.Spec.TLS.SecretName)
	}
	return IssuedTLSSecret(p)
}

// IssuedTLSSecret has the certificate that the pool's CA issues for clients to see.
func IssuedTLSSecret(p pool) string { return p.Name + "-chat-tls" }

// InternalTLSSecret has the certificate of the admin API.
func InternalTLSSecret(p pool) string { return p.Name + "-internal-tls" }

// OperatorTLSSecret has the operator's client certificate for the admin API.
func OperatorTLSSecret(p pool) string { return p.Name + "-operator-tls" }

// MadeUsersSecret has the passwords that the operator makes.
func MadeUsersSecret(p pool) string { return p.Name + "-users" }

// UsersSecret has the passwords of Static users.
func UsersSecret(p pool) string {
	if n := p.Spec.Directory.Static.PasswordsSecretName; n != "" {
		return string(n)
	}
	return MadeUsersSecret(p)
}

// Cluster is the CloudNativePG Cluster; also the NetworkPolicy of its pods.
func Cluster(p pool) string { return p.Name + "-db" }

// DatabaseHost is the DNS name of the database's primary.
func DatabaseHost(p pool) string { return Cluster(p) + "-rw." + p.Namespace + ".svc" }

// DatabaseCASecret has the CA of the database's certificates: CloudNativePG's own, or the one that two sites share.
func DatabaseCASecret(p pool) string {
	if p.HasTwoSites() {
		return SharedCASecret(p)
	}
	return OwnDatabaseCASecret(p)
}

// OwnDatabaseCASecret has the CA that CloudNativePG makes.
func OwnDatabaseCASecret(p pool) string { return Cluster(p) + "-ca" }

// SharedCASecret has the CA of the databases in both sites, with its key.
func SharedCASecret(p pool) string { return Cluster(p) + "-shared-ca" }

// ReplicationTLSSecret has the certificate with which CloudNativePG's followers sign in.
func ReplicationTLSSecret(p pool) string { return Cluster(p) + "-replication" }

// SiteService leads to the database of a site, from either site.
func SiteService(p pool, site string) string { return Cluster(p) + "-site-" + site }

// SiteHost is the DNS name of SiteService, and in the databases' certificates.
func SiteHost(p pool, site string) string { return SiteService(p, site) + "." + p.Namespace + ".svc" }

// ReplicationService is what the other site's databaseEndpoint leads to.
func ReplicationService(p pool) string { return Cluster(p) + "-replicate" }

// PeerAccount is the ServiceAccount, with its Role and its token, as which the other site's operator reads this one.
func PeerAccount(p pool) string { return p.Name + "-peer" }

// KeyKubeconfig is the key of PeerSecret and WitnessSecret.
const KeyKubeconfig = "kubeconfig"

// PeerSecret has the kubeconfig by which this site's operator reads the other one.
func PeerSecret(p pool, site v1alpha1.Site) string {
	if site.KubeconfigSecretName != "" {
		return string(site.KubeconfigSecretName)
	}
	return p.Name + "-peer-" + site.Name
}

// WitnessSecret has the kubeconfig by which this site's operator reads and writes the witness's Lease.
func WitnessSecret(p pool) string {
	if w := p.Spec.Witness; w != nil && w.KubeconfigSecretName != "" {
		return string(w.KubeconfigSecretName)
	}
	return WitnessAccount(p)
}

// WitnessAccount is the ServiceAccount in the witness's cluster, with its Role, as which both operators use the Lease.
func WitnessAccount(p pool) string { return p.Name + "-witness" }

// WitnessLease is the Lease in the witness's cluster. AnnotationEpoch on it is the highest epoch that its holders noted.
func WitnessLease(p pool) string {
	if w := p.Spec.Witness; w != nil && w.LeaseName != "" {
		return string(w.LeaseName)
	}
	return p.Name
}

// SiteLease is the Lease beside the ChatPool in which the site's operator beats and tells facts (AnnotationBeat,
// AnnotationFacts).
func SiteLease(p pool) string { return p.Name + "-site" }

// EqualSecrets are those that must have the same contents in both sites: the operator of the standby copies them from
// the active one.
func EqualSecrets(p pool) []string {
	names := []string{CASecret(p), SharedCASecret(p), RoleSecret(p, ChatRole), RoleSecret(p, ComplianceRole)}
	if p.Spec.Directory.Static.PasswordsSecretName == "" {
		names = append(names, MadeUsersSecret(p))
	}
	return names
}

// RoleSecret has name and password of a database role.
func RoleSecret(p pool, role string) string { return Cluster(p) + "-" + role }

// ComplianceDatabase is the Database object of the second database.
func ComplianceDatabase(p pool) string { return Cluster(p) + "-" + ComplianceRole }

// The databases, each named like the role that owns it.
const (
	ChatRole       = "chat"
	ComplianceRole = "compliance"
)

// DatabaseSecret has the connection of the chat database: made by the operator, or the External one.
func DatabaseSecret(p pool) string {
	if p.Spec.Database.Provider == v1alpha1.External {
		return string(p.Spec.Database.ExternalSecretName)
	}
	return RoleSecret(p, ChatRole)
}

// Directories in a chat server's pod.
const (
	DirConfig      = "/etc/chatpool/config"
	DirTLS         = "/etc/chatpool/tls"
	DirInternalTLS = "/etc/chatpool/internal-tls"
	DirUsers       = "/etc/chatpool/users"
	DirDatabase    = "/etc/chatpool/database"
	DirDatabaseCA  = "/etc/chatpool/database-ca"
)
