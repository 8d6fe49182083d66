package twosites

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lease reads the counter of a site's operator.
func (s *site) lease(p *v1alpha1.ChatPool) (int64, error) {
	l := &coordinationv1.Lease{}
	if err := s.Client.Get(context.Background(), naming.Key(p, naming.SiteLease(p)), l); err != nil {
		return 0, err
	}
	return strconv.ParseInt(l.Annotations[naming.AnnotationBeat], 10, 64)
}

// story is what people see who watch a site's ChatPool.
type story struct {
	lock   sync.Mutex
	writes int
	lines  []string // what changed: role, epoch, kind and step
}

// watch tells the story of a site from now on. An epoch that falls is a fault.
func (c *cast) watch(s *site) *story {
	c.t.Helper()
	live, err := client.NewWithWatch(s.Config, client.Options{Scheme: s.Client.Scheme()})
	if err != nil {
		c.t.Fatal(err)
	}
	var list v1alpha1.ChatPoolList
	if err := live.List(c.t.Context(), &list, client.InNamespace(c.ns)); err != nil {
		c.t.Fatal(err)
	}
	w, err := live.Watch(c.t.Context(), &v1alpha1.ChatPoolList{}, client.InNamespace(c.ns), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		c.t.Fatal(err)
	}
	out := &story{}
	go func() {
		epoch := int64(0)
		for e := range w.ResultChan() {
			p, ok := e.Object.(*v1alpha1.ChatPool)
			if !ok {
				continue
			}
			if p.Status.Epoch < epoch {
				c.fault("%s: the epoch fell from %d to %d", s.name, epoch, p.Status.Epoch)
			}
			epoch = p.Status.Epoch
			out.add(p)
		}
	}()
	c.t.Cleanup(w.Stop)
	return out
}

func (s *story) add(p *v1alpha1.ChatPool) {
	line := fmt.Sprintf("%s %d", p.Status.Role, p.Status.Epoch)
	if t := p.Status.Transition; t != nil {
		line += " " + t.Kind + "/" + t.Step
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.writes++
	if len(s.lines) == 0 || s.lines[len(s.lines)-1] != line {
		s.lines = append(s.lines, line)
	}
}

func (s *story) count() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.writes
}

// tells wants lines to have come in this order; others may be between them.
func (s *story) tells(t *testing.T, who string, want ...string) {
	t.Helper()
	s.lock.Lock()
	defer s.lock.Unlock()
	rest := s.lines
	for _, line := range want {
		i := slices.Index(rest, line)
		if i < 0 {
			t.Errorf("%s does not tell %q where it should, but %q", who, line, s.lines)
			return
		}
		rest = rest[i+1:]
	}
}
