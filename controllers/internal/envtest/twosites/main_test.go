package twosites

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers"
	"chatpool.dev/controllers/internal/envtest/apiserver"
	"chatpool.dev/controllers/internal/plugin"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// site is a cluster with an operator in it, and the metrics of its databases, which tests play by namespace.
type site struct {
	*apiserver.Server
	name    string
	metrics sync.Map // namespace -> text
	http    *httptest.Server
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
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for name, to := range map[string]**site{"home": &home, "backup": &backup} {
		s := &site{name: name}
		if s.Server, err = apiserver.Start("../../../.."); err != nil {
			return 1, err
		}
		defer s.Stop()
		s.http = httptest.NewServer(s)
		defer s.http.Close()
		mgr, err := s.manager()
		if err != nil {
			return 1, err
		}
		running.Go(func() {
			if err := mgr.Start(ctx); err != nil {
				fmt.Fprintln(os.Stderr, s.name, err)
			}
		})
		*to = s
	}
	code = m.Run()
	stop()
	running.Wait()
	return code, nil
}

func (s *site) manager() (ctrl.Manager, error) {
	twice := true // two managers in one process have controllers of the same names
	options := ctrl.Options{
		Scheme: s.Client.Scheme(), Metrics: server.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: &twice},
	}
	controllers.Limit(&options, nil)
	mgr, err := ctrl.NewManager(s.Operator, options)
	if err != nil {
		return nil, err
	}
	told := controllers.Config{
		Site: s.name, Image: "example.com/chatpool:1", PostgresImage: "example.com/postgres:15", Namespace: "chatpool-system",
		Metrics: func(p *v1alpha1.ChatPool) string { return s.http.URL + "/" + p.Namespace },
	}
	return mgr, controllers.Setup(mgr, told, nil, time.Now)
}

// ServeHTTP plays the metrics of the database in a namespace; what is not played does not answer.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, ok := s.metrics.Load(strings.TrimPrefix(r.URL.Path, "/"))
	if !ok {
		http.Error(w, "no such database", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprint(w, text)
}

// cluster is the site as kubectl chatpool gets to know it.
func (s *site) cluster() *plugin.Cluster {
	return &plugin.Cluster{Client: s.Client, Config: s.Config, Site: s.name}
}
