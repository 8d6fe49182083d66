// Package pki is a pool's own certificate authority: it makes keys and certificates, and decides when one must be
// made anew. ECDSA P-256. The CA lives for ten years, leaves for 90 days; each is renewed when two thirds of its life
// are over. A new CA goes in front of the old one in the bundle, which is trusted until it expires, so leaves of both
// are good while pods pick the change up.
//
// The package does no I/O beyond the system's randomness and takes the time from its caller. Storing the keys is the
// caller's duty.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Lifetimes.
const (
	CALife   = 10 * 365 * 24 * time.Hour
	LeafLife = 90 * 24 * time.Hour
	// skew is how far the clocks of others may be behind.
	skew = 5 * time.Minute
)

// Authority is a CA that can sign.
type Authority struct {
	// Bundle is what to trust, PEM: the current certificate first, then former ones that are still valid.
	Bundle []byte
	// Key is the current private key, PEM.
	Key []byte

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes a CA for the named pool. former is a bundle to go on trusting, or nil.
func NewAuthority(name string, former []byte, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a CA key: %w", err)
	}
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{"Chatpool"}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(CALife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	certPEM, keyPEM, err := sign(t, t, key, key)
	if err != nil {
		return nil, fmt.Errorf("make a CA certificate: %w", err)
	}
	bundle := append([]byte{}, certPEM...)
	for _, c := range parseAll(former) {
		if now.Before(c.NotAfter) {
			bundle = append(bundle, encodeCert(c.Raw)...)
		}
	}
	return LoadAuthority(bundle, keyPEM)
}

// LoadAuthority reads a CA; the bundle's first certificate must fit the key.
func LoadAuthority(bundle, keyPEM []byte) (*Authority, error) {
	certs := parseAll(bundle)
	if len(certs) == 0 {
		return nil, errors.New("the CA's ca.crt has no certificate")
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the CA's ca.key: %w", err)
	}
	if !key.PublicKey.Equal(certs[0].PublicKey) {
		return nil, errors.New("the CA's ca.key does not fit the first certificate of ca.crt")
	}
	if !certs[0].IsCA {
		return nil, errors.New("the first certificate of ca.crt is not a CA's")
	}
	return &Authority{Bundle: bundle, Key: keyPEM, cert: certs[0], key: key}, nil
}

// Due tells whether the CA must be renewed.
func (a *Authority) Due(now time.Time) bool { return due(a.cert, now) }

// NotAfter is when the CA's current certificate expires.
func (a *Authority) NotAfter() time.Time { return a.cert.NotAfter }

// due: two thirds of the life are over, or it lies in the future (made by a clock that was wrong).
func due(c *x509.Certificate, now time.Time) bool {
	return now.Before(c.NotBefore) || !now.Before(c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore)*2/3))
}

func sign(t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (certPEM, keyPEM []byte, err error) {
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	k, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return encodeCert(der), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: k}), nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// parseAll reads the certificates of a PEM text, without what is none.
func parseAll(b []byte) []*x509.Certificate {
	var out []*x509.Certificate
	for b = bytes.TrimSpace(b); len(b) > 0; {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, c)
		}
	}
	return out
}

func parseKey(b []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("not a PEM text")
	}
	return x509.ParseECPrivateKey(block.Bytes)
}
