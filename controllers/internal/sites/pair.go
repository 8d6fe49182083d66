// Package sites decides for a pool with two sites what does not need a database to be asked: whether this site makes
// an empty database, follows the other one or waits; whether the other site's operator is alive; how far a standby is
// behind, and when it must be cloned anew. Everything here is pure: facts come in, a decision goes out.
//
// An answer that does not come is Unknown, and Unknown is never "no data" and never "down". All durations are measured
// by the observer's own monotonic clock from a change that it saw; clocks of two machines are never compared.
package sites

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"
)

// Pair is a pool's two sites as one of their operators sees them.
type Pair struct{ Self, Peer v1alpha1.Site }

// Of gives the sites of a pool that has two. The error says what to change in the manifest.
func Of(p *v1alpha1.ChatPool, self string) (Pair, error) {
	var pair Pair
	for _, s := range p.Spec.Sites {
		if s.Name == self {
			pair.Self = s
		} else {
			pair.Peer = s
		}
	}
	if pair.Self.Name == "" || pair.Peer.Name == "" {
		return Pair{}, fmt.Errorf("this operator's site is %q, which spec.sites does not have: correct spec.sites[].name, or the operator's --site", self)
	}
	return pair, nil
}

// Endpoint is a site's databaseEndpoint.
type Endpoint struct {
	Host string
	Port int32
	// Name tells that Host is a DNS name and no IPv4 address.
	Name bool
}

// EndpointOf reads a site's databaseEndpoint; the error says what to add.
func EndpointOf(s v1alpha1.Site) (Endpoint, error) {
	if s.DatabaseEndpoint == "" {
		return Endpoint{}, fmt.Errorf("spec.sites: site %s has no databaseEndpoint; add HOST:PORT, where the other site's database reaches this one's", s.Name)
	}
	host, port, found := strings.Cut(s.DatabaseEndpoint, ":")
	e := Endpoint{Host: host, Port: naming.PortPostgres, Name: net.ParseIP(host) == nil}
	if found {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return Endpoint{}, fmt.Errorf("spec.sites: site %s has the databaseEndpoint %q, whose port is none; use 1 to 65535", s.Name, s.DatabaseEndpoint)
		}
		e.Port = int32(n)
	}
	return e, nil
}

// PortOf is where a site's database answers under its name in this cluster (naming.SiteHost).
func PortOf(s v1alpha1.Site) int32 {
	if e, err := EndpointOf(s); err == nil && e.Name {
		return e.Port // a name for a name changes no port
	}
	return naming.PortPostgres
}
