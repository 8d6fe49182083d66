package moves

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// own is what was read of this site.
type own struct {
	cluster *cnpg.Cluster
	volumes int // of the database
	pods    map[string]*adminapi.Client
	// unreached: the servers cannot be asked at all, such as without the operator's certificate. Nothing is known of them.
	unreached bool
	said      map[string]adminapi.DatabaseState // by pod; those that answered
	heardAt   time.Time                         // when they had
	facts     *adminapi.DatabaseFacts           // of one of them
	address   *corev1.Service                   // clients' Service
}

// askTime is how long a chat server may take to answer: it knows that its database is silent after adminapi.DatabaseTime.
const askTime = adminapi.DatabaseTime + 500*time.Millisecond

// gatherOwn reads this site's database and servers.
func (r *round) gatherOwn(ctx context.Context) error {
	s := &r.seen.own
	var (
		all  sync.WaitGroup
		errs [3]error
	)
	for i, read := range []func(context.Context) error{r.readCluster, r.readVolumes, r.readAddress} {
		all.Go(func() { errs[i] = read(ctx) })
	}
	r.findServers(ctx)
	r.askServers(ctx)
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	r.observed.Servers = s.servers()
	r.observed.Address = s.address != nil && s.address.Annotations[naming.AnnotationActiveSite] == r.pair.Self.Name
	db := s.database()
	now := time.Now()
	if db.Known {
		r.memory.databaseAt, r.memory.database = now, db
	} else {
		db = r.demoted(db)
	}
	db.SilentFor = now.Sub(r.memory.databaseAt)
	r.observed.Database = db
	return nil
}

// findServers finds the chat servers. Without them the round goes on: an operator that did not beat would be taken for dead.
func (r *round) findServers(ctx context.Context) {
	s := &r.seen.own
	var err error
	if s.pods, err = r.Servers.Each(ctx, r.pool); err != nil {
		s.unreached = true
		r.Log.Warn("the chat servers cannot be asked", "namespace", r.pool.Namespace, "pool", r.pool.Name, "err", err)
	}
}

func (r *round) readCluster(ctx context.Context) error {
	s := &r.seen.own
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	err := r.Live.Get(ctx, naming.Key(r.pool, naming.Cluster(r.pool)), u)
	switch {
	case err == nil:
		if s.cluster, err = cnpg.Read(u); err != nil {
			return err
		}
	case !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err):
		return fmt.Errorf("read the Cluster: %w", err)
	}
	return nil
}

// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=list

func (r *round) readVolumes(ctx context.Context) error {
	volumes := &metav1.PartialObjectMetadataList{}
	volumes.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaimList"))
	if err := r.Live.List(ctx, volumes, client.InNamespace(r.pool.Namespace), client.MatchingLabels{naming.LabelCNPGCluster: naming.Cluster(r.pool)}); err != nil {
		return fmt.Errorf("list volumes: %w", err)
	}
	for _, v := range volumes.Items {
		if v.DeletionTimestamp == nil {
			r.seen.own.volumes++
		}
	}
	return nil
}

// askServers asks all servers at once.
func (r *round) askServers(ctx context.Context) {
	s := &r.seen.own
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var (
		lock sync.Mutex
		all  sync.WaitGroup
	)
	s.said = map[string]adminapi.DatabaseState{}
	mute := r.memory.mute
	for name, c := range s.pods {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience(mute[name]))
			defer cancel()
			d, err := c.Database(ctx)
			if err != nil {
				return // unknown, never down
			}
			lock.Lock()
			defer lock.Unlock()
			s.said[name] = d
			if d.Facts != nil && (s.facts == nil || s.facts.InRecovery && !d.Facts.InRecovery) {
				s.facts = d.Facts
			}
		})
	}
	all.Wait()
	s.heardAt = time.Now()
	r.memory.mute = map[string]bool{}
	for name := range s.pods {
		_, answered := s.said[name]
		r.memory.mute[name] = !answered
	}
}

// patience is how long a server is waited for. One that was mute is not waited for long again: it may be on a node that
// is gone, and everything would wait with it.
func patience(mute bool) time.Duration {
	if mute {
		return askTime / 4
	}
	return askTime
}

func (r *round) readAddress(ctx context.Context) error {
	s := &corev1.Service{}
	err := r.Live.Get(ctx, naming.Key(r.pool, naming.PublicService(r.pool)), s)
	if err == nil {
		r.seen.own.address = s
	}
	return ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if meta.IsNoMatchError(err) {
		return nil
	}
	return client.IgnoreNotFound(err)
}

// servers sums up what the servers say. One that does not answer is unseen: as long as the database could take its posts,
// nobody may be told that all are shut.
func (s *own) servers() failover.Servers {
	if s.unreached {
		return failover.Servers{}
	}
	out := failover.Servers{Known: len(s.said) > 0 || len(s.pods) == 0}
	quiesced := int64(0)
	for _, d := range s.said {
		out.Epoch = max(out.Epoch, d.Activation.Epoch)
		quiesced = max(quiesced, d.Activation.Quiesced)
	}
	if out.Epoch == 0 && quiesced > 0 {
		out.Epoch, out.Quiesced, out.Drained = quiesced, true, true
	}
	out.Partly = !out.Quiesced && quiesced > 0 && quiesced == out.Epoch
	out.Unseen = len(s.said) < len(s.pods) && !s.barred()
	return out
}

// barred tells whether the database itself takes no posts, whoever asks.
func (s *own) barred() bool {
	f := s.facts
	return f != nil && (f.InRecovery || len(f.Epochs) > 0 && f.ClosedEpoch >= f.Epochs[0].Epoch)
}

func (s *own) followedBy(site string) bool {
	if s.facts == nil || s.facts.InRecovery {
		return false
	}
	return slices.ContainsFunc(s.facts.Followers, func(f adminapi.Follower) bool {
		return f.Name == site && f.State != nil && *f.State == "streaming"
	})
}

// database makes the observation of this site's database. Without its answer it is known only when it is not there.
func (s *own) database() failover.Database {
	c, f := s.cluster, s.facts
	d := failover.Database{Fenced: c != nil && c.Annotations[naming.AnnotationFenced] != ""}
	switch {
	case f == nil && s.volumes == 0 && (c == nil || c.Status.CurrentPrimary != "" || c.Spec.Bootstrap.PGBaseBackup == nil && c.Status.Instances == 0):
		// Nothing is there, or all volumes of what was there are gone.
		d.Known, d.Data = true, failover.DataEmpty
		return d
	case f == nil && c != nil && c.Spec.Bootstrap.PGBaseBackup != nil && c.Status.CurrentPrimary == "":
		d.Known, d.Data = true, failover.DataPartial
		return d
	case f == nil || c == nil:
		return d
	}
	d.Known, d.Data, d.Beat = true, failover.DataPresent, f.Beat
	d.Mode = modeOf(c, f)
	d.Closing, d.Opening = d.Mode == failover.Open && c.Follows(), d.Mode != failover.Open && !c.Follows()
	d.Strayed = c.Annotations[naming.AnnotationStrayed] != ""
	d.Rewind = failover.RewindFailed // a copy is always safe; rewinding comes with salvage
	if f.SystemIdentifier != nil {
		d.System, _ = strconv.ParseUint(*f.SystemIdentifier, 10, 64)
	}
	if f.Timeline != nil {
		d.Timeline = *f.Timeline
	}
	place(&d, f)
	if f.OldestLSN != nil {
		d.Oldest = int64(*f.OldestLSN)
	}
	for _, e := range slices.Backward(f.Epochs) {
		row := failover.Epoch{Number: e.Epoch, ForkBeat: e.ForkBeat}
		if e.Fork != nil {
			row.ForkTimeline, row.ForkLSN = e.Fork.Timeline, int64(e.Fork.LSN)
		}
		d.Epochs = append(d.Epochs, row)
	}
	for _, t := range f.Salvaged {
		d.Salvaged = append(d.Salvaged, failover.Tail{Epoch: t.Epoch, Timeline: t.Timeline, LSN: int64(t.LSN)})
	}
	if len(d.Epochs) == 0 {
		d.Known = false // it is being made: its schema is not there yet
	}
	d.Mirror = c.Mirrors() > 0
	d.Streaming = d.Mode == failover.Following && f.Receiver != nil && f.Receiver.Status == "streaming"
	d.Token = readToken(c.Status.DemotionToken).Token
	return d
}

func modeOf(c *cnpg.Cluster, f *adminapi.DatabaseFacts) failover.Mode {
	switch {
	case !f.InRecovery:
		return failover.Open
	case c.Spec.Replica != nil && c.Spec.Replica.Source == naming.Nobody && c.Follows():
		return failover.Isolated
	}
	return failover.Following
}

// place is where its log ends.
func place(d *failover.Database, f *adminapi.DatabaseFacts) {
	for _, l := range []*adminapi.LSN{f.CurrentLSN, f.ReceivedLSN, f.ReplayedLSN} {
		if l != nil {
			d.LSN = max(d.LSN, int64(*l))
		}
	}
	d.Applied = f.InRecovery && f.ReplayedLSN != nil && int64(*f.ReplayedLSN) >= d.LSN
}

// behindFor is how long a follower must be without a log that its source still keeps, before it is copied anew.
const behindFor = 10 * time.Second

// judgeLog finds out whether the source still keeps what this follower needs next.
func (r *round) judgeLog() {
	d, source := &r.observed.Database, r.observed.Peer.Database
	m := r.memory
	if !d.Known || d.Mode != failover.Following || d.Streaming || !source.Known || source.Mode != failover.Open || source.Oldest == 0 || d.LSN >= source.Oldest {
		m.behindAt = time.Time{}
		return
	}
	if m.behindAt.IsZero() {
		m.behindAt = time.Now()
	}
	d.Unfollowable = time.Since(m.behindAt) > behindFor
}
