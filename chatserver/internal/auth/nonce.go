package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// NonceLife is how long a nonce is good for.
const NonceLife = 5 * time.Minute

const (
	nonceHead = 20 // 8 bytes of time, 12 of chance
	nonceSize = nonceHead + 16
	maxUsed   = 1 << 16
)

// nonces makes and checks nonces, and remembers how often each one was used.
type nonces struct {
	key [32]byte

	mu    sync.Mutex
	used  map[string]usage
	floor time.Time // nonces made before are not good any more
}

type usage struct {
	count int // highest nc so far
	until time.Time
}

func newNonces() *nonces {
	n := &nonces{used: map[string]usage{}}
	rand.Read(n.key[:])
	return n
}

func (n *nonces) sign(head []byte) []byte {
	h := hmac.New(sha256.New, n.key[:])
	h.Write(head)
	return h.Sum(nil)[:nonceSize-nonceHead]
}

func (n *nonces) make() string {
	head := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	head = append(head, make([]byte, nonceHead-8)...)
	rand.Read(head[8:])
	return base64.RawURLEncoding.EncodeToString(append(head, n.sign(head)...))
}

// made tells when a nonce was made; ok is false when it is not ours, too old, or forgotten.
func (n *nonces) made(nonce string) (at time.Time, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != nonceSize || !hmac.Equal(raw[nonceHead:], n.sign(raw[:nonceHead])) {
		return time.Time{}, false
	}
	at = time.Unix(0, int64(binary.BigEndian.Uint64(raw)))
	n.mu.Lock()
	defer n.mu.Unlock()
	return at, time.Since(at) < NonceLife && !at.Before(n.floor)
}

// use takes a count of a nonce; false when it, or a higher one, was taken before.
func (n *nonces) use(nonce string, made time.Time, count int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	u, known := n.used[nonce]
	if count <= u.count {
		return false
	}
	if !known && len(n.used) >= maxUsed {
		n.forget()
	}
	n.used[nonce] = usage{count: count, until: made.Add(NonceLife)}
	return true
}

// forget makes room. When all nonces are still good it lets go of all of them, and of every other one made until now.
func (n *nonces) forget() {
	now := time.Now()
	for k, u := range n.used {
		if now.After(u.until) {
			delete(n.used, k)
		}
	}
	if len(n.used) >= maxUsed {
		clear(n.used)
		n.floor = now
	}
}
