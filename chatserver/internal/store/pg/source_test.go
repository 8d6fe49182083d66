package pg

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func secret(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// certificate makes one for ca.crt.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestSettingsComeFromFiles(t *testing.T) {
	ca := certificate(t)
	type settings struct {
		Host, Database, User, Password string
		Port                           uint16
		ServerName                     string // "": not verified
	}
	for name, c := range map[string]struct {
		dir, caDir map[string]string
		source     Source
		want       settings
	}{
		"user and password from the Secret, the rest from the configuration": {
			dir:    map[string]string{"username": "chat", "password": `it's a \ secret` + "\n"},
			source: Source{Host: "pool-db-rw", Port: 5433, Database: "chat"},
			want:   settings{Host: "pool-db-rw", Port: 5433, Database: "chat", User: "chat", Password: `it's a \ secret`},
		},
		"the Secret wins": {
			dir:    map[string]string{"host": "h", "port": "6000", "dbname": "d", "username": "u"},
			source: Source{Host: "x", Port: 1, Database: "x", User: "x"},
			want:   settings{Host: "h", Port: 6000, Database: "d", User: "u"},
		},
		"a CA asks for a verified name": {
			dir: map[string]string{"username": "u"}, caDir: map[string]string{"ca.crt": ca}, source: Source{Host: "db.example"},
			want: settings{Host: "db.example", Port: 5432, User: "u", ServerName: "db.example"},
		},
		"a uri says all": {
			dir:  map[string]string{"uri": "postgresql://u:p@h:7000/d?sslmode=disable", "host": "not this", "ca.crt": ca},
			want: settings{Host: "h", Port: 7000, Database: "d", User: "u", Password: "p", ServerName: "h"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.source.Dir, c.source.CADir = secret(t, c.dir), secret(t, c.caDir)
			got, err := c.source.Config()
			if err != nil {
				t.Fatal(err)
			}
			s := settings{Host: got.Host, Port: got.Port, Database: got.Database, User: got.User, Password: got.Password}
			if got.TLSConfig != nil && got.TLSConfig.RootCAs != nil && !got.TLSConfig.InsecureSkipVerify {
				s.ServerName = got.TLSConfig.ServerName
			}
			for _, f := range got.Fallbacks {
				if s.ServerName != "" && f.TLSConfig == nil {
					t.Error("falls back to a connection without TLS")
				}
			}
			if diff := cmp.Diff(c.want, s); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWrongSettingsAreRefusedWithoutTellingSecrets(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"a uri that is none":  {"uri": "postgresql://u:hunter2@h:port/d"},
		"a port that is none": {"port": "hunter2", "host": "h"},
		"a CA that is none":   {"ca.crt": "hunter2"},
	} {
		dir := secret(t, files)
		_, err := Source{Dir: dir}.Config()
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v: want an error that names %s", name, err, dir)
		}
	}
}

func TestConnectionsNoticeADeadPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := Source{Host: "127.0.0.1"}.Config()
	if err != nil {
		t.Fatal(err)
	}
	secureDial(c, false)
	conn, err := c.DialFunc(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	if err := raw.Control(func(fd uintptr) {
		got["user timeout"], _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		got["keep alive"], _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		got["idle"], _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"user timeout": 6000, "keep alive": 1, "idle": 2}, got); diff != "" {
		t.Error(diff)
	}
}
