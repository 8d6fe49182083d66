package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// askPatience is how long a site may take to answer, pulsePatience how long its operator to beat (it does every 2 s),
// pulseEvery how often that is looked at.
const (
	askPatience   = 5 * time.Second
	pulsePatience = 6 * time.Second
	pulseEvery    = 250 * time.Millisecond
)

// Pulse tells whether a site's operator lives.
type Pulse string

// The pulses of an operator.
const (
	PulseUnknown Pulse = ""       // it was not looked at, or cannot be
	Beats        Pulse = "beats"  // its counter was seen to change
	Still        Pulse = "silent" // its counter was not
)

// Seen is a site as one cluster says that it is, or why that is not known.
type Seen struct {
	// Name of the site, and which side of the pool it is.
	Name string
	Side failover.Side
	// Cluster is nil when no way to it was given.
	Cluster *Cluster
	// Pool is nil when the cluster did not answer, or was not asked.
	Pool  *v1alpha1.ChatPool
	Err   error
	Pulse Pulse
}

// Answers tells whether the cluster answered. No answer says nothing about the site itself.
func (s Seen) Answers() bool { return s.Pool != nil }

// View is what is seen of a pool with two sites, home first; a pool with one site is in Home alone.
type View struct {
	Namespace, Pool string
	Home, Backup    Seen
	Single          bool
}

// Of is the site on a side.
func (v View) Of(s failover.Side) Seen {
	if s == failover.Backup {
		return v.Backup
	}
	return v.Home
}

func (v View) sites() []Seen {
	if v.Single {
		return []Seen{v.Home}
	}
	return []Seen{v.Home, v.Backup}
}

// object is how a ChatPool is called in messages.
func (v View) object() string { return "ChatPool " + v.Namespace + "/" + v.Pool }

// Look asks clusters about a pool, all at the same time; for a pulse of 0 it does not wait for the operators' beats.
func Look(ctx context.Context, clusters []*Cluster, key client.ObjectKey, pulse time.Duration) (View, error) {
	seen := make([]Seen, len(clusters))
	var wg sync.WaitGroup
	for i, c := range clusters {
		wg.Go(func() { seen[i] = ask(ctx, c, key, pulse) })
	}
	wg.Wait()
	return arrange(key, seen)
}

func ask(ctx context.Context, c *Cluster, key client.ObjectKey, pulse time.Duration) Seen {
	pool := &v1alpha1.ChatPool{}
	quick, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	if err := c.Get(quick, key, pool); err != nil {
		return Seen{Cluster: c, Err: err}
	}
	s := Seen{Cluster: c, Pool: pool}
	if pulse > 0 {
		s.Pulse = feel(ctx, c, pool, pulse)
	}
	return s
}

// feel waits for the operator's counter to change.
func feel(ctx context.Context, c *Cluster, pool *v1alpha1.ChatPool, patience time.Duration) Pulse {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	first := ""
	for {
		l := &coordinationv1.Lease{}
		err := c.Get(ctx, naming.Key(pool, naming.SiteLease(pool)), l)
		beat := l.Annotations[naming.AnnotationBeat]
		switch {
		case ctx.Err() != nil && first != "":
			return Still
		case err != nil || beat == "":
			return PulseUnknown
		case first == "":
			first = beat
		case beat != first:
			return Beats
		}
		select {
		case <-ctx.Done():
			return Still
		case <-tick.C:
		}
	}
}

// arrange finds out which site each cluster is. A cluster that does not answer is the site that is left.
func arrange(key client.ObjectKey, seen []Seen) (View, error) {
	v := View{Namespace: key.Namespace, Pool: key.Name}
	i := slices.IndexFunc(seen, Seen.Answers)
	if i < 0 {
		return v, nobodyAnswers(v, seen)
	}
	pool := seen[i].Pool
	if !pool.HasTwoSites() {
		v.Single, v.Home = true, seen[i]
		v.Home.Name, v.Home.Side = orWord(nameOf(seen[i]), "this cluster"), failover.Home
		return v, nil
	}
	v.Home = Seen{Name: primary(pool), Side: failover.Home}
	v.Backup = Seen{Name: backup(pool), Side: failover.Backup}
	left := &v.Backup
	for _, s := range slices.SortedStableFunc(slices.Values(seen), answersFirst) {
		name := nameOf(s)
		if name == "" && !s.Answers() && len(seen) > 1 {
			name = left.Name
		}
		place, err := v.place(name, s)
		if err != nil {
			return v, err
		}
		s.Name, s.Side = place.Name, place.Side
		*place = s
		if left = &v.Home; place == &v.Home {
			left = &v.Backup
		}
	}
	return v, nil
}

// place is where a cluster belongs, by its name.
func (v *View) place(name string, s Seen) (*Seen, error) {
	var to *Seen
	switch {
	case name == "":
		return nil, fmt.Errorf("the operator has not looked at %s yet, so it is not known which site the cluster is: say --site and --peer-site, or see whether the operator runs: kubectl -n chatpool-system get pods", v.object())
	case name == v.Home.Name:
		to = &v.Home
	case name == v.Backup.Name:
		to = &v.Backup
	default:
		return nil, fmt.Errorf("spec.sites of %s has %s and %s, not %q: correct --site or --peer-site, or the operator's --site", v.object(), v.Home.Name, v.Backup.Name, name)
	}
	if s.Answers() && s.Pool.Status.Site != "" && s.Pool.Status.Site != name {
		return nil, fmt.Errorf("the cluster %s is site %s, as its operator says, not %s: correct --context or --site", s.Cluster.where(), s.Pool.Status.Site, name)
	}
	if to.Cluster != nil {
		return nil, fmt.Errorf("both clusters are site %s: the same one was given twice, correct --context or --peer-context", name)
	}
	return to, nil
}

func answersFirst(a, b Seen) int {
	switch {
	case a.Answers() == b.Answers():
		return 0
	case a.Answers():
		return -1
	}
	return 1
}

func nobodyAnswers(v View, seen []Seen) error {
	errs := make([]error, 0, len(seen))
	for _, s := range seen {
		if apierrors.IsNotFound(s.Err) {
			errs = append(errs, fmt.Errorf("%s is not in the cluster %s: correct -n or the name", v.object(), s.Cluster.where()))
			continue
		}
		errs = append(errs, fmt.Errorf("the cluster %s does not answer: %w", s.Cluster.where(), s.Err))
	}
	return errors.Join(errs...)
}

// where names the cluster for people.
func (c *Cluster) where() string {
	if c.Context != "" {
		return c.Context
	}
	if c.Config != nil {
		return c.Config.Host
	}
	return "of the current context"
}

func nameOf(s Seen) string {
	if s.Cluster.Site != "" || !s.Answers() {
		return s.Cluster.Site
	}
	return s.Pool.Status.Site
}

// primary and backup are the names of a pool's two sites.
func primary(p *v1alpha1.ChatPool) string { return withRole(p, v1alpha1.SitePrimary) }
func backup(p *v1alpha1.ChatPool) string  { return withRole(p, v1alpha1.SiteBackup) }

func withRole(p *v1alpha1.ChatPool, r v1alpha1.SiteRole) string {
	for _, s := range p.Spec.Sites {
		if s.Role == r {
			return s.Name
		}
	}
	return ""
}

// failoverOf and peerOf read a status that may not be written yet.
func failoverOf(s Seen) v1alpha1.FailoverStatus {
	if !s.Answers() || s.Pool.Status.Failover == nil {
		return v1alpha1.FailoverStatus{}
	}
	return *s.Pool.Status.Failover
}

func peerOf(s Seen) v1alpha1.PeerStatus {
	if !s.Answers() || s.Pool.Status.Peer == nil {
		return v1alpha1.PeerStatus{}
	}
	return *s.Pool.Status.Peer
}

// moving is what a site is in the middle of; nil: nothing.
func moving(s Seen) *v1alpha1.TransitionStatus {
	if !s.Answers() || s.Pool.Status.Transition == nil || s.Pool.Status.Transition.Step == stepCompleted {
		return nil
	}
	return s.Pool.Status.Transition
}

// stepCompleted ends a transition that is shown for a while after its end.
const stepCompleted = "Completed"

// wants is the side on which a site's manifest wants the pool.
func wants(s Seen) failover.Side { return failover.PoolState(s.Pool.Spec.PoolState).Wants() }

func number(n int64) string { return strconv.FormatInt(n, 10) }

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}
