package server_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/internal/store/pgtest"
	"chatpool.dev/chatserver/loadcheck"
	"github.com/google/go-cmp/cmp"
)

// at gives the same pool at another site: other servers with the same certificates and, in place of a copy, the same database.
func (p *pool) at(site string) *pool {
	q := &pool{t: p.t, dir: p.t.TempDir(), config: p.config, ca: p.ca, caKey: p.caKey, operator: p.operator}
	q.config.Site = site
	q.saveConfig()
	return q
}

// introduce tells the servers of both sites where each site is reached.
func introduce(home, backup *pool, h, b *pod) {
	sites := []adminapi.Site{{Name: "home", SIP: h.SIPS, HTTPS: "home.test"}, {Name: "backup", SIP: b.SIPS, HTTPS: "backup.test:8443"}}
	home.config.Sites, backup.config.Sites = sites, sites
	home.saveConfig()
	backup.saveConfig()
}

// front asks for the page at / and gives its status and where it points.
func (p *pool) front(ctx context.Context, one *pod) string {
	p.t.Helper()
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer c.CloseIdleConnections()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+one.HTTP+"/", nil)
	p.check(err)
	r, err := c.Do(q)
	p.check(err)
	r.Body.Close()
	return fmt.Sprint(r.StatusCode, " ", r.Header.Get("Location"))
}

// move ends an epoch where it is, and opens the next one on the other site's servers, as the two operators do; meanwhile the
// database may take its time.
func move(epoch int64, from, to *pool, old, new []*pod, meanwhile func()) {
	_, err := from.admin(old[0]).Quiesce(from.context(), epoch)
	from.check(err)
	for _, one := range old { // granted: it is not coming back
		_, err := from.admin(one).Deactivate(from.context())
		from.check(err)
	}
	meanwhile()
	to.record(new[0], adminapi.Recording{Epoch: epoch + 1, Site: to.config.Site})
	for _, one := range new {
		to.open(one, adminapi.Opening{Epoch: epoch + 1})
	}
}

func TestAPoolMovesToItsOtherSiteAndBackUnderLoad(t *testing.T) {
	t.Parallel()
	home := newGatedPool(t, pgtest.Database(t))
	backup := home.at("backup")
	h := []*pod{home.startPod("home-0"), home.startPod("home-1")}
	b := []*pod{backup.startPod("backup-0"), backup.startPod("backup-1")}
	introduce(home, backup, h[0], b[0])
	home.open(h[0], adminapi.Opening{Epoch: 1})
	home.awaitActive(h[1], 1)
	home.openDesk(h[0])
	home.await("the standby sends people home", func(ctx context.Context) bool {
		return home.front(ctx, b[1]) == "307 https://home.test/"
	})
	if got := home.front(home.context(), h[1]); got != "404 " {
		t.Errorf("/ where the pool is: %s", got)
	}
	alice := home.dial("alice", b[1]) // knows of one server, where the pool is not
	if s, err := alice.ServerInfo(home.context()); err != nil || s.Address != h[0].SIPS {
		t.Errorf("alice is at %+v, %v", s, err)
	}

	var users []loadcheck.User
	for _, u := range home.config.Directory.Users {
		users = append(users, loadcheck.User{Address: u.Name + "@" + domain, Password: password})
	}
	run, err := loadcheck.Start(home.context(), loadcheck.Config{
		Servers: []string{h[0].SIPS, h[1].SIPS, b[0].SIPS}, RootCAs: home.roots(), Rooms: []string{"Desk"}, Users: users[:2], Checker: users[2],
		Writers: 6, Rate: 60, Stayers: 2, Returners: 2, Stay: 2 * time.Second, Away: 500 * time.Millisecond, Logf: t.Logf,
		MaxPause: 10 * time.Second,
	})
	home.check(err)
	reached := func(n int) {
		home.await(fmt.Sprint(n, " posts are accepted"), func(context.Context) bool { return run.Progress().Accepted >= n })
	}
	reached(100)
	run.Mark("to the backup")
	move(1, home, backup, h, b, func() {
		home.await("clients go from site to site", func(context.Context) bool { return run.Progress().Losses >= 6 })
	})
	reached(run.Progress().Accepted + 100)
	run.Mark("back home")
	move(2, backup, home, b, h, func() {})
	reached(run.Progress().Accepted + 100)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := run.Stop(ctx)
	home.check(err)
	t.Logf("\n%s", report)
	if v := report.Violations(); len(v) > 0 {
		t.Error(v)
	}
	if len(report.Epochs) != 3 || report.Moves < 6 || report.InDoubt != 0 {
		t.Errorf("epochs %+v, %d moves, %d posts in doubt", report.Epochs, report.Moves, report.InDoubt)
	}
	if e := next[client.Reconnected](home, alice); !e.Moved || e.Site != "backup" || e.Server != b[0].SIPS {
		t.Errorf("alice, who says nothing, is at %+v", e)
	}
}

func TestServersInService(t *testing.T) {
	p := newPool(t)
	p.config.Active = &[]string{"home/0", "home/1"}
	p.saveConfig()
	pods := []*pod{p.startPod("chat-0"), p.startPod("chat-1")}
	p.openDesk(pods[0])
	alice := p.dial("alice", pods...)
	room := p.join(alice, "Desk")
	p.post(alice, room.URI, "on the first")

	p.config.Active = &[]string{"home/1"}
	p.saveConfig()
	if e := next[client.Reconnected](p, alice); e.Server != pods[1].SIPS || e.Moved {
		t.Errorf("alice went to %+v", e)
	}
	if _, err := client.Dial(p.context(), client.Options{
		Servers: []string{pods[0].SIPS}, User: "bob@" + domain, Password: password, RootCAs: p.roots(),
	}); !chat.Is(err, chat.Unavailable) {
		t.Errorf("a sign-in out of service: %v", err)
	}
	p.post(alice, room.URI, "on the second")

	p.config.Active = &[]string{}
	p.saveConfig()
	p.await("posts are refused", func(ctx context.Context) bool {
		soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		_, err := alice.Post(soon, room.URI, "before or after")
		return err != nil
	})
	carol := p.dial("carol", pods[0])
	p.join(carol, "Desk")
	if history, err := carol.History(p.context(), room.URI, 2); err != nil || len(history) != 2 {
		t.Errorf("history during maintenance: %+v, %v", history, err)
	}
	waiting := p.postInBackground(carol, room.URI, "after the maintenance")
	p.config.Active = nil
	p.saveConfig()
	select {
	case r := <-waiting:
		if r.err != nil || r.receipt.Refused == 0 {
			t.Errorf("%+v", r)
		}
	case <-time.After(patience):
		t.Fatal("the post was never stored")
	}
	history, err := carol.History(p.context(), room.URI, 100)
	p.check(err)
	if diff := cmp.Diff("after the maintenance", history[len(history)-1].Text); diff != "" {
		t.Error(diff)
	}
}
