package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/sip"
)

// ErrClosed is in the errors of everything that is asked of a client after Close, Abort or a final Disconnected.
var ErrClosed = errors.New("the client is closed")

// errHandshake is the server's silence when TLS begins: a port without TLS waits for more, and so does the client.
var errHandshake = errors.New("the server does not answer the TLS handshake")

// explain turns what went wrong at sign-in into an error that says what to do. Kinds other than Unavailable are final.
func explain(o *Options, server string, err error) error {
	var told *chat.Error
	if errors.As(err, &told) {
		return &chat.Error{Kind: told.Kind, Text: server + ": " + told.Error(), Err: err}
	}
	kind, text := diagnose(o, err)
	return &chat.Error{Kind: kind, Text: server + ": " + text, Err: err}
}

func diagnose(o *Options, err error) (chat.Kind, string) {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		dns     *net.DNSError
		network net.Error
	)
	switch {
	case errors.As(err, &unknown):
		return chat.Invalid, "the server's certificate is signed by an authority that is not trusted here: give the pool's CA with -ca FILE"
	case errors.As(err, &name):
		return chat.Invalid, fmt.Sprintf("the server's certificate is for %s, not for %s: give the right name with -server-name", certificateNames(name.Certificate), name.Host)
	case errors.As(err, &invalid):
		return chat.Invalid, "the server's certificate is not valid: " + invalid.Error()
	case errors.As(err, &record):
		return chat.Invalid, "the server does not speak TLS on this port: use its TLS port (5061), or -tcp if it is a trial without TLS"
	case errors.Is(err, errHandshake):
		return chat.Unavailable, err.Error() + "; if this port is without TLS (trials only), give -tcp"
	case errors.As(err, &dns):
		return chat.Unavailable, fmt.Sprintf("no address found for %q: check the server's name", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return chat.Unavailable, "nothing listens there (connection refused): check host and port"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return chat.Unavailable, "no sign-in within the time given"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return chat.Unavailable, "the server does not answer"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		if o.PlainTCP {
			return chat.Unavailable, "the server closed the connection at sign-in; if this port wants TLS, leave out -tcp"
		}
		return chat.Unavailable, "the server closed the connection at sign-in; if this port is without TLS (trials only), give -tcp"
	case errors.Is(err, sip.ErrMalformed):
		if o.PlainTCP {
			return chat.Unavailable, "the server does not speak SIP on this port; if it wants TLS, leave out -tcp"
		}
		return chat.Unavailable, "the server does not speak SIP on this port: " + err.Error()
	}
	return chat.Unavailable, err.Error()
}

func certificateNames(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}

// refused makes the error of a final response that is not 200.
func refused(what string, m *sip.Message) error {
	text := m.Reason
	if d := diagnostics(m); d != "" {
		text = d
	}
	e := &chat.Error{Kind: kindOfStatus(m.Status), Text: fmt.Sprintf("%s: %d %s", what, m.Status, text)}
	switch m.Status {
	case 301, 302:
		e.Err = &turned{target: target(m), after: retryAfter(m)}
	case 480, 503:
		e.Err = &turned{after: retryAfter(m)}
	}
	return e
}

// diagnostics is the reason in the header ms-diagnostics (MS-OCER), or "".
func diagnostics(m *sip.Message) string {
	d := m.Get("Ms-Diagnostics")
	_, rest, ok := strings.Cut(d, `reason="`)
	if !ok {
		return ""
	}
	reason, _, _ := strings.Cut(rest, `"`)
	return reason
}

// kindOfStatus says what a SIP status, or an XCCOS response code, which has the same numbers, means for the asker.
func kindOfStatus(status int) chat.Kind {
	switch status {
	case 400, 405, 406, 415, 420, 484, 488, 501, 505:
		return chat.Invalid
	case 401, 403, 407, 603:
		return chat.Denied
	case 404, 410, 604:
		return chat.NotFound
	case 409:
		return chat.Conflict
	case 413, 513:
		return chat.TooLarge
	}
	return chat.Unavailable
}
