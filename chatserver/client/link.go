package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"chatpool.dev/chatserver/client/internal/digest"
	"chatpool.dev/chatserver/client/internal/sip"
)

// link is one signed-in connection with its registration and its dialog to the pool. Until run it belongs to the
// connector, then to the core; the reader and the writer share the connection alone.
type link struct {
	o      *Options
	server string
	conn   net.Conn
	reader *bufio.Reader

	in   chan frame    // what the reader got; its last element has an error
	out  chan []byte   // what the writer shall send
	gone chan struct{} // closed by close

	registration identity
	dialog       identity
	challenge    *digest.Challenge
	proxy        bool     // the challenge came as 407
	pool         string   // the pool's SIP URI
	site         string   // the server's, or ""
	servers      []string // that the server named, HOST:PORT
	target       string   // where requests in the dialog go: the Contact of the pool
	early        []*sip.Message
	// reRegister and refresh tell how long registration and dialog last; 0: no limit.
	reRegister, refresh time.Duration
}

// frame is a message, or why there are no more.
type frame struct {
	m   *sip.Message
	err error
}

// identity is what the requests of a registration or a dialog have in common.
type identity struct {
	callID, from, to string
	seq              int64
}

func connect(ctx context.Context, o *Options, server string) (*link, error) {
	dctx, cancel := context.WithTimeout(ctx, min(o.Timeout, 3*time.Second))
	defer cancel()
	conn, err := o.DialContext(dctx, "tcp", server)
	if err != nil {
		if ctx.Err() == nil && dctx.Err() != nil {
			err = os.ErrDeadlineExceeded
		}
		return nil, explain(o, server, err)
	}
	if !o.PlainTCP {
		name := o.ServerName
		if name == "" {
			name, _, _ = net.SplitHostPort(server)
		}
		secure := tls.Client(conn, &tls.Config{RootCAs: o.RootCAs, ServerName: name, MinVersion: tls.VersionTLS12})
		hctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		if err := secure.HandshakeContext(hctx); err != nil {
			_ = conn.Close()
			if ctx.Err() == nil && hctx.Err() != nil {
				err = errHandshake
			}
			return nil, explain(o, server, err)
		}
		conn = secure
	}
	return &link{
		o: o, server: server, conn: conn, reader: bufio.NewReaderSize(conn, 8<<10),
		in: make(chan frame), out: make(chan []byte), gone: make(chan struct{}),
	}, nil
}

// run starts reader and writer; from here on the connection has no reading deadline: the core asks for signs of life.
func (l *link) run() {
	_ = l.conn.SetDeadline(time.Time{})
	go l.read()
	go l.write()
}

func (l *link) close() {
	select {
	case <-l.gone:
	default:
		close(l.gone)
	}
	_ = l.conn.Close()
}

func (l *link) read() {
	for {
		m, err := sip.Read(l.reader)
		select {
		case l.in <- frame{m, err}:
		case <-l.gone:
			return
		}
		if err != nil {
			return
		}
	}
}

func (l *link) write() {
	for {
		select {
		case b := <-l.out:
			_ = l.conn.SetWriteDeadline(time.Now().Add(2 * l.o.Timeout))
			if _, err := l.conn.Write(b); err != nil {
				_ = l.conn.Close() // the reader notices and says so
				return
			}
		case <-l.gone:
			return
		}
	}
}

func (l *link) transport() string {
	if l.o.PlainTCP {
		return "tcp"
	}
	return "tls"
}

// request begins a request of the registration or the dialog, with the next CSeq.
func (l *link) request(id *identity, method, uri string) *sip.Message {
	id.seq++
	return l.build(id, id.seq, method, uri)
}

func (l *link) build(id *identity, seq int64, method, uri string) *sip.Message {
	m := &sip.Message{Method: method, URI: uri}
	local := l.conn.LocalAddr().String()
	m.Add("Via", fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s", strings.ToUpper(l.transport()), local, randomHex(8)))
	m.Add("Max-Forwards", "70")
	m.Add("From", id.from)
	m.Add("To", id.to)
	m.Add("Call-ID", id.callID)
	m.Add("CSeq", fmt.Sprintf("%d %s", seq, method))
	user, _, _ := strings.Cut(strings.TrimPrefix(l.o.aor, "sip:"), "@")
	m.Add("Contact", fmt.Sprintf("<sip:%s@%s;transport=%s>", user, local, l.transport()))
	m.Add("User-Agent", "chatpool-client/1")
	m.Add("Supported", "chatpool-redirect")
	return m
}

// register makes a REGISTER; once challenged, with the answer to the challenge.
func (l *link) register(expires int) *sip.Message {
	_, domain, _ := strings.Cut(l.o.aor, "@")
	uri := "sip:" + domain
	m := l.request(&l.registration, "REGISTER", uri)
	m.Add("Expires", fmt.Sprint(expires))
	if l.challenge != nil {
		name := "Authorization"
		if l.proxy {
			name = "Proxy-Authorization"
		}
		m.Add(name, l.challenge.Answer(strings.TrimPrefix(l.o.aor, "sip:"), l.o.Password, "REGISTER", uri))
	}
	return m
}

// challenged takes the challenge of a 401 or 407.
func (l *link) challenged(m *sip.Message) error {
	name := "WWW-Authenticate"
	if l.proxy = m.Status == 407; l.proxy {
		name = "Proxy-Authenticate"
	}
	c, err := digest.Choose(m.All(name))
	if err != nil {
		return err
	}
	l.challenge = c
	return nil
}

// info makes an INFO of the dialog.
func (l *link) info(body []byte) *sip.Message {
	m := l.request(&l.dialog, "INFO", l.target)
	m.Add("Content-Type", "text/plain")
	m.Body = body
	return m
}
