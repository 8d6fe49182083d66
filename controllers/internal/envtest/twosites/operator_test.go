package twosites

import (
	"context"
	"runtime"
	"sync"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/poolapi"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// operator is the operator of a site, for the namespace of one test. It can be ended at any point and started anew.
type operator struct {
	*site
	cast *cast

	lock  sync.Mutex
	end   context.CancelFunc // nil: it does not run
	ended chan struct{}
}

// start starts a new process, as far as there is one.
func (o *operator) start() {
	o.lock.Lock()
	defer o.lock.Unlock()
	if o.end != nil {
		return
	}
	mgr, err := o.manager()
	if err != nil {
		o.cast.fault("make the operator of %s: %v", o.name, err)
		return
	}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	o.end, o.ended = end, ended
	go func() {
		defer close(ended)
		_ = mgr.Start(ctx) // ended in the middle of things it complains
	}()
}

// stop ends it, and waits until nothing of it runs but what stands at a point.
func (o *operator) stop() {
	o.lock.Lock()
	defer o.lock.Unlock()
	if o.end == nil {
		return
	}
	o.end()
	<-o.ended
	o.end = nil
}

func (o *operator) manager() (ctrl.Manager, error) {
	several := true // managers in one process have controllers of the same names
	at := time.Millisecond
	options := ctrl.Options{
		Scheme: o.Client.Scheme(), Metrics: server.Options{BindAddress: "0"}, Controller: config.Controller{SkipNameValidation: &several},
		GracefulShutdownTimeout: &at,
	}
	controllers.Limit(&options, []string{o.cast.ns})
	mgr, err := ctrl.NewManager(o.Operator, options)
	if err != nil {
		return nil, err
	}
	told := controllers.Config{
		Site: o.name, Image: "example.com/chatpool:1", PostgresImage: "example.com/postgres:15", Namespace: "chatpool-system",
		Limits: o.cast.limits, Killed: o.at,
	}
	pools := &poolapi.Connector{Reader: mgr.GetClient(), Now: time.Now, URLs: o.urls}
	return mgr, controllers.Setup(mgr, told, pools, time.Now)
}

// urls are where the site's chat servers are.
func (o *operator) urls(p *v1alpha1.ChatPool) map[string]string {
	return ask(o.cast.world, func() map[string]string {
		out := map[string]string{}
		for _, v := range o.cast.world.sides[o.name].servers {
			out[v.name] = o.chat.URL + "/" + p.Namespace + "/" + v.name
		}
		return out
	})
}

// at is where the operator passes a point. Where the test wants it to end, nothing after the point is done, and another
// process begins.
func (o *operator) at(point string) {
	who := o.cast.killed(o.name, point)
	if len(who) == 0 {
		return
	}
	go func() {
		for _, k := range who {
			k.stop()
		}
		for _, k := range who {
			k.start()
		}
	}()
	<-o.cast.over
	runtime.Goexit()
}

// quick are limits for tests of silence. A counter rises every two seconds.
func quick() failover.Limits {
	l := failover.DefaultLimits()
	l.PeerSilence, l.DatabaseSilence, l.StepLimit, l.RetryAfter = 8*time.Second, 6*time.Second, 15*time.Second, time.Minute
	return l
}
