// Package digest answers SIP Digest challenges for the client (RFC 7616 and RFC 8760): SHA-256 where it is offered,
// else MD5; qop auth, or none when the challenge names none.
package digest

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Challenge is one that the server has sent, with the count of its uses.
type Challenge struct {
	realm, nonce, opaque, algorithm string
	auth                            bool // qop auth
	uses                            int
}

// Choose picks the strongest of the challenges (values of WWW-Authenticate or Proxy-Authenticate) that it can answer.
func Choose(challenges []string) (*Challenge, error) {
	var best *Challenge
	for _, v := range challenges {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(v), " ")
		if !strings.EqualFold(scheme, "Digest") {
			continue
		}
		p := parameters(rest)
		c := &Challenge{realm: p["realm"], nonce: p["nonce"], opaque: p["opaque"], algorithm: strings.ToUpper(p["algorithm"])}
		if c.algorithm == "" {
			c.algorithm = "MD5"
		}
		for _, q := range strings.Split(p["qop"], ",") {
			c.auth = c.auth || strings.TrimSpace(q) == "auth"
		}
		if newHash(c.algorithm) == nil || c.nonce == "" || p["qop"] != "" && !c.auth {
			continue
		}
		if best == nil || best.algorithm == "MD5" && c.algorithm == "SHA-256" {
			best = c
		}
	}
	if best == nil {
		return nil, fmt.Errorf("the server asks for a kind of sign-in that is not supported: %.200q; want Digest with SHA-256 or MD5", challenges)
	}
	return best, nil
}

// Answer is the value of Authorization or Proxy-Authorization for a request. Each use counts.
func (c *Challenge) Answer(user, password, method, uri string) string {
	c.uses++
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails, as crypto/rand documents
	return c.answer(user, password, method, uri, hex.EncodeToString(nonce))
}

func (c *Challenge) answer(user, password, method, uri, cnonce string) string {
	h := func(parts ...string) string {
		d := newHash(c.algorithm)
		d.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(d.Sum(nil))
	}
	ha1, ha2 := h(user, c.realm, password), h(method, uri)
	var b strings.Builder
	fmt.Fprintf(&b, "Digest username=%s, realm=%s, nonce=%s, uri=%s, algorithm=%s", quote(user), quote(c.realm), quote(c.nonce), quote(uri), c.algorithm)
	if c.auth {
		nc := fmt.Sprintf("%08x", c.uses)
		fmt.Fprintf(&b, ", qop=auth, nc=%s, cnonce=%s, response=%s", nc, quote(cnonce), quote(h(ha1, c.nonce, nc, cnonce, "auth", ha2)))
	} else {
		fmt.Fprintf(&b, ", response=%s", quote(h(ha1, c.nonce, ha2)))
	}
	if c.opaque != "" {
		fmt.Fprintf(&b, ", opaque=%s", quote(c.opaque))
	}
	return b.String()
}

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "SHA-256":
		return sha256.New()
	case "MD5":
		return md5.New()
	}
	return nil
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// parameters reads name=value pairs, the values quoted or not, separated by commas.
func parameters(s string) map[string]string {
	out := map[string]string{}
	for {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return out
		}
		name = strings.ToLower(strings.Trim(name, " \t,"))
		var value string
		if rest = strings.TrimLeft(rest, " \t"); strings.HasPrefix(rest, `"`) {
			value, s = unquote(rest[1:])
		} else {
			value, s, _ = strings.Cut(rest, ",")
			value = strings.TrimSpace(value)
		}
		out[name] = value
	}
}

func unquote(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
