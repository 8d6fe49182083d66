package chat

import (
	"slices"
	"strings"
)

// Principal names who a rule is about, in one of four forms:
//
//	sip:alice@example.com       a user, by SIP address of record
//	group:traders               a group of the directory
//	ou:OU=Sales,DC=example,DC=com   an organisational unit of the directory
//	domain:example.com          everybody whose SIP address is in the domain
//
// SIP addresses, group names and domains compare without regard to case; ParsePrincipal makes them lower case.
type Principal string

const (
	userPrefix   = "sip:"
	groupPrefix  = "group:"
	ouPrefix     = "ou:"
	domainPrefix = "domain:"
)

// ParsePrincipal checks and normalises s.
func ParsePrincipal(s string) (Principal, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	switch {
	case len(t) > 512:
		return "", Errorf(Invalid, "principal %.40q...: longer than 512 characters", t)
	case strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", Errorf(Invalid, "principal %q: control characters are not allowed", s)
	case strings.HasPrefix(t, userPrefix):
		user, domain, ok := strings.Cut(t[len(userPrefix):], "@")
		if !ok || user == "" || !validHost(domain) || strings.ContainsAny(user, " <>\"@;?&,") {
			return "", Errorf(Invalid, "principal %q: want sip:USER@DOMAIN", s)
		}
	case strings.HasPrefix(t, domainPrefix):
		if !validHost(t[len(domainPrefix):]) {
			return "", Errorf(Invalid, "principal %q: want domain:NAME", s)
		}
	case strings.HasPrefix(t, groupPrefix) && len(t) > len(groupPrefix), strings.HasPrefix(t, ouPrefix) && len(t) > len(ouPrefix):
	default:
		return "", Errorf(Invalid, "principal %q: want sip:USER@DOMAIN, group:NAME, ou:DN or domain:NAME", s)
	}
	return Principal(t), nil
}

// MustPrincipal is ParsePrincipal for constants; it panics when s is none.
func MustPrincipal(s string) Principal {
	p, err := ParsePrincipal(s)
	if err != nil {
		panic(err)
	}
	return p
}

// IsUser tells whether p names one user.
func (p Principal) IsUser() bool { return strings.HasPrefix(string(p), userPrefix) }

// Domain is the SIP domain of a user, and "" for every other principal.
func (p Principal) Domain() string {
	if !p.IsUser() {
		return ""
	}
	_, domain, _ := strings.Cut(string(p), "@")
	return domain
}

// User is the part of a user's address before the @, and "" for every other principal.
func (p Principal) User() string {
	if !p.IsUser() {
		return ""
	}
	user, _, _ := strings.Cut(string(p)[len(userPrefix):], "@")
	return user
}

func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
				return false
			}
		}
	}
	return true
}

// Subject is a user ready for a decision: with every group and organisational unit he is in, nested ones included.
type Subject struct {
	User        Principal
	DisplayName string
	Groups      []Principal
	// Disabled: the directory has the account disabled or deleted. Such a user has no rights.
	Disabled bool
	// Admin: a chat administrator of the pool.
	Admin bool
}

// In tells whether the subject is one of the principals, or in one of them.
func (s Subject) In(list []Principal) bool {
	for _, p := range list {
		if p == s.User || slices.Contains(s.Groups, p) {
			return true
		}
		if d, ok := strings.CutPrefix(string(p), domainPrefix); ok && d == s.User.Domain() {
			return true
		}
	}
	return false
}
