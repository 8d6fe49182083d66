package sipedge

import (
	"fmt"
	"testing"
)

func TestSession(t *testing.T) {
	b := &backend{}
	_, address := start(t, Options{Backend: b})
	p := dial(t, address, "alice")
	m := p.signIn()
	if m.get("expires") != "600" {
		t.Errorf("Expires %q", m.get("expires"))
	}
	p.invite()
	d := b.last(t)
	p.write(p.request("INFO", "<hello/>", "Content-Type: text/plain"))
	p.want(200)
	for i := range 3 {
		if err := d.out.Send(fmt.Appendf(nil, "<n%d/>", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		m := p.read()
		if m.method() != "INFO" || string(m.body) != fmt.Sprintf("<n%d/>", i) || m.get("cseq") != fmt.Sprintf("%d INFO", i+1) {
			t.Errorf("got %q %q %q", m.start, m.fields, m.body)
		}
		p.ok(m, 200)
	}
	p.write(p.request("BYE", ""))
	p.want(200)
	eventually(t, "Closed", d.isClosed)
	if d.user != "sip:alice@"+domain || d.endpoint != "0123456789ab" || d.uri != "sip:home@"+domain || d.bodies[0] != "<hello/>" {
		t.Errorf("the session saw %+v", d)
	}
}
