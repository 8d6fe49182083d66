package session_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/session"
	"chatpool.dev/chatserver/internal/sipedge"
	"github.com/google/go-cmp/cmp"
)

// right is a server's right to accept posts, which tests change; its seconds pass on the test's clock.
type right struct {
	mu    sync.Mutex
	now   adminapi.Activation
	since time.Time
}

func (r *right) set(a adminapi.Activation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.since = a, time.Now()
}

func (r *right) get() adminapi.Activation {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.now
	a.Seconds += time.Since(r.since).Seconds()
	return a
}

func twoSites(c *adminapi.PoolConfig) {
	c.Site = "home"
	c.Sites = []adminapi.Site{{Name: "backup", SIP: "b.test", HTTPS: "web.b.test"}, {Name: "home", SIP: "h.test:15061"}}
}

// attended runs a test in a world of two sites whose server looks after its sessions.
func attended(t *testing.T, test func(w *world, r *right)) {
	inWorld(t, func(w *world) {
		w.configure(twoSites)
		r := &right{since: time.Now()}
		w.server.Right = r.get
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { w.server.Run(ctx); close(done) }()
		test(w, r)
		cancel()
		<-done
	})
}

func (w *world) after(d time.Duration) *world {
	time.Sleep(d) // of the fake clock
	synctest.Wait()
	return w
}

var toBackup = &sipedge.Away{Target: "b.test:5061", RetryAfter: 2, Reason: "the pool is in site backup"}

func TestWhenClientsAreSentToTheOtherSite(t *testing.T) {
	for sentence, c := range map[string]struct {
		had, lost adminapi.Activation
		after     time.Duration
	}{
		"a server that starts at the standby":    {adminapi.Activation{}, adminapi.Activation{}, session.StartGrace},
		"a server that lost its right":           {adminapi.Activation{Epoch: 1}, adminapi.Activation{}, session.RedirectAfter},
		"a server whose quiesce is not reopened": {adminapi.Activation{Epoch: 1}, adminapi.Activation{Quiesced: 1}, session.QuiesceGrace},
	} {
		t.Run(sentence, func(t *testing.T) {
			attended(t, func(w *world, r *right) {
				r.set(c.had)
				alice := w.after(time.Second).phone("alice", "e1")
				r.set(c.lost)
				w.after(c.after - time.Second)
				if a := w.server.Away(); a != nil || alice.reason() != "" {
					t.Errorf("too early: %+v, %q", a, alice.reason())
				}
				bob := w.phone("bob", "e1") // people come in, and read
				w.after(time.Second + 300*time.Millisecond)
				if diff := cmp.Diff(toBackup, w.server.Away()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if alice.reason() != sipedge.Moved || bob.reason() != sipedge.Moved {
					t.Errorf("sessions: %q, %q", alice.reason(), bob.reason())
				}
				if s, ok := w.server.Elsewhere(); !ok || s.HTTPS != "web.b.test" {
					t.Errorf("elsewhere %+v, %v", s, ok)
				}
				r.set(adminapi.Activation{Epoch: 3})
				if a := w.after(time.Second).server.Away(); a != nil {
					t.Errorf("activated again: %+v", a)
				}
				if carol := w.phone("carol", "e1"); w.after(time.Minute) == nil || carol.reason() != "" {
					t.Errorf("carol was sent away: %q", carol.reason())
				}
			})
		})
	}
}

func TestAQuiesceThatIsTakenBackMovesNobody(t *testing.T) {
	attended(t, func(w *world, r *right) {
		r.set(adminapi.Activation{Epoch: 1})
		alice := w.after(time.Second).phone("alice", "e1")
		r.set(adminapi.Activation{Quiesced: 1})
		w.after(session.QuiesceGrace - time.Second)
		r.set(adminapi.Activation{Epoch: 1})
		if w.after(time.Minute); alice.reason() != "" {
			t.Errorf("moved: %q", alice.reason())
		}
	})
}

// Right after the shut of a server that had been quiesced its clients go: its seconds count from the quiesce.
func TestAQuiesceThatEndsInAShutMovesAtOnce(t *testing.T) {
	attended(t, func(w *world, r *right) {
		r.set(adminapi.Activation{Epoch: 1})
		alice := w.after(time.Second).phone("alice", "e1")
		r.set(adminapi.Activation{Quiesced: 1})
		w.after(5 * time.Second)
		r.set(adminapi.Activation{Seconds: 5})
		if w.after(300 * time.Millisecond); alice.reason() != sipedge.Moved {
			t.Errorf("not moved: %q", alice.reason())
		}
	})
}

func TestServersInServiceAndMaintenance(t *testing.T) {
	attended(t, func(w *world, r *right) {
		r.set(adminapi.Activation{Epoch: 1})
		active := func(list ...string) {
			w.configure(func(c *adminapi.PoolConfig) { c.Active = &list })
			w.after(300 * time.Millisecond)
		}
		alice := w.phone("alice", "e1")
		alice.ok(cmd("join", chanid(deskID)))
		active("home/0", "home/1")
		if w.server.Away() != nil || alice.reason() != "" {
			t.Error("a server that is listed is out of service")
		}
		active([]string{}...)
		if got := alice.do(post(deskID, "refused")); got != 503 || w.server.Away() != nil || alice.reason() != "" {
			t.Errorf("a post during maintenance: %d; the session: %q", got, alice.reason())
		}
		bob := w.phone("bob", "e1")
		bob.ok(cmd("join", chanid(deskID)))
		active("home/1", "backup/0")
		if a := w.server.Away(); a == nil || a.Target != "" || alice.reason() != sipedge.Moved || bob.reason() != sipedge.Moved {
			t.Errorf("out of service: %+v, %q, %q", a, alice.reason(), bob.reason())
		}
		if _, ok := w.server.Elsewhere(); ok {
			t.Error("the pool is here all the same")
		}
		w.configure(func(c *adminapi.PoolConfig) { c.Active = nil })
		carol := w.phone("carol", "e1")
		carol.ok(cmd("join", chanid(deskID)))
		if got := carol.do(post(deskID, "taken")); got != 200 || len(w.store.texts(deskID)) != 1 {
			t.Errorf("a post after the maintenance: %d", got)
		}
	})
}

func TestProvisioningNamesTheServersOfBothSites(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := chat.Subject{User: "sip:alice@x.test"}
		if p := w.server.Provisioning(alice); len(p.Servers) != 0 {
			t.Errorf("one site: %+v", p)
		}
		w.configure(twoSites)
		want := sipedge.Provisioning{Enabled: true, PoolURI: "sip:demo@x.test", Site: "home", Servers: []string{"h.test:15061", "b.test:5061"}}
		if diff := cmp.Diff(want, w.server.Provisioning(alice)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
