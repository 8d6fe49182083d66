// Package convert makes of API objects what the chat server takes: its configuration file and the bodies of its
// admin API. It is the only package that knows both. Principals become canonical (lower case) here; what the core
// would refuse although the API server let it pass is an error that names the field.
package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/naming"
)

// MaxConnections is what the managed database is set to; the servers share it, and Reserved remain for others.
const (
	MaxConnections = 300
	Reserved       = 40
)

// PoolConfig makes the servers' configuration. site is the operator's own.
func PoolConfig(p *v1alpha1.ChatPool, site string) (*adminapi.PoolConfig, error) {
	c := &adminapi.PoolConfig{
		Pool: p.Name, Namespace: p.Namespace, Domain: string(p.Spec.Domain), Site: site,
		PoolURI:      Address(p),
		PlainTCP:     p.Spec.Auth.PlainTCP,
		LegacyDigest: p.Spec.Auth.LegacyDigest,
		Listen: adminapi.Listen{
			SIPS: port(naming.PortSIPS), SIP: port(naming.PortSIP), Admin: port(naming.PortAdmin), HTTP: port(naming.PortHTTP),
		},
		Files: adminapi.Files{
			TLS: naming.DirTLS, InternalTLS: naming.DirInternalTLS, Users: naming.DirUsers,
			Database: naming.DirDatabase, DatabaseCA: naming.DirDatabaseCA,
		},
		Database:  adminapi.Database{MaxConns: connections(p)},
		Directory: adminapi.Directory{Type: adminapi.Static},
		Policy:    chat.Policy{Enabled: p.Spec.Policy.Enabled},
		Limits:    limits(p.Spec.Limits),
	}
	for _, s := range p.Spec.Sites {
		if s.SIPName != "" {
			host, _, _ := strings.Cut(s.SIPName, ":")
			c.PublicNames = append(c.PublicNames, host)
		}
	}
	if p.HasTwoSites() {
		c.Gate, c.Witness = true, p.Spec.Witness != nil
		for _, s := range p.Spec.Sites {
			c.Sites = append(c.Sites, adminapi.Site{Name: s.Name, SIP: s.SIPName, HTTPS: string(s.HTTPSName)})
		}
	}
	if p.Spec.Servers.Active != nil {
		c.Active = inService(*p.Spec.Servers.Active, site)
	}
	if p.Spec.Database.Provider == v1alpha1.CloudNativePG {
		c.Database.Host, c.Database.Port, c.Database.DBName = naming.DatabaseHost(p), naming.PortPostgres, naming.ChatRole
	}
	for _, u := range p.Spec.Directory.Static.Users {
		c.Directory.Users = append(c.Directory.Users, adminapi.DirectoryUser{
			Name: u.Name, DisplayName: string(u.DisplayName), Groups: u.Groups, Disabled: u.Disabled, Admin: u.Admin,
		})
	}
	var err error
	if c.Policy.EnabledFor, err = principals("spec.policy.enabledFor", p.Spec.Policy.EnabledFor); err != nil {
		return nil, err
	}
	if c.Policy.DisabledFor, err = principals("spec.policy.disabledFor", p.Spec.Policy.DisabledFor); err != nil {
		return nil, err
	}
	return c, nil
}

// inService completes ordinals by the site, which a pool with one site may leave out.
func inService(list []string, site string) *[]string {
	out := []string{}
	for _, s := range list {
		if !strings.Contains(s, "/") {
			s = site + "/" + s
		}
		out = append(out, s)
	}
	return &out
}

// Address is the pool's SIP address.
func Address(p *v1alpha1.ChatPool) string { return "sip:" + p.Name + "@" + string(p.Spec.Domain) }

func port(n int) string { return fmt.Sprintf(":%d", n) }

// connections shares the database's connections among the servers and one more, during a roll-out.
func connections(p *v1alpha1.ChatPool) int {
	return min(16, max(4, (MaxConnections-Reserved)/(int(Replicas(p))+1)))
}

// Replicas is how many servers are wanted.
func Replicas(p *v1alpha1.ChatPool) int32 {
	if p.Spec.Servers.Replicas == nil {
		return 2
	}
	return *p.Spec.Servers.Replicas
}

func limits(l v1alpha1.LimitsSpec) chat.Limits {
	c := chat.DefaultLimits()
	for _, f := range []struct {
		v  int32
		to *int
	}{
		{l.DefaultHistory, &c.DefaultHistory}, {l.MessageBytes, &c.MessageBytes}, {l.SearchResults, &c.SearchResults},
		{l.ParticipantUpdateLimit, &c.ParticipantUpdateLimit}, {l.EndpointsPerUser, &c.EndpointsPerUser},
	} {
		if f.v != 0 {
			*f.to = int(f.v)
		}
	}
	return c
}

func principals(field string, list []v1alpha1.Principal) ([]chat.Principal, error) {
	var out []chat.Principal
	for i, s := range list {
		p, err := chat.ParsePrincipal(string(s))
		if err != nil {
			return nil, chat.FieldErrorf(fmt.Sprintf("%s[%d]", field, i), "%v", err)
		}
		out = append(out, p)
	}
	return out, nil
}

// JSON writes the configuration file.
func JSON(c *adminapi.PoolConfig) (string, error) {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode config.json: %w", err)
	}
	return string(b) + "\n", nil
}

// RestartHash changes when a part of the configuration changes that the server reads at its start only: all but
// directory, policy, limits, the sign-in rules and which servers are in service.
func RestartHash(c *adminapi.PoolConfig) (string, error) {
	fixed := *c
	fixed.Directory, fixed.Policy, fixed.Limits, fixed.LegacyDigest = adminapi.Directory{}, chat.Policy{}, chat.Limits{}, false
	fixed.Sites, fixed.Active, fixed.Witness = nil, nil, false
	b, err := json.Marshal(fixed)
	if err != nil {
		return "", fmt.Errorf("hash config.json: %w", err)
	}
	return Hash(string(b)), nil
}

// Hash shortens texts to 10 hexadecimal digits, for names and annotations.
func Hash(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d:%s", len(t), t)
	}
	return hex.EncodeToString(h.Sum(nil))[:10]
}
