package digest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The example of RFC 7616 section 3.9.1, with both algorithms.
func TestAnswerOfTheRFC(t *testing.T) {
	const nonce, cnonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	for algorithm, want := range map[string]string{
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
	} {
		c, err := Choose([]string{`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=` + algorithm + `, nonce="` + nonce + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`})
		if err != nil {
			t.Fatal(err)
		}
		c.uses = 1
		if got := c.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", cnonce); !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: got %s, want response %s", algorithm, got, want)
		}
	}
}

// The example of RFC 2069 in its corrected form: a challenge without qop.
func TestAnswerWithoutQop(t *testing.T) {
	c, err := Choose([]string{`Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"`})
	if err != nil {
		t.Fatal(err)
	}
	got := c.answer("Mufasa", "CircleOfLife", "GET", "/dir/index.html", "unused")
	if !strings.Contains(got, `response="1949323746fe6a43ef61f9606e7febea"`) || strings.Contains(got, "cnonce") {
		t.Errorf("got %s", got)
	}
}

func TestChoose(t *testing.T) {
	for sentence, c := range map[string]struct {
		offers []string
		want   string
	}{
		"SHA-256 before MD5, in either order":       {[]string{`Digest realm="r", nonce="1", algorithm=MD5`, `Digest realm="r", nonce="2", algorithm=SHA-256`}, "2"},
		"MD5 when there is nothing else":            {[]string{`NTLM realm="r"`, `Digest realm="r", nonce="3"`}, "3"},
		"an unknown algorithm is passed over":       {[]string{`Digest realm="r", nonce="4", algorithm=SHA-512-256`, `Digest realm="r", nonce="5", algorithm=md5`}, "5"},
		"an integrity-only protection is not known": {[]string{`Digest realm="r", nonce="6", qop="auth-int"`}, ""},
		"nothing at all":                            {nil, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, err := Choose(c.offers)
			if (err != nil) != (c.want == "") || err == nil && got.nonce != c.want {
				t.Errorf("got %+v, %v; want nonce %q", got, err, c.want)
			}
		})
	}
}

func TestEachUseCounts(t *testing.T) {
	c, err := Choose([]string{`Digest realm="r", nonce="n", qop="auth"`})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nc=00000001", "nc=00000002"} {
		if got := c.Answer("u", "p", "REGISTER", "sip:x"); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestQuotedValuesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		got := parameters("one=" + quote(a) + ", two=" + quote(b) + ",three=x")
		if got["one"] != a || got["two"] != b || got["three"] != "x" {
			t.Fatalf("%q", got)
		}
	})
}
