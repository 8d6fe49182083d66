// Package exchange is the talk of a pool's two sites: every 2 s each operator renews a counter in its own object's
// status, reads the other site's object, and asks its own database how it stands. What it finds goes into status.peer
// and status.replication, which nobody else writes, and into a View for the reconciler, which is woken when something
// changes that matters to it.
//
// A site writes its own object only. What cannot be read is unknown and never down. One goroutine at a time works on a
// pool, and every question has a deadline shorter than the beat.
package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"
	"chatpool.dev/controllers/internal/replication"
	"chatpool.dev/controllers/internal/sites"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// Beat is how often the counter is renewed.
const Beat = 2 * time.Second

// patience is how long the database may take to answer.
const patience = 1500 * time.Millisecond

// Peers reads the other site.
type Peers interface {
	Pool(ctx context.Context, own *v1alpha1.ChatPool, pair sites.Pair) (*v1alpha1.ChatPool, error)
}

// Exchange runs the talk for all pools with two sites. It runs in the operator that works, not in those that wait.
type Exchange struct {
	Client client.Client
	Peers  Peers
	Site   string
	// Metrics is where a pool's database has its metrics.
	Metrics func(*v1alpha1.ChatPool) string
	// Changed wakes the reconciler; it is buffered.
	Changed chan event.GenericEvent
	Log     *slog.Logger

	lock  sync.Mutex
	links map[types.NamespacedName]*link
}

// View is what the reconciler gets to know of the other site.
type View struct {
	// State of the other site, and why it is not Alive; "" before the first look.
	State, Why string
	// Replication as in the status; nil before the first look.
	Replication *v1alpha1.ReplicationStatus
	// PeerRole is what the other site last said that it is.
	PeerRole string
	// Behind is for how long without a break the log has been gone that this site's standby needs.
	Behind time.Duration
}

// MetricsURL is where a pool's database has its metrics in its cluster.
func MetricsURL(p *v1alpha1.ChatPool) string {
	return fmt.Sprintf("http://%s:%d/metrics", naming.MetricsHost(p), naming.PortDatabaseMetrics)
}

// View gives the newest view of a pool.
func (e *Exchange) View(key types.NamespacedName) View {
	e.lock.Lock()
	defer e.lock.Unlock()
	if l := e.links[key]; l != nil {
		return l.view
	}
	return View{}
}

// Start runs until the context ends.
func (e *Exchange) Start(ctx context.Context) error {
	tick := time.NewTicker(Beat)
	defer tick.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for {
		e.beat(ctx, &running)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// beat starts a round of each pool whose last one has ended, and forgets pools that are gone.
func (e *Exchange) beat(ctx context.Context, running *sync.WaitGroup) {
	var pools v1alpha1.ChatPoolList
	if err := e.Client.List(ctx, &pools); err != nil {
		if ctx.Err() == nil {
			e.Log.Error("list pools for the beat", "err", err)
		}
		return
	}
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.links == nil {
		e.links = map[types.NamespacedName]*link{}
	}
	live := map[types.NamespacedName]bool{}
	for i := range pools.Items {
		pool := &pools.Items[i]
		pair, err := sites.Of(pool, e.Site)
		if err != nil || !pool.HasTwoSites() || !pool.DeletionTimestamp.IsZero() {
			continue
		}
		key := client.ObjectKeyFromObject(pool)
		live[key] = true
		l := e.links[key]
		if l == nil || l.uid != pool.UID {
			l = &link{uid: pool.UID}
			e.links[key] = l
		}
		if l.busy {
			continue
		}
		l.busy = true
		running.Go(func() { e.round(ctx, l, pool, pair) })
	}
	for key, l := range e.links {
		if !live[key] && !l.busy {
			delete(e.links, key)
		}
	}
}

// round looks at everything once, then writes what it saw together with the counter.
func (e *Exchange) round(ctx context.Context, l *link, pool *v1alpha1.ChatPool, pair sites.Pair) {
	var (
		both  sync.WaitGroup
		seen  look
		begun = time.Now()
	)
	both.Go(func() { seen.peer, seen.peerErr = e.Peers.Pool(ctx, pool, pair) })
	both.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		seen.facts, seen.factsErr = replication.Read(ctx, http.DefaultClient, e.Metrics(pool))
	})
	both.Wait()
	status := l.take(pool, pair, seen, begun, time.Now())
	body, err := json.Marshal(map[string]any{"status": status})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, Beat)
		err = e.Client.Status().Patch(ctx, pool, client.RawPatch(types.MergePatchType, body))
		cancel()
	}
	if client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
		e.Log.Warn("renew the counter", "namespace", pool.Namespace, "pool", pool.Name, "err", err)
	}
	e.lock.Lock()
	defer e.lock.Unlock()
	l.busy = false
	l.view = l.next
	if l.signature != l.told {
		select {
		case e.Changed <- event.GenericEvent{Object: &v1alpha1.ChatPool{ObjectMeta: pool.ObjectMeta}}:
			l.told = l.signature
		default: // it is tried again with the next beat
		}
	}
}
