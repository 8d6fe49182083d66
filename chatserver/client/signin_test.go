package client

import (
	"net"
	"testing"
)

// A chat server takes clients that subscribe to the registration in REGISTER for those of the Microsoft family, and lets
// them sign in with MD5 where it may: this one can do better.
func TestSignInDoesNotAskForLegacyDigest(t *testing.T) {
	conn, other := net.Pipe()
	defer conn.Close()
	defer other.Close()
	l := &link{o: &Options{aor: "sip:alice@example.com"}, conn: conn}
	m := l.register(60)
	for _, header := range []string{"Event", "ms-keep-alive"} {
		if v := m.Get(header); v != "" {
			t.Errorf("%s: %s", header, v)
		}
	}
	if v := m.Get("Expires"); v != "60" {
		t.Errorf("Expires: %q", v)
	}
}
