package sipedge

import (
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
)

// One client's documents over loopback, each answered 200 by a session that does nothing else.
func BenchmarkDocuments(b *testing.B) {
	quiet := &backend{receive: func(_ *testDialog, _ []byte, answer func(Answer)) { answer(Answer{}) }}
	_, address := start(b, Options{Backend: quiet})
	p := dial(b, address, "alice")
	p.conn.SetDeadline(time.Now().Add(time.Hour))
	p.signIn()
	p.invite()
	text := p.request("INFO", strings.Repeat("x", 600), plain)
	head, rest, _ := strings.Cut(text, "CSeq: ")
	_, rest, _ = strings.Cut(rest, "\r\n")
	first := p.cseq
	go func() {
		for i := range b.N {
			if _, err := io.WriteString(p.conn, head+"CSeq: "+strconv.Itoa(first+i)+" INFO\r\n"+rest); err != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		p.want(200)
	}
}

// A document to many dialogs: encoded once, queued for each, and read by nobody in a hurry.
func BenchmarkFanOut(b *testing.B) {
	quiet := &backend{}
	_, address := start(b, Options{Backend: quiet})
	var dialogs []*testDialog
	for range 50 {
		p := dial(b, address, "alice")
		p.conn.SetDeadline(time.Now().Add(time.Hour))
		p.signIn()
		p.invite()
		d := quiet.last(b)
		go func() {
			for {
				m, err := p.tryRead()
				if err != nil {
					return
				}
				if _, err := p.conn.Write(response(m, 200, "", "x", nil, nil)); err != nil {
					return
				}
			}
		}()
		dialogs = append(dialogs, d)
	}
	body := []byte(strings.Repeat("x", 600))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for _, d := range dialogs {
			for full := true; full; {
				td := d.out.(*dialog)
				td.mu.Lock()
				full = len(td.queue) > 1000
				td.mu.Unlock()
				if full {
					<-time.After(100 * time.Microsecond)
				}
			}
			if err := d.out.Send(body); err != nil {
				b.Fatal(err)
			}
		}
	}
}
