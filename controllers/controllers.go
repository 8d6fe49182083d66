package controllers

import (
	"fmt"
	"log/slog"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/category"
	"chatpool.dev/controllers/internal/chatpool"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/moves"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/peer"
	"chatpool.dev/controllers/internal/poolapi"
	"chatpool.dev/controllers/internal/room"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// Config is what the operator is told: see chatpool.Config.
type Config = chatpool.Config

// Scheme knows Kubernetes' kinds and ours.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	if err := clientscheme.AddToScheme(s); err != nil {
		return nil, err
	}
	return s, v1alpha1.AddToScheme(s)
}

// Limit fits a manager's options to the operator's rights: of children it caches those that carry its label, Secrets,
// Leases and EndpointSlices it reads one by one, and namespaces (none: all) bound everything.
func Limit(o *ctrl.Options, namespaces []string) {
	o.Cache.ByObject = map[client.Object]cache.ByObject{}
	ours := labels.SelectorFromSet(labels.Set{naming.LabelManagedBy: naming.FieldOwner})
	for _, kind := range chatpool.Watched() {
		o.Cache.ByObject[kind] = cache.ByObject{Label: ours}
	}
	for _, n := range namespaces {
		if o.Cache.DefaultNamespaces == nil {
			o.Cache.DefaultNamespaces = map[string]cache.Config{}
		}
		o.Cache.DefaultNamespaces[n] = cache.Config{}
	}
	o.Client.Cache = &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &coordinationv1.Lease{}, &discoveryv1.EndpointSlice{}}}
}

// Setup builds every controller. pools connects with the admin APIs; nil means over their Services.
func Setup(mgr ctrl.Manager, config Config, pools *poolapi.Connector, now func() time.Time) error {
	c, events := mgr.GetClient(), mgr.GetEventRecorder(naming.FieldOwner)
	if pools == nil {
		pools = &poolapi.Connector{Reader: c, Now: now}
	}
	if pools.Live == nil {
		pools.Live = mgr.GetAPIReader()
	}
	if config.Limits == (failover.Limits{}) {
		config.Limits = failover.DefaultLimits()
	}
	peers := &peer.Connector{Reader: c, Scheme: mgr.GetScheme()}
	moving := &moves.Controller{
		Client: c, Live: mgr.GetAPIReader(), Site: config.Site, Image: config.PostgresImage, Peers: peers, Witness: peers, Servers: pools, Events: events,
		Changed: make(chan event.GenericEvent, 64), Limits: config.Limits, Log: slog.Default(), Killed: config.Killed, Failpoints: config.Failpoints,
	}
	for name, setup := range map[string]func(ctrl.Manager) error{
		"ChatPool": (&chatpool.Reconciler{
			Client: c, Config: config, Events: events, Now: now, Peers: peers, Woken: moving.Changed,
		}).Setup,
		"ChatPools' sites": moving.Setup,
		"Category":         func(mgr ctrl.Manager) error { return category.Setup(mgr, pools, events) },
		"Room":             func(mgr ctrl.Manager) error { return room.Setup(mgr, pools, events) },
	} {
		if err := setup(mgr); err != nil {
			return fmt.Errorf("set up the controller of %s: %w", name, err)
		}
	}
	return nil
}
