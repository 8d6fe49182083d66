package server_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/internal/store/pgtest"
	"chatpool.dev/chatserver/loadcheck"
	"github.com/jackc/pgx/v5"
)

// alone lets commits of a database server wait for no mirror.
func (p *pool) alone(conn string) {
	p.t.Helper()
	c, err := pgx.Connect(p.context(), conn)
	p.check(err)
	defer c.Close(context.Background())
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = ''`, `SELECT pg_reload_conf()`} {
		_, err := c.Exec(p.context(), sql)
		p.check(err)
	}
}

// tail is what an overtaken database holds, as its server tells an operator.
func (p *pool) tail(one *pod) adminapi.Tail {
	p.t.Helper()
	var t adminapi.Tail
	p.await("the overtaken database tells what it is like", func(ctx context.Context) bool {
		d, err := p.admin(one).Database(ctx)
		p.check(err)
		f := d.Facts
		if f == nil || !f.InRecovery || f.Timeline == nil || f.ReplayedLSN == nil || len(f.Epochs) == 0 {
			return false
		}
		t = adminapi.Tail{Epoch: f.Epochs[0].Epoch, Timeline: *f.Timeline, LSN: *f.ReplayedLSN}
		if f.ReceivedLSN != nil {
			t.LSN = max(t.LSN, *f.ReceivedLSN)
		}
		return true
	})
	return t
}

// A site dies that had accepted posts which the other one does not have. When it comes back, all are brought over, under load.
func TestWhatAForcedMoveLeftBehindComesBack(t *testing.T) {
	t.Parallel()
	database := pgtest.Start(t, pgtest.Options{Mirror: true})
	conn := database.Database(t)
	pgtest.TellTimelines(t, conn)
	home := newGatedPool(t, conn)
	home.alone(conn)
	backup := home.at("backup")
	there := database.PromotedConnString(conn)
	backup.config.Files.Database = backup.path("database")
	backup.check(os.Mkdir(backup.path("database"), 0o700))
	backup.write("database/uri", []byte(there))
	backup.saveConfig()
	h := []*pod{home.startPod("home-0"), home.startPod("home-1")}
	b := []*pod{backup.startPod("backup-0"), backup.startPod("backup-1")}
	introduce(home, backup, h[0], b[0])
	home.open(h[0], adminapi.Opening{Epoch: 1})
	home.awaitActive(h[1], 1)
	home.openDesk(h[0])
	home.join(home.dial("carol", h[1]), "Desk") // both servers know the room
	home.await("the standby sends people home", func(ctx context.Context) bool {
		return home.front(ctx, b[0]) == "307 https://home.test/" && home.front(ctx, b[1]) == "307 https://home.test/"
	})

	var users []loadcheck.User
	for _, u := range home.config.Directory.Users {
		users = append(users, loadcheck.User{Address: u.Name + "@" + domain, Password: password})
	}
	run, err := loadcheck.Start(home.context(), loadcheck.Config{
		Servers: []string{h[0].SIPS, h[1].SIPS, b[0].SIPS, b[1].SIPS}, RootCAs: home.roots(), Rooms: []string{"Desk"}, Users: users[:2], Checker: users[2],
		Writers: 6, Rate: 60, Stayers: 2, Returners: 2, Stay: 2 * time.Second, Away: 500 * time.Millisecond, Logf: t.Logf,
	})
	home.check(err)
	more := func(n int) {
		n += run.Progress().Accepted
		home.await(fmt.Sprint(n, " posts are accepted"), func(context.Context) bool { return run.Progress().Accepted >= n })
	}
	more(100)
	home.check(database.Promote()) // from now on it gets nothing
	home.alone(there)
	more(150)
	run.Mark("home dies")
	for _, one := range h {
		one.stop()
	}
	backup.record(b[0], adminapi.Recording{Epoch: 2, Site: "backup", Timeline: 1})
	for _, one := range b {
		backup.open(one, adminapi.Opening{Epoch: 2})
	}
	more(100)

	run.Mark("home is back")
	home.check(database.Demote())
	old := home.launch("home-0")
	c, err := pgx.ParseConfig(conn)
	home.check(err)
	in := adminapi.Salvaging{Tail: home.tail(old), Site: "home", Host: c.Host, Port: int(c.Port)}
	var got adminapi.Salvage
	asked := 0
	backup.await("the tail is salvaged", func(ctx context.Context) bool {
		asked++
		got, err = backup.admin(b[asked%2]).Salvage(ctx, in)
		return err == nil && got.State == adminapi.SalvageDone
	})
	run.Mark("salvaged: %d posts recovered, %d sent again", got.Recovered, got.Resent)
	more(50)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := run.Stop(ctx)
	home.check(err)
	t.Logf("\n%s", report)
	if v := report.Violations(); len(v) > 0 {
		t.Error(v)
	}
	if got.Recovered < 150 || got.Found != got.Recovered+got.Resent || report.Recovered != int(got.Recovered) {
		t.Errorf("%+v, the report has %d", got, report.Recovered)
	}
	all, err := backup.admin(b[0]).Salvages(backup.context())
	if err != nil || len(all.Salvages) != 1 || all.Salvages[0].Details[0].Room != "Desk" {
		t.Errorf("%+v, %v", all, err)
	}
	backup.await("the database's facts tell of it", func(ctx context.Context) bool {
		d, err := backup.admin(b[1]).Database(ctx)
		backup.check(err)
		return d.Facts != nil && len(d.Facts.Salvaged) == 1 && d.Facts.Salvaged[0] == in.Tail
	})
}
