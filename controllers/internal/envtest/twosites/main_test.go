package twosites

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"chatpool.dev/controllers/internal/envtest/apiserver"
	"chatpool.dev/controllers/internal/plugin"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// site is a cluster. Its chat servers, of all tests, are behind one listener.
type site struct {
	*apiserver.Server
	name   string
	chat   *httptest.Server
	worlds sync.Map // namespace -> *world
}

var home, backup *site

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctrl.SetLogger(logr.Discard())
	for name, to := range map[string]**site{"home": &home, "backup": &backup} {
		s := &site{name: name}
		if s.Server, err = apiserver.Start("../../../.."); err != nil {
			return 1, err
		}
		defer s.Stop()
		s.chat = httptest.NewUnstartedServer(http.HandlerFunc(s.handler))
		s.chat.TLS = &tls.Config{GetConfigForClient: s.certificate}
		s.chat.StartTLS()
		defer s.chat.Close()
		*to = s
	}
	return m.Run(), nil
}

// other is the other site.
func (s *site) other() *site {
	if s == home {
		return backup
	}
	return home
}

// certificate serves as the chat servers of the namespace in the name that is asked for, with what the operator made for
// them.
func (s *site) certificate(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	parts := strings.Split(hello.ServerName, ".")
	if len(parts) < 2 {
		return nil, fmt.Errorf("no name of a pool: %q", hello.ServerName)
	}
	secret := &corev1.Secret{}
	if err := s.Client.Get(context.Background(), client.ObjectKey{Namespace: parts[1], Name: "demo-internal-tls"}, secret); err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(secret.Data["ca.crt"]) {
		return nil, errors.New("the Secret has no CA")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
		NextProtos: []string{"h2", "http/1.1"},
	}, nil
}

// cluster is the site as kubectl chatpool gets to know it.
func (s *site) cluster() *plugin.Cluster {
	return &plugin.Cluster{Client: s.Client, Config: s.Config, Site: s.name}
}
