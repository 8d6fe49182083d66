package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"
)

var day0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func authority(t *testing.T, former []byte, now time.Time) *Authority {
	t.Helper()
	a, err := NewAuthority("demo", former, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *Authority, n Names, now time.Time) Leaf {
	t.Helper()
	l, err := a.Issue(n, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestStaleSaysWhyALeafMustBeIssuedAnew(t *testing.T) {
	a, other := authority(t, nil, day0), authority(t, nil, day0)
	names := Names{CommonName: "demo", DNS: []string{"demo.chat.svc"}, URIs: []string{"sip:example.com"}}
	good, foreign := issue(t, a, names, day0), issue(t, other, names, day0)
	with := func(change func(*Names)) Names { n := names; change(&n); return n }
	for sentence, c := range map[string]struct {
		leaf  Leaf
		names Names
		after time.Duration
		want  string
	}{
		"a fresh leaf is good":                       {good, names, 0, ""},
		"it is good on its 59th day":                 {good, names, 59 * 24 * time.Hour, ""},
		"it is renewed on its 61st":                  {good, names, 61 * 24 * time.Hour, "two thirds of its life are over"},
		"a clock that was ahead made it":             {good, names, -24 * time.Hour, "two thirds of its life are over"},
		"no leaf":                                    {Leaf{}, names, 0, "there is none"},
		"the key of another":                         {Leaf{good.Cert, foreign.Key}, names, 0, "certificate and key do not fit each other"},
		"another CA signed it":                       {foreign, names, 0, "the CA changed"},
		"another DNS name is wanted":                 {good, with(func(n *Names) { n.DNS = []string{"x"} }), 0, "the names changed"},
		"another common name is wanted":              {good, with(func(n *Names) { n.CommonName = "x" }), 0, "the names changed"},
		"no URI is wanted any more":                  {good, with(func(n *Names) { n.URIs = nil }), 0, "the names changed"},
		"a server's certificate is none of a client": {good, with(func(n *Names) { n.Client = true }), 0, "the names changed"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := a.Stale(c.leaf, c.names, day0.Add(c.after)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestARenewedAuthorityGoesOnTrustingTheFormerOne(t *testing.T) {
	old := authority(t, nil, day0)
	if old.Due(day0.Add(6 * 365 * 24 * time.Hour)) {
		t.Error("due after six of ten years")
	}
	later := day0.Add(7 * 365 * 24 * time.Hour)
	if !old.Due(later) {
		t.Error("not due after seven of ten years")
	}
	renewed := authority(t, old.Bundle, later)
	leaf := issue(t, old, Names{CommonName: "demo", DNS: []string{"demo.chat.svc"}}, later)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(renewed.Bundle)
	if _, err := parseAll(leaf.Cert)[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: "demo.chat.svc", CurrentTime: later}); err != nil {
		t.Errorf("a leaf of the former CA is not trusted: %v", err)
	}
	last := authority(t, renewed.Bundle, day0.Add(11*365*24*time.Hour))
	if n := len(parseAll(last.Bundle)); n != 2 {
		t.Errorf("after the first CA's end the bundle has %d certificates, want 2", n)
	}
}

func TestServerAndClientOfOneAuthorityTrustEachOther(t *testing.T) {
	now := time.Now()
	a := authority(t, nil, now)
	server := issue(t, a, Names{CommonName: "demo", DNS: []string{"demo-admin.chat.svc"}}, now)
	client := issue(t, a, Names{CommonName: "chatpool-operator", Client: true}, now)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.Bundle)
	sc, err := tls.X509KeyPair(server.Cert, server.Key)
	if err != nil {
		t.Fatal(err)
	}
	cc, err := tls.X509KeyPair(client.Cert, client.Key)
	if err != nil {
		t.Fatal(err)
	}
	left, right := net.Pipe()
	s := tls.Server(left, &tls.Config{Certificates: []tls.Certificate{sc}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	c := tls.Client(right, &tls.Config{Certificates: []tls.Certificate{cc}, RootCAs: pool, ServerName: "demo-admin.chat.svc"})
	done := make(chan error, 1)
	go func() { done <- s.HandshakeContext(t.Context()) }()
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatalf("client: %v", err)
	}
	if err := <-done; err != nil {
		t.Fatalf("server: %v", err)
	}
}

func TestLoadAuthorityRefusesWhatDoesNotFit(t *testing.T) {
	a, b := authority(t, nil, day0), authority(t, nil, day0)
	leaf := issue(t, a, Names{CommonName: "x"}, day0)
	for sentence, c := range map[string]struct{ bundle, key []byte }{
		"nothing":                {nil, nil},
		"no key":                 {a.Bundle, nil},
		"another's key":          {a.Bundle, b.Key},
		"a leaf, which is no CA": {leaf.Cert, leaf.Key},
	} {
		t.Run(sentence, func(t *testing.T) {
			if _, err := LoadAuthority(c.bundle, c.key); err == nil {
				t.Error("taken")
			}
		})
	}
}
