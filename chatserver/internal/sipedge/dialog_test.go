package sipedge

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const plain = "Content-Type: text/plain"

// talk signs in and opens a dialog.
func talk(t *testing.T, b *backend, limits Limits) (*peer, *testDialog, *Server) {
	t.Helper()
	s, address := start(t, Options{Backend: b, Limits: limits})
	p := dial(t, address, "alice")
	p.signIn()
	p.invite()
	return p, b.last(t), s
}

func TestSession(t *testing.T) {
	p, d, _ := talk(t, &backend{}, Limits{})
	p.write(p.request("INFO", "<hello/>", plain))
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
	p.write(p.request("UPDATE", ""))
	p.want(200)
	p.write(p.request("BYE", ""))
	p.want(200)
	if !d.isClosed() {
		t.Error("the session does not know of the BYE that is answered")
	}
	if d.user != "sip:alice@"+domain || d.endpoint != "0123456789ab" || d.uri != "sip:home@"+domain || d.bodies[0] != "<hello/>" {
		t.Errorf("the session saw %+v", d)
	}
	p.write(p.request("INFO", "<late/>", plain))
	p.want(481)
}

func TestPipelinedDocumentsAreHandledAndAnsweredInOrder(t *testing.T) {
	const n = 2000
	p, d, _ := talk(t, &backend{}, Limits{})
	go func() {
		var all strings.Builder
		for i := range n {
			all.WriteString(p.request("INFO", fmt.Sprint(i), plain))
		}
		io.WriteString(p.conn, all.String())
	}()
	for i := range n {
		if m := p.want(200); m.get("cseq") != fmt.Sprintf("%d INFO", i+4) {
			t.Fatalf("answer %d is for CSeq %q", i, m.get("cseq"))
		}
	}
	for i, body := range d.bodies {
		if body != fmt.Sprint(i) {
			t.Fatalf("document %d is %q", i, body)
		}
	}
}

// The client's ACK and first document come together, right behind its INVITE; or the ACK never comes.
func TestFirstDocumentRightBehindAck(t *testing.T) {
	for name, ack := range map[string]bool{"with ACK": true, "without ACK": false} {
		t.Run(name, func(t *testing.T) {
			p, address := (*peer)(nil), ""
			b := &backend{}
			_, address = start(t, Options{Backend: b, Limits: Limits{TransactionTimeout: time.Minute, Dialogs: 1000}})
			p = dial(t, address, "alice")
			p.signIn()
			for range 200 {
				p.callID, p.toTag = "call-"+randomHex(8), ""
				p.write(p.request("INVITE", "", contact))
				m := p.want(200)
				_, p.toTag, _ = strings.Cut(m.get("to"), ";tag=")
				text := ""
				if ack {
					text = p.requestSeq("ACK", p.cseq, "")
				}
				p.write(text + p.request("INFO", "<first/>", plain))
				p.want(200)
				b.last(t).out.Send([]byte("<reply/>"))
				if m := p.read(); string(m.body) != "<reply/>" {
					t.Fatalf("got %q %q", m.start, m.body)
				}
			}
		})
	}
}

func TestOutOfOrder(t *testing.T) {
	release := make(chan func(Answer), 1)
	b := &backend{receive: func(_ *testDialog, _ []byte, answer func(Answer)) { release <- answer }}
	p, d, _ := talk(t, b, Limits{})
	p.write(p.requestSeq("INFO", 10, "one", plain))
	answer := <-release
	p.write(p.requestSeq("INFO", 10, "one", plain)) // again, while the first is being answered: one answer
	p.write(p.requestSeq("INFO", 9, "late", plain))
	if m := p.want(500); m.get("cseq") != "9 INFO" {
		t.Errorf("500 for %q", m.get("cseq"))
	}
	answer(Answer{Status: 503, RetryAfter: 1, Reason: "Busy\r\nX: y", Diagnostics: "20000;reason=\"busy\""})
	m := p.want(503)
	if m.get("cseq") != "10 INFO" || m.get("retry-after") != "1" || m.get("ms-diagnostics") != `20000;reason="busy"` || m.has("x") {
		t.Errorf("%q %q", m.start, m.fields)
	}
	answer(Answer{}) // a second answer of a session goes nowhere
	p.write(p.requestSeq("INFO", 10, "one", plain))
	p.want(500)
	p.write(p.requestSeq("INFO", 20, "two", plain))
	(<-release)(Answer{})
	p.want(200)
	if got := fmt.Sprint(d.bodies); got != "[one two]" {
		t.Errorf("the session got %s", got)
	}
}

func TestDialogsMustBeKnown(t *testing.T) {
	p, _, _ := talk(t, &backend{}, Limits{})
	for name, spoil := range map[string]func(){
		"wrong To tag":   func() { p.toTag += "x" },
		"wrong From tag": func() { p.tag += "x" },
		"wrong Call-ID":  func() { p.callID += "x" },
	} {
		before := *p
		spoil()
		p.write(p.request("INFO", "<x/>", plain))
		if m := p.read(); m.status() != 481 {
			t.Errorf("%s: %q", name, m.start)
		}
		*p = before
	}
	p.cseq = 50
	p.write(p.request("INFO", "\x00", "Content-Type: image/png"))
	p.want(415)
}

func TestSendersNumberTheirDocumentsInSendingOrder(t *testing.T) {
	const senders, each = 8, 250
	p, d, _ := talk(t, &backend{}, Limits{})
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				if err := d.out.Send([]byte("<x/>")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range senders * each {
		m := p.read()
		if want := fmt.Sprintf("%d INFO", i+1); m.get("cseq") != want {
			t.Fatalf("got %q, want %q", m.get("cseq"), want)
		}
		p.ok(m, 200)
	}
	all.Wait()
}

func TestWindow(t *testing.T) {
	p, d, _ := talk(t, &backend{}, Limits{Window: 2})
	for i := range 4 {
		if err := d.out.Send(fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	first, second := p.read(), p.read()
	p.write(p.request("OPTIONS", ""))
	p.want(200) // not the third document
	p.ok(second, 200)
	if third := p.read(); string(third.body) != "2" {
		t.Errorf("got %q", third.body)
	}
	p.ok(first, 500) // whatever the client thinks of it
	if fourth := p.read(); string(fourth.body) != "3" {
		t.Errorf("got %q", fourth.body)
	}
}

func TestClientEndsTheDialogByItsAnswer(t *testing.T) {
	for _, status := range []int{481, 487, 408} {
		p, d, _ := talk(t, &backend{}, Limits{})
		d.out.Send([]byte("<x/>"))
		p.ok(p.read(), status)
		eventually(t, fmt.Sprintf("Closed after %d", status), d.isClosed)
		if err := d.out.Send([]byte("<y/>")); err == nil {
			t.Error("a lost dialog takes documents")
		}
	}
}

func TestSilentClientLosesItsDialog(t *testing.T) {
	p, d, _ := talk(t, &backend{}, Limits{TransactionTimeout: 100 * time.Millisecond})
	d.out.Send([]byte("<x/>"))
	p.read()
	if m := p.read(); m.method() != "BYE" || m.get("cseq") != "2 BYE" {
		t.Errorf("got %q", m.start)
	}
	eventually(t, "Closed", d.isClosed)
}

func TestAcceptedInviteIsRepeatedUntilAck(t *testing.T) {
	b := &backend{}
	_, address := start(t, Options{Backend: b, Limits: Limits{TransactionTimeout: 1200 * time.Millisecond}})
	p := dial(t, address, "alice")
	p.signIn()
	p.write(p.request("INVITE", "", contact))
	p.want(200)
	p.want(200)
	if m := p.read(); m.method() != "BYE" {
		t.Errorf("got %q", m.start)
	}
	eventually(t, "Closed", b.last(t).isClosed)
}

// A client that does not read is cut off; another one gets everything meanwhile.
func TestSlowReader(t *testing.T) {
	b := &backend{}
	limits := Limits{QueueBytes: 1 << 20, WriteTimeout: 20 * time.Second, Window: 1 << 20}
	_, address := start(t, Options{Backend: b, Limits: limits})
	slow, good := dial(t, address, "alice"), dial(t, address, "bob")
	slow.signIn()
	slow.invite()
	slowDialog := b.last(t)
	good.signIn()
	good.invite()
	eventually(t, "bob's dialog", func() bool { return b.last(t) != slowDialog })
	goodDialog := b.last(t)
	document := []byte(strings.Repeat("x", 10000))
	lost := false
	for i := range 3000 {
		if err := slowDialog.out.Send(document); err != nil {
			lost = true
		}
		if i%10 == 0 {
			if err := goodDialog.out.Send(document); err != nil {
				t.Fatal(err)
			}
			good.ok(good.read(), 200)
		}
	}
	if !lost {
		t.Error("30 MB for a client that reads nothing")
	}
	eventually(t, "Closed", slowDialog.isClosed)
	if goodDialog.isClosed() {
		t.Error("the wrong one was cut off")
	}
}

func TestReaderThatNeverAnswersIsCutOff(t *testing.T) {
	p, d, _ := talk(t, &backend{}, Limits{Window: 1, QueueMessages: 10})
	d.out.Send([]byte("<first/>"))
	p.read()
	for range 10 {
		if err := d.out.Send([]byte("<x/>")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.out.Send([]byte("<x/>")); err == nil {
		t.Error("the queue has no end")
	}
	p.wantClosed()
	eventually(t, "Closed", d.isClosed)
}

func TestMoved(t *testing.T) {
	t.Run("the next request is answered 481", func(t *testing.T) {
		p, d, _ := talk(t, &backend{}, Limits{})
		d.out.Send([]byte("<last/>"))
		d.out.Close(Moved)
		if err := d.out.Send([]byte("<later/>")); err == nil {
			t.Error("a closed dialog takes documents")
		}
		if m := p.read(); string(m.body) != "<last/>" {
			t.Errorf("got %q", m.body)
		}
		p.write(p.request("INFO", "<x/>", plain))
		p.want(481)
		p.wantClosed()
		eventually(t, "Closed", d.isClosed)
		if len(d.bodies) != 0 {
			t.Errorf("the session got %q", d.bodies)
		}
	})
	t.Run("without a request the connection is closed", func(t *testing.T) {
		p, d, _ := talk(t, &backend{}, Limits{MoveGrace: 50 * time.Millisecond})
		d.out.Close(Moved)
		p.wantClosed()
		eventually(t, "Closed", d.isClosed)
	})
}

func TestEnded(t *testing.T) {
	p, d, _ := talk(t, &backend{}, Limits{})
	d.out.Send([]byte("<last/>"))
	d.out.Close(Ended)
	if m := p.read(); string(m.body) != "<last/>" {
		t.Errorf("got %q", m.body)
	}
	m := p.read()
	if m.method() != "BYE" {
		t.Errorf("got %q", m.start)
	}
	p.ok(m, 200)
	eventually(t, "Closed", d.isClosed)
	p.write(p.request("INFO", "<x/>", plain))
	p.want(481)
}

func TestLostConnectionClosesItsDialogs(t *testing.T) {
	p, d, _ := talk(t, &backend{}, Limits{})
	p.conn.Close()
	eventually(t, "Closed", d.isClosed)
}

// Sessions may end a dialog while they receive, and answer when everything is over.
func TestCloseWhileReceiving(t *testing.T) {
	answers := make(chan func(Answer), 1)
	b := &backend{receive: func(d *testDialog, _ []byte, answer func(Answer)) {
		d.out.Send([]byte("<bye/>"))
		d.out.Close(Ended)
		answers <- answer
	}}
	p, d, _ := talk(t, b, Limits{})
	p.write(p.request("INFO", "<x/>", plain))
	if m := p.read(); string(m.body) != "<bye/>" {
		t.Errorf("got %q", m.start)
	}
	if m := p.read(); m.method() != "BYE" {
		t.Errorf("got %q", m.start)
	}
	eventually(t, "Closed", d.isClosed)
	p.conn.Close()
	(<-answers)(Answer{})
}

func TestUnansweredDocumentsHoldTheClientUp(t *testing.T) {
	answers := make(chan func(Answer), 10)
	b := &backend{receive: func(_ *testDialog, _ []byte, answer func(Answer)) { answers <- answer }}
	p, d, _ := talk(t, b, Limits{Unanswered: 3})
	for range 5 {
		p.write(p.request("INFO", "<x/>", plain))
	}
	eventually(t, "three documents", func() bool { return len(answers) == 3 })
	(<-answers)(Answer{})
	p.want(200)
	for range 4 {
		(<-answers)(Answer{})
		p.want(200)
	}
	if len(d.bodies) != 5 {
		t.Errorf("%d documents", len(d.bodies))
	}
}

func TestShutdown(t *testing.T) {
	b := &backend{}
	s, address := start(t, Options{Backend: b, Limits: Limits{MoveGrace: 100 * time.Millisecond}})
	idle, p := dial(t, address, "bob"), dial(t, address, "alice")
	idle.signIn()
	p.signIn()
	p.invite()
	d := b.last(t)
	p.write(p.request("INFO", "<x/>", plain))
	p.want(200)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	idle.wantClosed()
	p.wantClosed()
	if !d.isClosed() {
		t.Error("a session is left")
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("it still accepts connections")
	}
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	p, d, s := talk(t, &backend{}, Limits{MoveGrace: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("it did not say that it cut connections")
	}
	p.wantClosed()
	if !d.isClosed() {
		t.Error("a session is left")
	}
}
