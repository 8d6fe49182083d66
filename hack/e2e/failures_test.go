//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

// TestNothingIsLostWhen promises: whatever single thing is lost under load, every acknowledged post is in history
// exactly once and reached every reader once, in order; positions have no gaps; refused posts got 503 and their resends
// made no second copy; and posting goes on by itself.
func TestNothingIsLostWhen(t *testing.T) {
	for _, instances := range []int{2, 3} {
		t.Run(fmt.Sprintf("with %d database instances", instances), func(t *testing.T) {
			if instances == 3 {
				node(t, "up", "home-3") // an instance on each node, so that no node holds two
				t.Cleanup(func() { retire(t, "home-3") })
			}
			p := makePool(t, instances)
			defer p.remove(t)
			t.Run("a chat pod is deleted by force", func(t *testing.T) { p.loses(t, p.deleteChatPod) })
			t.Run("the database's primary is deleted by force", func(t *testing.T) { p.loses(t, p.deletePrimary) })
			t.Run("the node of the mirror is cut", func(t *testing.T) { p.loses(t, p.cutMirror) })
			t.Run("the node of the primary is cut", func(t *testing.T) { p.loses(t, p.cutPrimary) })
			if instances == 2 {
				t.Run("the database stands still for 8 s", p.databaseStandsStill)
				t.Run("the mirror's WAL receiver stands still for 10 s", p.mirrorStandsStill)
			}
		})
	}
}

// retire takes a node out of the cluster: nothing is sent to it any more, not in the moments before it is seen as gone
// either, or the next test's volumes are bound to it.
func retire(t *testing.T, name string) {
	t.Helper()
	kubectl(t, "drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=50s")
	node(t, "down", name)
	kubectl(t, "delete", "node", name)
}

// loses runs a failure in the middle of a load.
func (p *pool) loses(t *testing.T, fail func(*testing.T, *loadcheck.Run)) {
	p.awaitDatabase(t, 3*time.Minute)
	p.underLoad(t, func(load *loadcheck.Run) {
		accepts(t, load, time.Minute)
		load.Mark("%s", t.Name())
		fail(t, load)
		accepts(t, load, 2*time.Minute)
	})
	p.awaitDatabase(t, 3*time.Minute)
}

func (p *pool) deleteChatPod(t *testing.T, load *loadcheck.Run) {
	kubectl(t, "-n", p.namespace, "delete", "pod", poolName+"-chat-0", "--force", "--grace-period=0")
}

func (p *pool) deletePrimary(t *testing.T, load *loadcheck.Run) {
	pod, _ := p.primary(t)
	kubectl(t, "-n", p.namespace, "delete", "pod", pod, "--force", "--grace-period=0")
	p.awaitPrimaryOtherThan(t, pod)
}

func (p *pool) cutMirror(t *testing.T, load *loadcheck.Run) {
	_, name := p.mirror(t)
	node(t, "down", name)
	t.Cleanup(func() { p.restore(t, name) })
	if p.instances > 2 { // any other mirror will do
		accepts(t, load, time.Minute)
	}
	p.awaitGone(t, name)
	p.restore(t, name)
}

func (p *pool) cutPrimary(t *testing.T, load *loadcheck.Run) {
	pod, name := p.primary(t)
	node(t, "down", name)
	t.Cleanup(func() { p.restore(t, name) })
	p.awaitPrimaryOtherThan(t, pod)
	if p.instances > 2 { // it goes on without the node
		accepts(t, load, time.Minute)
	}
	p.restore(t, name)
}

// restore brings a node back; it does nothing when the node is there.
func (p *pool) restore(t *testing.T, name string) {
	t.Helper()
	node(t, "up", name)
	kubectl(t, "wait", "--for=condition=Ready", "node/"+name, "--timeout=50s")
}

func (p *pool) awaitGone(t *testing.T, name string) {
	t.Helper()
	d := eventually(t, time.Minute, name+" to be seen as gone", func() (bool, string) {
		state := kubectl(t, "get", "node", name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return state == "Unknown", state
	})
	t.Logf("%s is seen as gone after %v", name, d.Round(time.Second))
}

func (p *pool) awaitPrimaryOtherThan(t *testing.T, pod string) {
	t.Helper()
	d := eventually(t, 90*time.Second, "another primary than "+pod, func() (bool, string) {
		now := p.primaryName(t)
		return now != pod, now
	})
	t.Logf("another primary after %v", d.Round(100*time.Millisecond))
}

// databaseStandsStill: nothing that is not on both servers is delivered, senders get 503 within 3 s, and posts in doubt
// are settled when it goes on.
func (p *pool) databaseStandsStill(t *testing.T) {
	p.standsStill(t, 8*time.Second, func() []int {
		pod, _ := p.primary(t)
		return p.processes(t, pod, "postgres")
	})
}

func (p *pool) mirrorStandsStill(t *testing.T) {
	p.standsStill(t, 10*time.Second, func() []int {
		pod, _ := p.mirror(t)
		return p.processes(t, pod, "walreceiver")
	})
}

func (p *pool) standsStill(t *testing.T, span time.Duration, find func() []int) {
	p.awaitDatabase(t, 3*time.Minute)
	w := p.watch(t)
	p.underLoad(t, func(load *loadcheck.Run) {
		accepts(t, load, time.Minute)
		thaw := freeze(t, find())
		frozen := time.Now()
		select {
		case <-time.After(span): // the failure itself takes this long
		case <-t.Context().Done():
		}
		// What was on both servers before may still be on its way to the reader for half a second.
		if n := w.between(frozen.Add(500*time.Millisecond), time.Now()); n > 0 {
			t.Errorf("%d messages were delivered while nothing could be stored on both servers", n)
		}
		thaw()
		accepts(t, load, time.Minute)
	})
}
