package adminapi

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"chatpool.dev/chatserver/chat"
)

// Site is one of a pool's two sites, as its clients see it.
type Site struct {
	Name string `json:"name"`
	// SIP is where clients reach the site's servers over TLS, HOST or HOST:PORT (default 5061). Without it no client is sent there.
	SIP string `json:"sip,omitempty"`
	// HTTPS is the DNS name of the site's web pages, or HOST:PORT.
	HTTPS string `json:"https,omitempty"`
}

// Address is SIP with its port; "" without SIP.
func (s Site) Address() string {
	if s.SIP == "" {
		return ""
	}
	host, port := splitAddress(s.SIP)
	if port == "" {
		port = "5061"
	}
	return net.JoinHostPort(host, port)
}

// Other is the pool's other site; nil in a pool with one.
func (c *PoolConfig) Other() *Site {
	for i := range c.Sites {
		if c.Sites[i].Name != c.Site {
			return &c.Sites[i]
		}
	}
	return nil
}

// InService tells whether a server of this site, by its pod's name, is to have sessions. The part of the name after the last
// dash is its ordinal.
func (c *PoolConfig) InService(pod string) bool {
	if c.Active == nil || len(*c.Active) == 0 {
		return true
	}
	return slices.Contains(*c.Active, c.Site+"/"+pod[strings.LastIndexByte(pod, '-')+1:])
}

// Maintenance tells whether chat is stopped: Active is there, and empty.
func (c *PoolConfig) Maintenance() bool { return c.Active != nil && len(*c.Active) == 0 }

func (c *PoolConfig) validateSites() error {
	if n := len(c.Sites); n != 0 && n != 2 {
		return chat.FieldErrorf("sites", "%d entries: want two, or none in a pool with one site", n)
	}
	names := map[string]bool{}
	for i, s := range c.Sites {
		field := fmt.Sprintf("sites[%d].", i)
		switch {
		case s.Name == "" || strings.ContainsAny(s.Name, "/ "):
			return chat.FieldErrorf(field+"name", "%q: want a name without blanks and slashes", s.Name)
		case names[s.Name]:
			return chat.FieldErrorf(field+"name", "%q: the other site has the same name", s.Name)
		case s.SIP != "" && !isAddress(s.SIP):
			return chat.FieldErrorf(field+"sip", "%q: want HOST or HOST:PORT", s.SIP)
		case s.HTTPS != "" && !isAddress(s.HTTPS):
			return chat.FieldErrorf(field+"https", "%q: want HOST or HOST:PORT", s.HTTPS)
		}
		names[s.Name] = true
	}
	if len(c.Sites) > 0 && !names[c.Site] {
		return chat.FieldErrorf("site", "%q: want the name of one of sites", c.Site)
	}
	return c.validateActive(names)
}

func (c *PoolConfig) validateActive(names map[string]bool) error {
	if c.Active == nil {
		return nil
	}
	for i, a := range *c.Active {
		site, ordinal, _ := strings.Cut(a, "/")
		n, err := strconv.ParseUint(ordinal, 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != ordinal || !names[site] && site != c.Site {
			return chat.FieldErrorf(fmt.Sprintf("active[%d]", i), "%q: want SITE/ORDINAL such as %s/0", a, c.Site)
		}
	}
	return nil
}

var hostName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$`)

// isAddress tells whether s is HOST or HOST:PORT.
func isAddress(s string) bool {
	host, port := splitAddress(s)
	n, err := strconv.ParseUint(port, 10, 16)
	return (hostName.MatchString(host) || net.ParseIP(host) != nil) && (port == "" || err == nil && n > 0)
}

// splitAddress takes HOST or HOST:PORT apart; an IPv6 address may be in brackets.
func splitAddress(s string) (host, port string) {
	if h, p, err := net.SplitHostPort(s); err == nil && p != "" {
		return h, p
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), ""
}
