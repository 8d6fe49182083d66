package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/icholy/digest"

	"chatpool.dev/chatserver/chat"
)

// Credential finds a user by the name that he gave and his hash A1 = H(user:realm:password), in hexadecimal, for
// algorithm "MD5" or "SHA-256". Kinds of errors: NotFound, Denied, Unavailable. With Denied it may give the hash all the
// same: then whoever knows the password is told the reason.
type Credential func(user, algorithm, realm string) (ha1 string, subject chat.Subject, err error)

// Verifier checks Digest credentials for one realm.
type Verifier struct {
	realm      string
	credential Credential
	log        *slog.Logger
	nonces     *nonces
	failures   *failures
}

// NewVerifier makes a verifier. Its nonces are good at this verifier only.
func NewVerifier(realm string, c Credential, log *slog.Logger) *Verifier {
	return &Verifier{realm: realm, credential: c, log: log, nonces: newNonces(), failures: newFailures()}
}

// Errors of Verify besides *chat.Error (Invalid: malformed; Denied: wrong password, unknown or disabled user;
// Unavailable: cannot be known now).
var (
	ErrChallenge = errors.New("credentials are needed")            // challenge the client
	ErrStale     = errors.New("the nonce is not good any more")    // challenge with stale=true
	errWrong     = errors.New("the user or the password is wrong") // always in a *chat.Error
	nullURI      = "(null)"                                        // what pidgin-sipe has in place of the request's URI
)

// Throttled is the error of a client that failed too often.
type Throttled struct{ Wait time.Duration }

// Error says how long to wait.
func (t *Throttled) Error() string {
	return fmt.Sprintf("too many failed sign-ins: wait %v", t.Wait.Round(time.Second))
}

// Challenges are the values of WWW-Authenticate headers, the best one first.
func (v *Verifier) Challenges(legacy, stale bool) []string {
	out := []string{v.challenge("SHA-256", stale)}
	if legacy {
		out = append(out, v.challenge("MD5", stale))
	}
	return out
}

// ProxyChallenge is the value of the Proxy-Authenticate header for legacy clients.
func (v *Verifier) ProxyChallenge(stale bool) string { return v.challenge("MD5", stale) }

func (v *Verifier) challenge(algorithm string, stale bool) string {
	c := digest.Challenge{Realm: v.realm, Nonce: v.nonces.make(), Algorithm: algorithm, QOP: []string{"auth"}, Stale: stale}
	return c.String()
}

// Attempt is a request with credentials.
type Attempt struct {
	Method, URI string
	Header      string // value of Authorization or Proxy-Authorization; "" = none
	Address     string // the client's IP address
	Legacy      bool   // MD5, and "(null)" as the uri of a REGISTER, are let in
}

// Verify tells who sent the request, and the name that he gave.
func (v *Verifier) Verify(a Attempt) (s chat.Subject, login string, err error) {
	if !digest.IsDigest(a.Header) {
		return s, "", ErrChallenge
	}
	c, err := digest.ParseCredentials(a.Header)
	if err != nil {
		return s, "", chat.Errorf(chat.Invalid, "credentials cannot be read")
	}
	if wait := v.failures.wait(c.Username, a.Address); wait > 0 {
		return s, "", &Throttled{wait}
	}
	made, err := v.acceptable(a, c)
	if err != nil {
		return s, "", err
	}
	s, err = v.check(a, c)
	switch {
	case err == nil && !v.nonces.use(c.Nonce, made, c.Nc):
		return chat.Subject{}, "", ErrStale
	case errors.Is(err, errWrong):
		v.failures.add(c.Username, a.Address)
		v.log.Warn("sign-in refused", "user", clip(c.Username), "address", a.Address)
	}
	return s, c.Username, err
}

// acceptable checks all that does not need the password, and tells when the nonce was made.
func (v *Verifier) acceptable(a Attempt, c *digest.Credentials) (made time.Time, err error) {
	switch algorithm := strings.ToUpper(c.Algorithm); {
	case c.Realm != v.realm, c.Userhash, algorithm != "SHA-256" && !(a.Legacy && (algorithm == "MD5" || algorithm == "")):
		return made, ErrChallenge
	}
	made, ok := v.nonces.made(c.Nonce)
	switch {
	case !ok:
		return made, ErrStale
	case c.QOP != "auth" || c.Cnonce == "" || c.Nc < 1:
		return made, chat.Errorf(chat.Invalid, "credentials need qop=auth, cnonce and nc")
	case c.URI == a.URI:
		return made, nil
	case c.URI == nullURI && a.Legacy && a.Method == "REGISTER" && !strings.EqualFold(c.Algorithm, "SHA-256"):
		return made, nil
	}
	return made, chat.Errorf(chat.Invalid, "credentials are for the URI %q, not for the request's", clip(c.URI))
}

// check compares the response with what the password gives.
func (v *Verifier) check(a Attempt, c *digest.Credentials) (chat.Subject, error) {
	algorithm := strings.ToUpper(c.Algorithm)
	if algorithm == "" {
		algorithm = "MD5"
	}
	ha1, subject, err := v.credential(c.Username, algorithm, v.realm)
	known := err == nil || chat.Is(err, chat.Denied) && ha1 != ""
	if err != nil && !chat.Is(err, chat.NotFound) && !chat.Is(err, chat.Denied) {
		return chat.Subject{}, fmt.Errorf("credential of %q: %w", clip(c.Username), err)
	}
	if !known {
		ha1 = strings.Repeat("0", 64) // as much work as for a known user
	}
	want, derr := digest.Digest(
		&digest.Challenge{Realm: c.Realm, Nonce: c.Nonce, Algorithm: algorithm, QOP: []string{"auth"}},
		digest.Options{Method: a.Method, URI: c.URI, Count: c.Nc, Username: c.Username, A1: ha1, Cnonce: c.Cnonce})
	if derr != nil {
		return chat.Subject{}, chat.Errorf(chat.Invalid, "credentials: %w", derr)
	}
	right := subtle.ConstantTimeCompare([]byte(strings.ToLower(c.Response)), []byte(want.Response)) == 1
	switch {
	case right && known && err != nil:
		return chat.Subject{}, err // the right password of somebody who is not let in
	case !right || !known:
		return chat.Subject{}, chat.Errorf(chat.Denied, "%w", errWrong)
	}
	return subject, nil
}

// clip bounds what a stranger gets into the log.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}
