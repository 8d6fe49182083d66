package twosites

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/naming"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// engine plays CloudNativePG in one site and namespace, and what makes pods of Jobs and StatefulSets.
type engine struct {
	*site
	ns    string
	world *world
}

// token is what a demotion token says, in part.
type token struct {
	Timeline string       `json:"latestCheckpointTimelineID"`
	Redo     adminapi.LSN `json:"latestCheckpointREDOLocation"`
}

func (e *engine) run(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		// What failed is tried again: somebody else wrote the object meanwhile.
		_ = errors.Join(e.cluster(ctx), e.jobs(ctx), e.servers(ctx))
		<-tick.C
	}
}

func (e *engine) side() *side { return e.world.sides[e.name] }

// cluster makes of the Cluster what it says.
func (e *engine) cluster(ctx context.Context) error {
	u := clusterObject(e.ns)
	if err := e.Client.Get(ctx, client.ObjectKeyFromObject(u), u); err != nil {
		return client.IgnoreNotFound(err)
	}
	c, err := cnpg.Read(u)
	if err != nil {
		return err
	}
	if c.DeletionTimestamp != nil {
		return e.collect(ctx, u)
	}
	volumes, err := e.volumes(ctx)
	if err != nil {
		return err
	}
	lost := c.Status.CurrentPrimary != "" && len(volumes) == 0
	status, begun := map[string]any{"phase": "Setting up primary"}, false
	ask(e.world, func() any {
		if begun = !lost && e.turn(c); begun {
			status = e.status(c)
		}
		return nil
	})
	if begun && len(volumes) == 0 {
		if err := e.provision(ctx, u); err != nil {
			return err
		}
	}
	if lost {
		return nil
	}
	before := u.DeepCopy()
	u.Object["status"] = status
	return e.Client.Status().Patch(ctx, u, client.MergeFrom(before))
}

// turn makes the database, or has it do what the Cluster says. It tells whether there is one.
func (e *engine) turn(c *cnpg.Cluster) bool {
	s := e.side()
	r := c.Spec.Replica
	if s.db == nil {
		if s.db = e.begin(c); s.db == nil {
			return false
		}
	}
	d := s.db
	fenced := c.Annotations[cnpg.AnnotationFenced] != ""
	switch {
	case fenced:
		d.mode = stopped
		return true
	case d.mode == stopped:
		d.mode = recovering
	}
	source := ""
	if r != nil && r.Source != naming.Nobody {
		source = r.Source
	}
	switch follows := c.Follows(); {
	case follows && d.mode == open:
		e.world.demote(d, source)
	case follows:
		d.source = source
	case d.mode == recovering && e.mayOpen(d, r.PromotionToken):
		e.world.promote(d)
	}
	return true
}

// mayOpen tells whether everything that a promotion token stands for is there.
func (e *engine) mayOpen(d *database, text string) bool {
	if text == "" {
		return true
	}
	var t token
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &t) != nil {
		return false
	}
	return t.Timeline == strconv.FormatInt(d.timeline, 10) && d.end() >= t.Redo
}

// begin makes the first instance; nil: it cannot yet.
func (e *engine) begin(c *cnpg.Cluster) *database {
	b := c.Spec.Bootstrap.PGBaseBackup
	if b == nil {
		return e.world.make()
	}
	source := e.world.sides[b.Source]
	if !source.db.answers() {
		return nil
	}
	return copyOf(source.db, b.Source)
}

// status is what CloudNativePG says.
func (e *engine) status(c *cnpg.Cluster) map[string]any {
	d := e.side().db
	s := map[string]any{
		"phase": cnpg.PhaseHealthy, "instances": int64(2), "readyInstances": int64(2), "currentPrimary": "demo-db-1", "targetPrimary": "demo-db-1",
		"instancesStatus": map[string]any{"healthy": []any{"demo-db-1", "demo-db-2"}},
	}
	if c.Status.DemotionToken != "" {
		s["demotionToken"] = c.Status.DemotionToken
	}
	switch {
	case d.mode == stopped:
		s["readyInstances"], s["instancesStatus"] = int64(0), map[string]any{}
	case c.Follows() && d.demoted:
		d.demoted = false
		text, err := json.Marshal(token{strconv.FormatInt(d.timeline, 10), d.end()})
		if err != nil {
			panic(err)
		}
		s["demotionToken"] = base64.StdEncoding.EncodeToString(text)
	}
	return s
}

func (e *engine) volumes(ctx context.Context) ([]corev1.PersistentVolumeClaim, error) {
	var list corev1.PersistentVolumeClaimList
	err := e.Client.List(ctx, &list, client.InNamespace(e.ns), client.MatchingLabels{naming.LabelCNPGCluster: "demo-db"})
	return list.Items, err
}

func (e *engine) provision(ctx context.Context, owner *unstructured.Unstructured) error {
	for n := 1; n <= 2; n++ {
		v := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
			Namespace: e.ns, Name: fmt.Sprintf("demo-db-%d", n), Labels: map[string]string{naming.LabelCNPGCluster: "demo-db"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: cnpg.GroupVersion.String(), Kind: "Cluster", Name: owner.GetName(), UID: owner.GetUID()}},
		}}
		v.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		v.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
		if err := e.Client.Create(ctx, v); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// destroy loses the volumes.
func (e *engine) destroy(ctx context.Context) error {
	ask(e.world, func() any { e.side().db = nil; return nil })
	volumes, err := e.volumes(ctx)
	if err != nil {
		return err
	}
	for i := range volumes {
		if err := release(ctx, e.Client, &volumes[i]); err != nil {
			return err
		}
	}
	return nil
}

// collect is the garbage collector's part when a Cluster is deleted.
func (e *engine) collect(ctx context.Context, cluster *unstructured.Unstructured) error {
	if err := e.destroy(ctx); err != nil {
		return err
	}
	return release(ctx, e.Client, cluster)
}

// release deletes an object that waits for nobody.
func release(ctx context.Context, c client.Client, o client.Object) error {
	if len(o.GetFinalizers()) > 0 {
		o.SetFinalizers(nil)
		if err := c.Update(ctx, o); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	return client.IgnoreNotFound(c.Delete(ctx, o))
}

// jobs are migrations: they need a database that takes writes, and make the schema with its first epoch.
func (e *engine) jobs(ctx context.Context) error {
	var list batchv1.JobList
	if err := e.Client.List(ctx, &list, client.InNamespace(e.ns)); err != nil {
		return err
	}
	for i := range list.Items {
		j := &list.Items[i]
		if len(j.Status.Conditions) > 0 || !ask(e.world, e.migrate) {
			continue
		}
		before := j.DeepCopy()
		now := metav1.Now()
		j.Status.StartTime, j.Status.CompletionTime, j.Status.Succeeded = &now, &now, 1
		for _, t := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
			j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: now, LastProbeTime: now})
		}
		if err := e.Client.Status().Patch(ctx, j, client.MergeFrom(before)); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) migrate() bool {
	d := e.side().db
	if !d.writable() {
		return false
	}
	if len(d.epochs) == 0 {
		e.world.write(d, record{epoch: &adminapi.Epoch{Epoch: 1}})
	}
	return true
}

// servers are ready as soon as they are wanted and what they mount is there.
func (e *engine) servers(ctx context.Context) error {
	s := &appsv1.StatefulSet{}
	if err := e.Client.Get(ctx, client.ObjectKey{Namespace: e.ns, Name: "demo-chat"}, s); err != nil {
		return client.IgnoreNotFound(err)
	}
	if err := e.Client.Get(ctx, client.ObjectKey{Namespace: e.ns, Name: "demo-internal-tls"}, &corev1.Secret{}); err != nil {
		return client.IgnoreNotFound(err)
	}
	ask(e.world, func() any {
		for n := len(e.side().servers); n < 2; n++ {
			e.side().servers = append(e.side().servers, &chatServer{side: e.side(), name: fmt.Sprintf("demo-chat-%d", n), instance: 1})
		}
		return nil
	})
	if s.Status.ReadyReplicas == 2 && s.Status.ObservedGeneration == s.Generation {
		return nil
	}
	before := s.DeepCopy()
	s.Status = appsv1.StatefulSetStatus{
		ObservedGeneration: s.Generation, Replicas: 2, ReadyReplicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2,
		CurrentReplicas: 2, CurrentRevision: "r1", UpdateRevision: "r1",
	}
	return e.Client.Status().Patch(ctx, s, client.MergeFrom(before))
}

// database reads the Cluster of the pool; nil if there is none.
func (s *site) database(ns string) (*cnpg.Cluster, error) {
	u := clusterObject(ns)
	if err := s.Client.Get(context.Background(), client.ObjectKeyFromObject(u), u); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return cnpg.Read(u)
}

func clusterObject(ns string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(cnpg.ClusterKind)
	u.SetNamespace(ns)
	u.SetName("demo-db")
	return u
}
