package build

import (
	"fmt"
	"maps"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/convert"
	"chatpool.dev/controllers/internal/naming"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Cluster is the pool's PostgreSQL: a primary and mirrors. A lost primary is replaced in under ten seconds (lease 5 s,
// then the promotion), and only by a mirror that has every acknowledged commit.
// In a pool with two sites it is one of two Clusters, see Place.
func Cluster(p *v1alpha1.ChatPool, image string, place *Place) *cnpg.Cluster {
	d := p.Spec.Database
	c := &cnpg.Cluster{
		TypeMeta:   metav1.TypeMeta{APIVersion: cnpg.GroupVersion.String(), Kind: cnpg.ClusterKind.Kind},
		ObjectMeta: naming.Kept(p, naming.Cluster(p), naming.Database),
		Spec: cnpg.ClusterSpec{
			Instances: d.Instances, ImageName: image,
			InheritedMetadata: cnpg.Metadata{Labels: map[string]string{naming.LabelPool: p.Name}},
			Storage:           cnpg.Storage{Size: d.Storage.Size.String(), StorageClass: string(d.Storage.StorageClassName)},
			Resources:         d.Resources,
			Affinity:          cnpg.Affinity{EnablePodAntiAffinity: true, PodAntiAffinityType: "preferred", TopologyKey: "kubernetes.io/hostname"},
			EnablePDB:         d.Instances > 1,
			PrimaryLease:      cnpg.PrimaryLease{LeaseDurationSeconds: 5, RenewDeadlineSeconds: 4, RetryPeriodSeconds: 1},
			StopDelay:         30, SwitchoverDelay: 30, SmartShutdownTimeout: 1,
			Probes: cnpg.Probes{
				Startup:   cnpg.Probe{PeriodSeconds: 1, FailureThreshold: 3600},
				Readiness: cnpg.Probe{PeriodSeconds: 1, FailureThreshold: 3},
			},
			PostgreSQL: cnpg.PostgreSQL{Synchronous: synchronous(d), Parameters: parameters(d), HBA: []string{
				// Each role reaches its own database alone, and over TLS.
				"hostssl chat chat all scram-sha-256",
				"hostssl compliance compliance all scram-sha-256",
				"host all all all reject",
			}},
			Bootstrap: cnpg.Bootstrap{InitDB: initDB(p)},
			Managed: cnpg.Managed{Roles: []cnpg.Role{{
				Name: naming.ComplianceRole, Ensure: "present", Login: true, ConnectionLimit: -1,
				PasswordSecret: cnpg.Name{Name: naming.RoleSecret(p, naming.ComplianceRole)},
			}}},
		},
	}
	c.Annotations = map[string]string{cnpg.AnnotationSkipWALArchiving: "enabled"}
	if place != nil {
		place.fit(p, c)
	}
	return c
}

// initDB makes an empty database.
func initDB(p *v1alpha1.ChatPool) *cnpg.InitDB {
	return &cnpg.InitDB{
		Database: naming.ChatRole, Owner: naming.ChatRole, Secret: cnpg.Name{Name: naming.RoleSecret(p, naming.ChatRole)},
		DataChecksums: true, Encoding: "UTF8", LocaleCollate: "C.UTF-8", LocaleCType: "C.UTF-8",
		// pg_monitor keeps the way for CloudNativePG's own metrics.
		PostInitApplicationSQL: []string{
			"REVOKE CONNECT, TEMPORARY ON DATABASE chat FROM PUBLIC",
			"GRANT CONNECT ON DATABASE chat TO pg_monitor",
			// The servers say how far followers are, and from where an epoch went on; reading files they may not.
			"GRANT pg_monitor TO chat", "GRANT pg_checkpoint TO chat",
			timelineHistory, "REVOKE EXECUTE ON FUNCTION chatpool_timeline_history(int) FROM PUBLIC",
			"GRANT EXECUTE ON FUNCTION chatpool_timeline_history(int) TO chat",
		},
	}
}

// timelineHistory gives the history file of a timeline; NULL without one. Its body stands in quotes: of two dollar signs
// Kubernetes leaves one on the way to the container.
const timelineHistory = "CREATE FUNCTION chatpool_timeline_history(tli int) RETURNS text LANGUAGE sql SECURITY DEFINER " +
	"SET search_path = pg_catalog AS 'SELECT pg_read_file(''pg_wal/'' || lpad(upper(to_hex(tli)), 8, ''0'') || ''.history'', 0, 1048576, true)'"

// synchronous: any one mirror must have flushed a commit. Without mirrors there is nothing to wait for.
func synchronous(d v1alpha1.DatabaseSpec) *cnpg.Synchronous {
	if d.Instances < 2 {
		return nil
	}
	s := &cnpg.Synchronous{Method: "any", Number: 1, DataDurability: "required", FailoverQuorum: true}
	if d.Durability == v1alpha1.PreferMirror {
		s.DataDurability = "preferred"
	}
	return s
}

func parameters(d v1alpha1.DatabaseSpec) map[string]string {
	m := map[string]string{
		"max_connections": fmt.Sprint(convert.MaxConnections),
		// The first of a lost connection's sides to notice is a mirror's or the primary's, not a human.
		"wal_receiver_timeout":        "5s",
		"wal_sender_timeout":          "5s",
		"wal_retrieve_retry_interval": "500ms",
		// A server that is cut off holds no locks: its transaction ends when nothing comes from it.
		"idle_in_transaction_session_timeout": "5s",
		"tcp_keepalives_idle":                 "5",
		"tcp_keepalives_interval":             "2",
		"tcp_keepalives_count":                "3",
	}
	maps.Copy(m, d.Parameters)
	m["wal_keep_size"] = fmt.Sprintf("%dMB", megabytes(d.WALKeep))
	return m
}

func megabytes(q resource.Quantity) int64 { return q.Value() >> 20 }

// ComplianceDatabase is the second database of the Cluster.
func ComplianceDatabase(p *v1alpha1.ChatPool) *cnpg.DatabaseObject {
	return &cnpg.DatabaseObject{
		TypeMeta:   metav1.TypeMeta{APIVersion: cnpg.GroupVersion.String(), Kind: cnpg.DatabaseKind.Kind},
		ObjectMeta: naming.Kept(p, naming.ComplianceDatabase(p), naming.Database),
		Spec: cnpg.DatabaseSpec{
			Name: naming.ComplianceRole, Owner: naming.ComplianceRole, Cluster: cnpg.Name{Name: naming.Cluster(p)},
			Encoding: "UTF8", LocaleCollate: "C.UTF-8", LocaleCType: "C.UTF-8", Template: "template0", ReclaimPolicy: "retain",
		},
	}
}
