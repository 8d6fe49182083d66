package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"
)

// Names is what a leaf certificate is for.
type Names struct {
	CommonName string
	// DNS names, wildcards allowed.
	DNS []string
	// IPs for clients that know an address only.
	IPs []net.IP
	// URIs, such as sip:example.com (RFC 5922).
	URIs []string
	// Client certificates authenticate clients, others servers.
	Client bool
}

// Add adds a host, which is a DNS name or an address.
func (n *Names) Add(host string) {
	if ip := net.ParseIP(host); ip != nil {
		n.IPs = append(n.IPs, ip)
		return
	}
	n.DNS = append(n.DNS, host)
}

// Leaf is a certificate and its key, PEM.
type Leaf struct{ Cert, Key []byte }

// Issue makes a leaf.
func (a *Authority) Issue(n Names, now time.Time) (Leaf, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Leaf{}, fmt.Errorf("make a key for %q: %w", n.CommonName, err)
	}
	notAfter := now.Add(LeafLife)
	if notAfter.After(a.cert.NotAfter) {
		notAfter = a.cert.NotAfter
	}
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: n.CommonName, Organization: []string{"Chatpool"}},
		NotBefore: now.Add(-skew), NotAfter: notAfter,
		DNSNames: n.DNS, IPAddresses: n.IPs, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if n.Client {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	for _, s := range n.URIs {
		u, err := url.Parse(s)
		if err != nil {
			return Leaf{}, fmt.Errorf("issue a certificate for %q: %w", s, err)
		}
		t.URIs = append(t.URIs, u)
	}
	var l Leaf
	if l.Cert, l.Key, err = sign(t, a.cert, key, a.key); err != nil {
		return Leaf{}, fmt.Errorf("issue a certificate for %q: %w", n.CommonName, err)
	}
	return l, nil
}

// Stale tells why a leaf must be issued anew, or "" if it need not.
func (a *Authority) Stale(l Leaf, n Names, now time.Time) string {
	if len(l.Cert) == 0 || len(l.Key) == 0 {
		return "there is none"
	}
	if _, err := tls.X509KeyPair(l.Cert, l.Key); err != nil {
		return "certificate and key do not fit each other"
	}
	c := parseAll(l.Cert)[0]
	uris := make([]string, 0, len(c.URIs))
	for _, u := range c.URIs {
		uris = append(uris, u.String())
	}
	usage := x509.ExtKeyUsageServerAuth
	if n.Client {
		usage = x509.ExtKeyUsageClientAuth
	}
	switch {
	case c.CheckSignatureFrom(a.cert) != nil:
		return "the CA changed"
	case c.Subject.CommonName != n.CommonName, !slices.Equal(c.DNSNames, n.DNS), !slices.Equal(uris, n.URIs),
		!slices.Contains(c.ExtKeyUsage, usage):
		return "the names changed"
	case due(c, now):
		return "two thirds of its life are over"
	}
	return ""
}

// NotAfter is when a certificate expires (of a chain, the first); false if the PEM text has none.
func NotAfter(cert []byte) (time.Time, bool) {
	all := parseAll(cert)
	if len(all) == 0 {
		return time.Time{}, false
	}
	return all[0].NotAfter, true
}
