// Command manager is the operator: it makes of ChatPools, Categories and Rooms what they say.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"chatpool.dev/controllers"
	"chatpool.dev/controllers/internal/naming"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	slog.SetDefault(log)
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	if err := run(os.Args[1:]); err != nil {
		log.Error("the operator ends", "err", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("manager", flag.ContinueOnError)
	config := controllers.Config{Namespace: os.Getenv("POD_NAMESPACE")}
	f.StringVar(&config.Site, "site", "default", "name of this cluster among spec.sites of pools")
	f.StringVar(&config.Image, "image", os.Getenv("CHATPOOL_IMAGE"), "image of the chat server (or CHATPOOL_IMAGE)")
	f.StringVar(&config.PostgresImage, "postgres-image", os.Getenv("CHATPOOL_POSTGRES_IMAGE"),
		"image of PostgreSQL (or CHATPOOL_POSTGRES_IMAGE); empty leaves the choice to CloudNativePG")
	f.BoolVar(&config.Failpoints, "failpoints", false, "for tests: end at the point that the annotation chatpool.dev/failpoint of a pool names")
	elect := f.Bool("leader-elect", false, "work only while holding the lease; needed with several replicas")
	metrics := f.String("metrics-bind-address", ":8080", "address of the metrics, 0 for none")
	health := f.String("health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	namespaces := f.String("namespaces", "", "namespaces to watch, separated by commas; all when empty")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if config.Image == "" {
		return errors.New("--image: say which image chat servers run, or set CHATPOOL_IMAGE")
	}
	return manage(config, *elect, *metrics, *health, strings.FieldsFunc(*namespaces, func(r rune) bool { return r == ',' || r == ' ' }))
}

func manage(config controllers.Config, elect bool, metrics, health string, namespaces []string) error {
	scheme, err := controllers.Scheme()
	if err != nil {
		return fmt.Errorf("make the scheme: %w", err)
	}
	options := ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: metrics}, HealthProbeBindAddress: health,
		LeaderElection: elect, LeaderElectionID: naming.FieldOwner, LeaderElectionReleaseOnCancel: true,
	}
	controllers.Limit(&options, namespaces)
	rest, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	rest.QPS, rest.Burst = 50, 100
	mgr, err := ctrl.NewManager(rest, options)
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := controllers.Setup(mgr, config, nil, time.Now); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}
