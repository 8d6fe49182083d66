package sipedge

import (
	"strings"
	"testing"
)

const ours = "Supported: chatpool-redirect"

var toBackup = &Away{Target: "backup.test:5061", RetryAfter: 2, Reason: "the pool is in site backup"}

func TestWhoSignsInWhereThePoolIsNot(t *testing.T) {
	for sentence, c := range map[string]struct {
		away    *Away
		headers []string
		status  int
		contact string
	}{
		"a client of ours is told where it is":              {toBackup, []string{ours}, 302, "<sip:backup.test:5061;transport=tls>"},
		"the same, with its options in two lines":           {toBackup, []string{"Supported: timer, gruu", ours}, 302, "<sip:backup.test:5061;transport=tls>"},
		"others are told to come back":                      {toBackup, []string{"User-Agent: other"}, 503, ""},
		"so are all when the server is only out of service": {&Away{RetryAfter: 2}, []string{ours}, 503, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, address := start(t, Options{Backend: &backend{away: c.away}})
			p := dial(t, address, "alice")
			p.write(p.request("REGISTER", "", append(c.headers, contact)...))
			m := p.want(c.status)
			if m.get("retry-after") != "2" || m.get("contact") != c.contact || m.has("www-authenticate") {
				t.Errorf("answer %q", m.fields)
			}
			p.wantClosed()
		})
	}
}

func TestWhatIsOpenGoesOnUntilItIsMoved(t *testing.T) {
	b := &backend{}
	p, d, _ := talk(t, b, Limits{})
	b.sendAway(toBackup)
	p.write(p.request("INFO", "<still/>", plain))
	p.want(200)
	p.write(p.request("UPDATE", ""))
	p.want(200)

	tag := p.toTag
	p.toTag = ""
	p.write(p.request("INVITE", "", contact, ours)) // something new
	if m := p.want(302); m.get("contact") != "<sip:backup.test:5061;transport=tls>" {
		t.Errorf("answer %q", m.fields)
	}
	p.write(p.request("INVITE", "", contact))
	if m := p.want(480); m.get("retry-after") != "2" || !strings.Contains(m.get("warning"), "site backup") {
		t.Errorf("answer %q", m.fields)
	}
	p.write(p.request("SUBSCRIBE", "", "Event: vnd-microsoft-provisioning-v2"))
	p.want(480)
	p.write(p.request("REGISTER", "", contact, "Expires: 600"))
	p.want(503)
	p.write(p.request("OPTIONS", "")) // asks whether somebody is there
	p.want(200)

	p.toTag = tag
	d.out.Close(Moved)
	p.write(p.request("INFO", "<late/>", plain))
	p.want(481)
	p.wantClosed()
}

func TestSigningOffIsPossibleWhereThePoolIsNot(t *testing.T) {
	b := &backend{}
	_, address := start(t, Options{Backend: b})
	p := dial(t, address, "alice")
	p.signIn()
	b.sendAway(toBackup)
	p.write(p.request("REGISTER", "", contact, "Expires: 0"))
	p.want(200)
	p.write(p.request("INVITE", "", contact))
	p.want(480)
	p.wantClosed()
	if len(b.signedOff) != 1 {
		t.Errorf("signed off: %q", b.signedOff)
	}
}

func TestProvisioningNamesTheServersOfBothSites(t *testing.T) {
	_, address := start(t, Options{Backend: &backend{servers: []string{"a.test:5061", "b.test:15061"}}})
	p := dial(t, address, "alice")
	p.signIn()
	p.write(p.request("SUBSCRIBE", "", "Event: vnd-microsoft-provisioning-v2", "Supported: ms-piggyback-first-notify"))
	body := string(p.want(200).body)
	for _, want := range []string{`<property name="ChatpoolSite">home</property>`, `<property name="ChatpoolServers">a.test:5061;b.test:15061</property>`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}
