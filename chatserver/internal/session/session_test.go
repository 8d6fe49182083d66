package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/sipedge"
	"chatpool.dev/chatserver/internal/store/pg"
)

func TestSessionFromLookupToPart(t *testing.T) {
	inWorld(t, func(w *world) {
		w.store.add(deskID, "sip:carol@x.test", "old")
		p := w.phone("alice", "e1")
		p.ok(cmd("requri", ""))
		p.expect(`rpl:requri.*<resp code="200">SUCCESS_OK</resp>.*<uib uri="sip:demo@x.test"`)
		p.ok(cmd("getserverinfo", `<sib domain="x.test" infoType="123"/>`))
		p.expect(`rpl:getserverinfo.*messageSizeLimit="8192"`)
		p.ok(cmd("getassociations", `<association domain="x.test" type="MEMBER" maxResults="50"/>`))
		p.expect(`rpl:getassociations.*name="Vault"`)
		p.ok(cmd("chansrch", `<qib qtype="BYNAME" criteria="" extended="false"/>`))
		p.expect(`(?s)rpl:chansrch.*name="Desk".*name="Stage".*name="Vault"`)
		p.ok(cmd("join", chanid(deskID)))
		p.expect(`rpl:join.*name="Desk".*lastChatId="1099511627777".*sip:alice@x.test`)
		p.ok(cmd("bccontext", chanib(deskID)+`<bcq><last cnt="25"/></bcq>`))
		p.expect(`rpl:bccontext.*chatId="1099511627777".*<chat>old</chat>`)
		p.ok(post(deskID, "new"))
		p.expect(`<grpchat.*author="sip:alice@x.test".*<chat>new</chat>`)
		p.ok(cmd("bccontext", chanib(deskID)+`<bcq><after chatId="1099511627776" cnt="1"/></bcq>`))
		p.expect(`rpl:bccontext.*more="true".*<chat>old</chat>`)
		p.ok(cmd("bccontext", chanib(deskID)+fmt.Sprintf(`<bcq><after chatId="%d" cnt="1"/></bcq>`, chat.At(overtaken, 9))))
		p.expect(`rpl:bccontext.*fork="1099511627778"`)
		p.ok(cmd("getinv", `<inv inviteId="1" domain="x.test"/>`))
		p.expect(`rpl:getinv.*200`)
		p.ok(cmd("part", chanib(deskID)))
		p.expect(`rpl:part.*200.*` + string(deskID))
		p.ok(cmd("no-such-command", ""))
		p.expect(`rpl:no-such-command.*<resp code="501">ERROR_MSG_NOT_SUPPORTED`)
	})
}

func TestSearchShowsWhatMayBeFound(t *testing.T) {
	for name, c := range map[string]struct {
		user, query string
		want        []string
	}{
		"everything, for a member of the secret room": {"alice", `criteria=""`, []string{"Desk", "Stage", "Vault"}},
		"everything, for somebody else":               {"carol", `criteria=""`, []string{"Desk", "Stage"}},
		"a part of the name in another case":          {"alice", `criteria="ESK"`, []string{"Desk"}},
		"no more than asked for":                      {"alice", `criteria="" maxResults="2"`, []string{"Desk", "Stage"}},
		"nothing":                                     {"alice", `criteria="zzz"`, nil},
	} {
		inWorld(t, func(w *world) {
			p := w.phone(c.user, "e")
			p.ok(cmd("chansrch", `<qib qtype="BYNAME" extended="false" `+c.query+`/>`))
			docs := p.news()
			for _, room := range []string{"Desk", "Stage", "Vault"} {
				want := strings.Contains(strings.Join(c.want, " "), room)
				if got := strings.Contains(docs[0], `name="`+room+`"`); got != want {
					t.Errorf("%s: %s found %t, want %t", name, room, got, want)
				}
			}
		})
	}
}

func TestManagersSeeWhatTheyManage(t *testing.T) {
	inWorld(t, func(w *world) {
		bob := w.phone("bob", "e")
		bob.ok(cmd("getassociations", `<association domain="x.test" type="MANAGER"/>`))
		bob.expect(`name="Vault"`)
		bob.ok(cmd("getassociations", `<association domain="x.test" type="MEMBER"/>`))
		if docs := bob.news(); strings.Contains(docs[0], "chanib") {
			t.Errorf("bob is member of %s", docs)
		}
	})
}

func TestCommandsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ command, want string }{
		"join of a room that is not there":     {cmd("join", chanid(noID)), `rpl:join.*<resp code="404">`},
		"join of a room of another domain":     {cmd("join", `<chanid key="0" domain="y.test" value="`+string(deskID)+`"/>`), `rpl:join.*<resp code="404">`},
		"join of a secret room":                {cmd("join", chanid(vaultID)), `rpl:join.*<resp code="403">ERROR_PERMISSION`},
		"history of a room that is not joined": {cmd("bccontext", chanib(deskID)+`<bcq><last cnt="5"/></bcq>`), `rpl:bccontext.*<resp code="409">ERROR_USER_NOT_JOINED`},
		"part of a room that is not joined":    {cmd("part", chanib(deskID)), `rpl:part.*<resp code="409">`},
		"join of nothing":                      {cmd("join", ""), `rpl:join.*<resp code="400">ERROR_INVALID_ARGUMENT`},
		"a batch with good and bad rooms": {
			cmd("bjoin", chanid(deskID)+chanid(vaultID)+chanid(noID)),
			`rpl:bjoin.*<resp code="200">.*<fib key="OPERATION_FAILED" domain="x.test" value="` + string(vaultID) + `"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				p := w.phone("carol", "e")
				p.ok(c.command)
				p.expect(c.want)
			})
		})
	}
}

func TestFirstHistoryEndsWhereLiveMessagesBegin(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		p.ok(post(deskID, "live"))
		p.news()
		p.ok(cmd("bccontext", chanib(deskID)+`<bcq><last cnt="5"/></bcq>`))
		if docs := p.news(); strings.Contains(docs[0], "live") {
			t.Errorf("history has what came live: %s", docs)
		}
		p.ok(cmd("bccontext", chanib(deskID)+`<bcq><last cnt="5"/></bcq>`))
		p.expect(`<chat>live</chat>`)
	})
}

func TestCategoryWithoutHistoryGivesNone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.store.change(func(c *pg.Changes) { c.Categories[0].ChatHistory = false })
		time.Sleep(1100 * time.Millisecond)
		w.store.add(deskID, "sip:bob@x.test", "before")
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		p.news()
		p.ok(cmd("bccontext", chanib(deskID)+`<bcq><after chatId="0" cnt="5"/></bcq>`))
		if docs := p.news(); strings.Contains(docs[0], "before") {
			t.Errorf("history: %s", docs)
		}
		p.ok(post(deskID, "live"))
		p.expect(`<chat>live</chat>`)
	})
}

func TestReturningEndpointFindsItsRoomsAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.phone("alice", "e1")
		first.ok(cmd("join", chanid(deskID)))
		first.ok(cmd("join", chanid(vaultID)))
		first.dialog.Closed()
		synctest.Wait()
		if got := strings.Join(w.store.detached, ","); got != "alice e1" {
			t.Errorf("detached: %q", got)
		}
		w.store.change(func(c *pg.Changes) { c.Rooms[2].Members = nil }) // no vault for alice any more
		time.Sleep(1100 * time.Millisecond)
		second := w.phone("alice", "e1")
		second.ok(cmd("requri", ""))
		second.expect("requri")
		if got := w.store.hub.Seats(); got != 0 {
			t.Errorf("a dialog that only looks the pool up has %d seats", got)
		}
		second.ok(cmd("getinv", `<inv inviteId="1" domain="x.test"/>`))
		second.expect("getinv") // and nothing about rooms
		second.ok(post(deskID, "here again"))
		second.expect("here again")
		time.Sleep(time.Second)
		if rooms, _ := w.store.Rooms(context.Background(), "sip:alice@x.test", "e1"); len(rooms) != 1 || rooms[0] != deskID {
			t.Errorf("alice is in %v", rooms)
		}
	})
}

func TestReturningEndpointIsToldToWaitWhileItsRoomsAreNotKnown(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.phone("alice", "e1")
		first.ok(cmd("join", chanid(deskID)))
		first.dialog.Closed()
		w.store.noRooms = true
		second := w.phone("alice", "e1")
		a := second.send(post(deskID, "x"))
		synctest.Wait()
		if got := <-a; got.Status != 503 || strings.Contains(got.Diagnostics, "10.1.2.3") {
			t.Errorf("a post is answered %+v", got)
		}
		second.ok(cmd("part", chanib(deskID)))
		second.expect(`rpl:part.*<resp code="503">ERROR_UNAVAILABLE`)
		w.store.noRooms = false
		second.ok(post(deskID, "x"))
	})
}

func TestNewDialogOfAnEndpointTakesOver(t *testing.T) {
	inWorld(t, func(w *world) {
		older := w.phone("alice", "e1")
		older.ok(cmd("join", chanid(deskID)))
		older.news()
		newer := w.phone("alice", "e1")
		newer.ok(cmd("join", chanid(deskID)))
		newer.news()
		if older.reason() != sipedge.Ended {
			t.Errorf("the older dialog is closed with %q", older.reason())
		}
		newer.ok(post(deskID, "x"))
		newer.expect("<chat>x</chat>")
		if docs := older.news(); len(docs) > 0 {
			t.Errorf("the older dialog got %q", docs)
		}
		if len(w.store.detached) > 0 || w.server.Count() != 1 {
			t.Errorf("detached %v, %d sessions", w.store.detached, w.server.Count())
		}
	})
}

func TestUserHasSoManyEndpoints(t *testing.T) {
	inWorld(t, func(w *world) {
		w.configure(func(c *adminapi.PoolConfig) { c.Limits.EndpointsPerUser = 2 })
		w.phone("alice", "e1")
		w.phone("alice", "e2")
		w.phone("bob", "e3")
		if _, err := w.open("alice", "e3"); !chat.Is(err, chat.TooLarge) {
			t.Errorf("third endpoint: %v", err)
		}
		w.phone("alice", "e2")
	})
}

func TestWhoMayOpenADialog(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := chat.Subject{User: "sip:alice@x.test"}
		for uri, want := range map[string]chat.Kind{
			"sip:demo@x.test": "", "sip:Demo@X.test;transport=tls": "", "sip:ocschat@x.test": "",
			"sip:other@x.test": chat.NotFound, "sip:demo@y.test": chat.NotFound,
		} {
			d, err := w.server.Open(alice, "e", uri, &phone{t: t})
			if want == "" && err != nil || want != "" && !chat.Is(err, want) {
				t.Errorf("%s: %v, want %q", uri, err, want)
			}
			if d != nil {
				d.Closed()
				synctest.Wait()
			}
		}
		w.configure(func(c *adminapi.PoolConfig) { c.Policy = chat.Policy{EnabledFor: []chat.Principal{"sip:bob@x.test"}} })
		if _, err := w.open("alice", "e"); !chat.Is(err, chat.Denied) {
			t.Errorf("alice, whom the policy does not enable: %v", err)
		}
		if w.server.Provisioning(alice).Enabled {
			t.Error("alice is provisioned")
		}
		if p := w.server.Provisioning(chat.Subject{User: "sip:bob@x.test"}); !p.Enabled || p.PoolURI != "sip:demo@x.test" {
			t.Errorf("bob is provisioned %+v", p)
		}
	})
}

func TestSessionsOfWhoMayNotChatAnyMoreEnd(t *testing.T) {
	for name, change := range map[string]func(*adminapi.PoolConfig){
		"disabled in the directory": func(c *adminapi.PoolConfig) { c.Directory.Users[0].Disabled = true },
		"removed from it":           func(c *adminapi.PoolConfig) { c.Directory.Users = c.Directory.Users[1:] },
		"excluded by the policy":    func(c *adminapi.PoolConfig) { c.Policy.DisabledFor = []chat.Principal{"sip:alice@x.test"} },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				alice, bob := w.phone("alice", "e"), w.phone("bob", "e")
				alice.ok(cmd("join", chanid(deskID)))
				w.configure(change)
				synctest.Wait()
				if alice.reason() != sipedge.Ended || bob.reason() != "" {
					t.Errorf("alice is closed with %q, bob with %q", alice.reason(), bob.reason())
				}
				if n := w.server.Count(); n != 1 {
					t.Errorf("%d sessions are left", n)
				}
			})
		})
	}
}

// A client that answers nothing holds up the BYE of its dialog: it posts nothing meanwhile.
func TestWhoMayNotChatAnyMorePostsNothingWhileTheDialogEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		deaf := &phone{t: t} // its dialog does not end when the session closes it
		d, err := w.server.Open(chat.Subject{User: "sip:alice@x.test"}, "e", "sip:demo@x.test", deaf)
		if err != nil {
			t.Fatal(err)
		}
		speak := func(inner string) int {
			deaf.envid++
			answer := make(chan sipedge.Answer, 1)
			d.Receive(fmt.Appendf(nil, `<xccos ver="1" envid="%d">%s</xccos>`, deaf.envid, inner), func(a sipedge.Answer) { answer <- a })
			return max((<-answer).Status, 200)
		}
		if speak(cmd("join", chanid(deskID))) != 200 || speak(post(deskID, "before")) != 200 {
			t.Fatal("alice cannot chat")
		}
		w.configure(func(c *adminapi.PoolConfig) { c.Policy.DisabledFor = []chat.Principal{"sip:alice@x.test"} })
		synctest.Wait()
		if got := speak(post(deskID, "after")); got == 200 || len(w.store.texts(deskID)) != 1 {
			t.Errorf("answered %d, stored are %q", got, w.store.texts(deskID))
		}
		d.Closed()
		synctest.Wait()
	})
}

func TestServerThatStopsMovesItsSessions(t *testing.T) {
	inWorld(t, func(w *world) {
		settle := make(chan func(), 1)
		w.store.settle = func(_ chat.Draft, _ int64, store func(), done func(pg.PostResult)) {
			settle <- func() { store(); done(pg.PostResult{}) }
		}
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		answer := p.send(post(deskID, "under way"))
		synctest.Wait()
		stopped := make(chan error, 1)
		go func() { stopped <- w.server.Stop(context.Background()) }()
		synctest.Wait()
		if p.reason() != sipedge.Moved {
			t.Errorf("closed with %q", p.reason())
		}
		if _, err := w.open("bob", "e"); !chat.Is(err, chat.Unavailable) {
			t.Errorf("a new dialog: %v", err)
		}
		select {
		case <-stopped:
			t.Error("stopped with a post under way")
		default:
		}
		(<-settle)()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if a := <-answer; a.Status != 0 {
			t.Errorf("the post was answered %d", a.Status)
		}
		if err := w.server.Wait(context.Background()); err != nil || w.server.Count() != 0 {
			t.Errorf("%v, %d sessions", err, w.server.Count())
		}
	})
}

func TestPanicEndsItsSessionAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, bob := w.phone("alice", "e"), w.phone("bob", "e")
		alice.ok(cmd("join", chanid(deskID)))
		bob.ok(cmd("join", chanid(deskID)))
		w.store.add(deskID, "sip:carol@x.test", "x")
		w.store.panics = true
		alice.ok(cmd("bccontext", chanib(deskID)+`<bcq><last cnt="5"/></bcq>`))
		if alice.reason() != sipedge.Moved || bob.reason() != "" {
			t.Errorf("alice is closed with %q, bob with %q", alice.reason(), bob.reason())
		}
		bob.news()
		bob.ok(post(deskID, "still here"))
		if docs := bob.news(); !strings.Contains(strings.Join(docs, ""), "still here") {
			t.Errorf("bob got %q", docs)
		}
	})
}

func TestEndlessCommandsAreSlowedDown(t *testing.T) {
	inWorld(t, func(w *world) {
		block := make(chan struct{})
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		w.store.mu.Lock() // nothing goes on
		go func() { <-block; w.store.mu.Unlock() }()
		busy := 0
		for range 400 {
			if a := <-p.send(cmd("bccontext", chanib(deskID)+`<bcq><last cnt="5"/></bcq>`)); a.Status == 503 {
				busy++
				if a.RetryAfter != 1 || !strings.HasPrefix(a.Diagnostics, `20011;source="pod-0"`) {
					t.Fatalf("%+v", a)
				}
			}
		}
		close(block)
		synctest.Wait()
		if busy == 0 || busy == 400 {
			t.Errorf("%d of 400 were refused", busy)
		}
	})
}

func TestCredential(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, _, err := w.server.Credential("mallory", "MD5", "x.test"); !chat.Is(err, chat.NotFound) {
			t.Errorf("unknown user: %v", err)
		}
		if _, _, err := w.server.Credential("alice", "MD5", "x.test"); !chat.Is(err, chat.NotFound) {
			t.Errorf("user without a password: %v", err)
		}
	})
}
