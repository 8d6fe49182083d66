package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/client/internal/sip"
	"github.com/google/go-cmp/cmp"
)

// walk gives the servers of a round that begins now.
func walk(r *route, n int) []string {
	r.begin()
	var out []string
	for range n {
		out = append(out, r.take())
	}
	return out
}

func TestServersAreTriedInTurn(t *testing.T) {
	r := &route{configured: []string{"a", "b"}}
	r.learn("x")
	r.learn("b")
	r.learn("x")
	if diff := cmp.Diff(strings.Fields("a b x a b x"), walk(r, 6)); diff != "" {
		t.Error(diff)
	}
	r.current = "a" // and next comes b
	r.next = 1
	if diff := cmp.Diff(strings.Fields("b a x"), walk(r, 3)); diff != "" {
		t.Error(diff)
	}
	r.current = "x" // a whole site
	if diff := cmp.Diff(strings.Fields("x b a"), walk(r, 3)); diff != "" {
		t.Error(diff)
	}
}

func TestTwoServersThatPointAtEachOtherKeepNobodyFromAThird(t *testing.T) {
	r := &route{configured: []string{"a", "b"}}
	r.begin()
	points := map[string]string{"a": "x", "x": "a"}
	var got []string
	for !slices.Contains(got, "b") && len(got) < 9 {
		server := r.take()
		got = append(got, server)
		if to := points[server]; to != "" {
			r.follow(to)
		}
	}
	if diff := cmp.Diff(strings.Fields("a x b"), got); diff != "" || !r.over() {
		t.Error(diff, r.round)
	}
}

func TestHintsAreBounded(t *testing.T) {
	r := &route{configured: []string{"a"}}
	for i := range 100 {
		r.follow(fmt.Sprintf("x%d", i))
	}
	want := strings.Fields("a x92 x93 x94 x95 x96 x97 x98 x99")
	if got := walk(r, len(want)); !slices.Equal(got, want) || !r.over() {
		t.Errorf("tried %v", got)
	}
}

func TestWhereARedirectPoints(t *testing.T) {
	for contact, want := range map[string]string{
		"<sip:b.test:5061;transport=tls>":                           "b.test:5061",
		"\"Backup\" <sips:demo@b.test:15061>;expires=5":             "b.test:15061",
		"<SIP:[2001:db8::1]:5061;lr;Transport=TLS>":                 "[2001:db8::1]:5061",
		"<sip:b.test:5060;transport=tcp>":                           "",
		"<sip:b.test:5060>":                                         "",
		"<sip:b.test;transport=tls>":                                "",
		"<sip:;transport=tls>":                                      "",
		"<sip:b.test/x:5061;transport=tls>":                         "",
		"":                                                          "",
		"<http://b.test:80;transport=tls>":                          "",
		"<sip:" + strings.Repeat("b", 300) + ":5061;transport=tls>": "",
	} {
		m := &sip.Message{}
		m.Add("Contact", contact)
		if got := target(m); got != want {
			t.Errorf("%s: %q, want %q", contact, got, want)
		}
	}
}

func TestAListWithDeadServersIsGoneThroughQuickly(t *testing.T) {
	r := &route{configured: []string{"a", "b", "c"}}
	r.begin()
	for round, most := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, backOffMost, backOffMost} {
		for i := range 3 {
			d := r.wait()
			if first := i == 0 && round > 0; !first && d > backOffFirst || first && (d > most || d < most/4) {
				t.Errorf("round %d, server %d: %s", round, i, d)
			}
			r.take()
		}
	}
	r.afterwards(&turned{after: 2 * time.Second}, false)
	r.afterwards(&turned{after: 3 * time.Second}, false)
	if d := r.wait(); d != 2*time.Second {
		t.Errorf("a server wants the client back after 2 s, and it waits for %s", d)
	}
}
