package loadcheck_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/clienttest"
	"chatpool.dev/chatserver/loadcheck"
)

var users = []loadcheck.User{{Address: "alice@example.com", Password: "a"}, {Address: "bob@example.com", Password: "b"}, {Address: "carol@example.com", Password: "c"}}

func newPool(t *testing.T, rooms int) (*clienttest.Pool, loadcheck.Config) {
	passwords := map[string]string{}
	for _, u := range users {
		passwords[u.Address] = u.Password
	}
	var names []string
	for i := range rooms {
		names = append(names, fmt.Sprintf("Room %d", i))
	}
	pool := clienttest.New(t, passwords, names...)
	one, two := pool.Listen(), pool.Listen()
	return pool, loadcheck.Config{
		Servers: []string{one.Addr, two.Addr}, PlainTCP: true, Rooms: names, Users: users, Writers: 4, Rate: 100, RoomsPerWriter: 2,
		Stayers: 1, Returners: 1, Stay: 300 * time.Millisecond, Away: 100 * time.Millisecond, Timeout: time.Second, Settle: 20 * time.Second, Logf: t.Logf,
	}
}

// until makes a load, does something in the middle of it, and stops when so many posts were accepted.
func until(t *testing.T, c loadcheck.Config, posts int, middle func(*loadcheck.Run)) *loadcheck.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	run, err := loadcheck.Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	reached := func(n int) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for run.Progress().Accepted < n && ctx.Err() == nil {
			<-tick.C
		}
	}
	reached(posts / 2)
	if middle != nil {
		middle(run)
	}
	reached(posts)
	report, err := run.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", report)
	return report
}

func TestAGoodPoolHasNoViolations(t *testing.T) {
	pool, c := newPool(t, 3)
	pool.Say("Room 0", "sip:old@example.com", "from before")
	r := until(t, c, 150, func(*loadcheck.Run) { pool.Say("Room 1", "sip:other@example.com", "from somebody else") })
	if v := r.Violations(); len(v) > 0 {
		t.Error(v)
	}
	if r.Posts != r.Accepted || r.Accepted < 150 || r.InDoubt != 0 || r.Refused != 0 || r.Readers != 6 || r.Ack.P50 <= 0 || r.Delivery.Max <= 0 || r.Deliveries < r.Posts {
		t.Errorf("report %+v", r)
	}
}

// All that may go wrong on the way does, and the pool still keeps its word.
func TestAStormHasNoViolations(t *testing.T) {
	pool, c := newPool(t, 2)
	pool.OnRequest = func(q clienttest.Request) clienttest.Action {
		if q.User != "" && q.N%20 == 0 {
			return []clienttest.Action{clienttest.CutBefore, clienttest.CutAfter, clienttest.Refuse, clienttest.RefuseStored, clienttest.Gone}[q.N/20%5]
		}
		return clienttest.Handle
	}
	var calm atomic.Bool // what gets lost at the very end nobody could notice
	pool.OnDeliver = func(string, chat.Position) clienttest.Delivery {
		if !calm.Load() && rand.N(25) == 0 {
			return []clienttest.Delivery{clienttest.Lose, clienttest.Double, clienttest.Swap, clienttest.Cut}[rand.N(4)]
		}
		return clienttest.Deliver
	}
	r := until(t, c, 200, func(r *loadcheck.Run) {
		r.Mark("half-time")
		calm.Store(true)
	})
	if v := r.Violations(); len(v) > 0 {
		t.Error(v)
	}
	if r.Refused == 0 || r.SentAgain < r.Refused || r.Losses == 0 || len(r.Marks) != 1 || r.Marks[0].Pause.For <= 0 {
		t.Errorf("report %+v", r)
	}
}

// The pool moves to its other site in the next epoch, in the middle of the load; most clients know of home alone.
func TestAMoveOfTheWholePoolHasNoViolations(t *testing.T) {
	pool, c := newPool(t, 2)
	home, backup := pool.ListenTLS("chat.example.com"), pool.ListenTLS("chat.example.com")
	home.Site, backup.Site, pool.Elsewhere = "home", "backup", "<sip:"+backup.Addr+";transport=tls>"
	pool.Named = []string{home.Addr, backup.Addr}
	c.Servers, c.PlainTCP, c.RootCAs, c.ServerName = []string{home.Addr}, false, home.CA, "chat.example.com"
	var quiesced, moved atomic.Bool
	pool.OnRequest = func(q clienttest.Request) clienttest.Action {
		switch {
		case q.Server == home.Addr && moved.Load() && q.User != "" && q.Method != "REGISTER":
			return clienttest.Gone
		case q.Server == home.Addr && moved.Load():
			return clienttest.Away
		case q.Command == "grpchat" && quiesced.Load():
			return clienttest.Refuse
		}
		return clienttest.Handle
	}
	r := until(t, c, 200, func(r *loadcheck.Run) {
		r.Mark("move")
		quiesced.Store(true)
		<-time.After(1500 * time.Millisecond)
		pool.NewEpoch("Room 0")
		pool.NewEpoch("Room 1")
		moved.Store(true)
		quiesced.Store(false)
		home.CutAll()
	})
	if v := r.Violations(); len(v) > 0 {
		t.Error(v)
	}
	if len(r.Epochs) != 2 || r.Epochs[1].Messages == 0 || r.Moves < 4+2 || r.InDoubt != 0 || r.Marks[0].Pause.For < time.Second {
		t.Errorf("report %+v", r)
	}
}

func TestAnOutageIsSeen(t *testing.T) {
	pool, c := newPool(t, 2)
	var down atomic.Bool
	pool.OnRequest = func(q clienttest.Request) clienttest.Action {
		if q.Command == "grpchat" && down.Load() {
			return clienttest.Refuse
		}
		return clienttest.Handle
	}
	r := until(t, c, 300, func(*loadcheck.Run) {
		down.Store(true)
		<-time.After(2 * time.Second)
		down.Store(false)
	})
	if len(r.Violations()) > 0 || len(r.Outages) == 0 || r.LongestPause.For < 1500*time.Millisecond || r.RoomPauses["Room 0"].For < r.LongestPause.For || r.Refused == 0 {
		t.Errorf("report %+v", r)
	}
	plot := string(r.Plot())
	if err := xml.Unmarshal([]byte(plot), new(struct{})); err != nil && !errors.Is(err, io.EOF) || strings.Count(plot, "#f4b6b6") != len(r.Outages) {
		t.Errorf("plot: %v\n%s", err, plot)
	}
	var back loadcheck.Report
	if b, err := json.Marshal(r); err != nil || json.Unmarshal(b, &back) != nil || back.Accepted != r.Accepted {
		t.Errorf("JSON: %v", err)
	}
}

func TestBrokenPromisesAreFound(t *testing.T) {
	for sentence, c := range map[string]struct {
		spoil func(*clienttest.Pool, *loadcheck.Config)
		want  []string
	}{
		"a stored message vanishes": {func(p *clienttest.Pool, _ *loadcheck.Config) {
			p.Hide("Room 0", chat.At(1, 20))
		}, []string{"LOST: ", "GAP: position 1/21 follows 1/19", "EXTRA: was given 1/20"}},
		"a message is never delivered and never shown": {func(p *clienttest.Pool, _ *loadcheck.Config) {
			p.Hide("Room 0", chat.At(1, 20))
			p.OnDeliver = func(_ string, pos chat.Position) clienttest.Delivery {
				if pos.Seq() == 20 {
					return clienttest.Lose
				}
				return clienttest.Deliver
			}
		}, []string{"1 messages before 1/21 could not be had from the server"}},
		"posts are refused for good": {func(p *clienttest.Pool, _ *loadcheck.Config) {
			p.OnRequest = func(q clienttest.Request) clienttest.Action {
				if q.Command == "grpchat" && q.User == "sip:bob@example.com" {
					return clienttest.Forbid
				}
				return clienttest.Handle
			}
		}, []string{"was refused with something else than 503: post to"}},
		"answers take too long": {func(_ *clienttest.Pool, c *loadcheck.Config) { c.MaxAnswer = time.Nanosecond }, []string{"more than 1ns"}},
		"resends are stored twice": {func(p *clienttest.Pool, _ *loadcheck.Config) {
			p.Forgetful = true
			p.OnRequest = func(q clienttest.Request) clienttest.Action {
				if q.Command == "grpchat" && q.N%50 == 0 {
					return clienttest.RefuseStored
				}
				return clienttest.Handle
			}
		}, []string{"DOUBLE: "}},
		"a reader is put out": {func(p *clienttest.Pool, c *loadcheck.Config) {
			c.Users, c.Checker, c.Stayers = users[:2], users[2], 2
			c.Logf = func(format string, _ ...any) {
				if strings.Contains(format, "writers") {
					p.Close("Room 0", "sip:alice@example.com")
				}
			}
		}, []string{"was put out of the room"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			pool, config := newPool(t, 1)
			config.Settle, config.RoomsPerWriter = 3*time.Second, 1
			c.spoil(pool, &config)
			r := until(t, config, 60, nil)
			for _, want := range c.want {
				if !slices.ContainsFunc(r.Violations(), func(v string) bool { return strings.Contains(v, want) }) {
					t.Errorf("got %q, want %q", r.Violations(), want)
				}
			}
		})
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	_, c := newPool(t, 1)
	for want, spoil := range map[string]func(*loadcheck.Config){
		"servers: none given":          func(c *loadcheck.Config) { c.Servers = nil },
		"rooms: none given":            func(c *loadcheck.Config) { c.Rooms = nil },
		"users: none given":            func(c *loadcheck.Config) { c.Users = nil },
		`"Nowhere"`:                    func(c *loadcheck.Config) { c.Rooms = []string{"Nowhere"} },
		"named twice":                  func(c *loadcheck.Config) { c.Rooms = append(c.Rooms, c.Rooms[0]) },
		"sign in as carol@example.com": func(c *loadcheck.Config) { c.Checker = loadcheck.User{Address: "carol@example.com", Password: "wrong"} },
		": sign in as dave@example.com: ": func(c *loadcheck.Config) {
			c.Checker, c.Users = users[0], []loadcheck.User{{Address: "dave@example.com", Password: "x"}}
		},
	} {
		bad := c
		spoil(&bad)
		if _, err := loadcheck.Start(t.Context(), bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
