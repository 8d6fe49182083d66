package sipedge

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What comes back for each message of RFC 4475 and RFC 5118 when its sender has not signed in: the status lines, in order.
// "" = nothing: responses to nothing that we asked are dropped, and a message that cannot be answered or that does not
// come to its end closes the connection.
var torture = map[string]string{
	"rfc4475/badaspec.dat":   "400 Malformed Header",
	"rfc4475/badbranch.dat":  "200 OK", // we look at no branch
	"rfc4475/baddate.dat":    "403 Sign In With REGISTER First",
	"rfc4475/baddn.dat":      "200 OK", // unquoted display name: nothing depends on it
	"rfc4475/badinv01.dat":   "400 Malformed Header",
	"rfc4475/badvers.dat":    "505 Version Not Supported",
	"rfc4475/bcast.dat":      "",
	"rfc4475/bext01.dat":     "420 Bad Extension",
	"rfc4475/bigcode.dat":    "",
	"rfc4475/clerr.dat":      "", // its body never ends
	"rfc4475/cparam01.dat":   "401 Unauthorized",
	"rfc4475/cparam02.dat":   "401 Unauthorized",
	"rfc4475/dblreq.dat":     "401 Unauthorized, 403 Sign In With REGISTER First",
	"rfc4475/esc01.dat":      "403 Sign In With REGISTER First",
	"rfc4475/esc02.dat":      "501 Not Implemented",
	"rfc4475/escnull.dat":    "401 Unauthorized",
	"rfc4475/escruri.dat":    "403 Sign In With REGISTER First",
	"rfc4475/insuf.dat":      "", // neither To nor From: nowhere to answer to
	"rfc4475/intmeth.dat":    "501 Not Implemented",
	"rfc4475/inv2543.dat":    "403 Sign In With REGISTER First",
	"rfc4475/invut.dat":      "403 Sign In With REGISTER First",
	"rfc4475/longreq.dat":    "403 Sign In With REGISTER First",
	"rfc4475/ltgtruri.dat":   "400 Bad Request URI",
	"rfc4475/lwsdisp.dat":    "200 OK",
	"rfc4475/lwsruri.dat":    "400 Bad Request Line",
	"rfc4475/lwsstart.dat":   "400 Bad Request Line",
	"rfc4475/mcl01.dat":      "400 Bad Request",
	"rfc4475/mismatch01.dat": "400 CSeq Does Not Match Method",
	"rfc4475/mismatch02.dat": "400 CSeq Does Not Match Method",
	"rfc4475/mpart01.dat":    "405 Method Not Allowed",
	"rfc4475/multi01.dat":    "400 Repeated Header from",
	"rfc4475/ncl.dat":        "400 Bad Request",
	"rfc4475/noreason.dat":   "",
	"rfc4475/novelsc.dat":    "416 Unsupported URI Scheme",
	"rfc4475/quotbal.dat":    "400 Malformed Header",
	"rfc4475/regaut01.dat":   "401 Unauthorized", // a scheme that we do not know
	"rfc4475/regbadct.dat":   "401 Unauthorized",
	"rfc4475/regescrt.dat":   "401 Unauthorized",
	"rfc4475/scalar02.dat":   "400 Malformed Header",
	"rfc4475/scalarlg.dat":   "",
	"rfc4475/sdp01.dat":      "403 Sign In With REGISTER First",
	"rfc4475/semiuri.dat":    "200 OK",
	"rfc4475/transports.dat": "200 OK",
	"rfc4475/trws.dat":       "400 Bad Request Line",
	"rfc4475/unkscm.dat":     "416 Unsupported URI Scheme",
	"rfc4475/unksm2.dat":     "404 Not A Domain Of This Pool",
	"rfc4475/unreason.dat":   "",
	"rfc4475/wsinv.dat":      "403 Sign In With REGISTER First",
	"rfc4475/zeromf.dat":     "200 OK", // we are where it was going

	"rfc5118/ipv4-mapped-ipv6":              "403 Sign In With REGISTER First",
	"rfc5118/ipv6-bad":                      "400 Malformed Header",
	"rfc5118/ipv6-bug-abnf-3-colons":        "200 OK", // as generously as RFC 5118 4.10 asks
	"rfc5118/ipv6-correct-abnf-2-colons":    "200 OK",
	"rfc5118/ipv6-good":                     "401 Unauthorized",
	"rfc5118/ipv6-in-sdp":                   "403 Sign In With REGISTER First",
	"rfc5118/mult-ip-in-header":             "403 Sign In With REGISTER First",
	"rfc5118/mult-ip-in-sdp":                "403 Sign In With REGISTER First",
	"rfc5118/port-ambiguous":                "401 Unauthorized",
	"rfc5118/port-unambiguous":              "401 Unauthorized",
	"rfc5118/via-received-param-no-delim":   "200 OK",
	"rfc5118/via-received-param-with-delim": "403 Sign In With REGISTER First",
}

func TestTortureMessages(t *testing.T) {
	s, err := New(Options{Domain: "example.com", Backend: &backend{}})
	if err != nil {
		t.Fatal(err)
	}
	address := listen(t, s)
	files, err := filepath.Glob("testdata/torture/rfc*/*")
	if err != nil || len(files) != len(torture) {
		t.Fatalf("%d files, %d expectations, %v", len(files), len(torture), err)
	}
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(file), "testdata/torture/")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(torture[name], strings.Join(statusLines(t, address, data), ", ")); diff != "" {
				t.Error(diff)
			}
			// the server goes on
			if got := statusLines(t, address, []byte(newPeer(t, nopConn{}, "alice").request("OPTIONS", ""))); len(got) != 1 || got[0] != "200 OK" {
				t.Errorf("after it: %q", got)
			}
		})
	}
}

type nopConn struct{ net.Conn }

func (nopConn) Close() error                { return nil }
func (nopConn) SetDeadline(time.Time) error { return nil }

// statusLines sends data and no more, and gives the status lines of what comes back.
func statusLines(t *testing.T, address string, data []byte) []string {
	t.Helper()
	p := dial(t, address, "alice")
	p.write(string(data))
	if err := p.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var out []string
	for {
		m, err := p.tryRead()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("read: %v after %q", err, out)
		}
		out = append(out, strings.TrimPrefix(m.start, "SIP/2.0 "))
	}
}
