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
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPostsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		post string
		want int
	}{
		"in a room that he is in":              {post(deskID, "hello"), 200},
		"in a room that he is not in":          {post(vaultID, "hello"), 403},
		"in a room that is not there":          {post(noID, "hello"), 404},
		"in a room of another domain":          {strings.ReplaceAll(post(deskID, "hello"), "x.test", "y.test"), 404},
		"in an auditorium, without presenting": {post(stageID, "hello"), 403},
		"in somebody else's name":              {strings.Replace(post(deskID, "hello"), "ts=", `author="sip:bob@x.test" ts=`, 1), 403},
		"in his own name in another case":      {strings.Replace(post(deskID, "hello"), "ts=", `author="sip:Alice@x.test" ts=`, 1), 200},
		"too long":                             {post(deskID, strings.Repeat("x", 8193)), 413},
		"without text":                         {post(deskID, ""), 400},
		"without a time stamp":                 {strings.Replace(post(deskID, "x"), "ts=", "was=", 1), 400},
		"without any text element":             {strings.Replace(post(deskID, "x"), "<chat>x</chat>", "", 1), 400},
		"to what is no room":                   {strings.Replace(post(deskID, "x"), "ma-chan:", "mailto:", 1), 400},
		"too large in XML":                     {post(deskID, strings.Repeat(">", 20000)), 413},
		"two in one document":                  {post(deskID, "one") + post(deskID, "two"), 400},
		"beside a malformed one":               {post(deskID, "one") + strings.Replace(post(deskID, "x"), "<chat>x</chat>", "", 1), 400},
		"that is no XML":                       {"<grpchat", 400},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				p := w.phone("alice", "e")
				p.ok(cmd("bjoin", chanid(deskID)+chanid(stageID)))
				if got := p.do(c.post); got != c.want {
					t.Errorf("answered %d, want %d", got, c.want)
				}
				if stored := len(w.store.texts(deskID)); stored > 0 != (c.want == 200) {
					t.Errorf("%d messages are stored", stored)
				}
			})
		})
	}
}

func TestPostThatTakesLongIsInDoubtAndGoesOn(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		p.news()
		w.store.settle = func(_ chat.Draft, _ int64, store func(), done func(pg.PostResult)) {
			go func() {
				time.Sleep(5 * time.Second)
				store()
				done(pg.PostResult{})
			}()
		}
		began := time.Now()
		answer := p.send(post(deskID, "slow"))
		a := <-answer
		if d := time.Since(began); a.Status != 503 || a.RetryAfter != 1 || d > 3*time.Second {
			t.Errorf("answered %+v after %v", a, d)
		}
		if !strings.HasPrefix(a.Diagnostics, "20000;") {
			t.Errorf("diagnostics %q", a.Diagnostics)
		}
		time.Sleep(3 * time.Second)
		p.expect("<chat>slow</chat>")
		if len(answer) != 0 {
			t.Error("answered twice")
		}
	})
}

func TestPostsThatWaitWhenTheSessionEndsDoNotHoldUpTheServersStop(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		w.store.mu.Lock() // the next command takes its time
		p.send(cmd("bccontext", chanib(deskID)+`<bcq><last cnt="5"/></bcq>`))
		for i := range 50 {
			p.send(post(deskID, fmt.Sprint(i)))
		}
		p.dialog.Closed()
		w.store.mu.Unlock()
		synctest.Wait()
		late := p.send(post(deskID, "after the end"))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.server.Stop(ctx); err != nil {
			t.Error(err)
		}
		if a := <-late; a.Status != 503 {
			t.Errorf("a post after the end: %+v", a)
		}
	})
}

func TestPostsWithoutEndAreSlowedDown(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		w.store.settle = func(chat.Draft, int64, func(), func(pg.PostResult)) {} // never
		var answers []chan sipedge.Answer
		for i := range 70 {
			answers = append(answers, p.send(post(deskID, fmt.Sprint(i))))
		}
		synctest.Wait()
		for i, answer := range answers {
			if atOnce := len(answer) == 1; atOnce != (i >= 64) {
				t.Errorf("post %d is answered at once: %t", i, atOnce)
			}
		}
		for i, answer := range answers {
			if a := <-answer; a.Status != 503 {
				t.Errorf("post %d: %+v", i, a)
			}
		}
	})
}

func TestPostIsAuthorizedAgainWhenTheRoomChanged(t *testing.T) {
	stale := &chat.Error{Kind: chat.Conflict, Text: "the room has changed", Err: pg.ErrStale}
	for name, c := range map[string]struct {
		change func(*pg.Changes)
		want   int
	}{
		"and still allowed":    {func(c *pg.Changes) { c.Rooms[0].Description = "another" }, 200},
		"and not any more":     {func(c *pg.Changes) { c.Rooms[0].Type = chat.Auditorium }, 403},
		"and the room is gone": {func(c *pg.Changes) { c.Rooms = c.Rooms[1:] }, 404},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				p := w.phone("alice", "e")
				p.ok(cmd("join", chanid(deskID)))
				w.store.change(c.change)
				w.store.settle = func(d chat.Draft, version int64, store func(), done func(pg.PostResult)) {
					go func() {
						if version < 2 {
							done(pg.PostResult{Err: stale})
							return
						}
						store()
						done(pg.PostResult{})
					}()
				}
				if got := p.do(post(deskID, "x")); got != c.want {
					t.Errorf("answered %d, want %d", got, c.want)
				}
			})
		})
	}
	t.Run("again and again", func(t *testing.T) {
		inWorld(t, func(w *world) {
			p := w.phone("alice", "e")
			p.ok(cmd("join", chanid(deskID)))
			tries := 0
			w.store.settle = func(_ chat.Draft, _ int64, _ func(), done func(pg.PostResult)) {
				tries++
				go done(pg.PostResult{Err: stale})
			}
			if got := p.do(post(deskID, "x")); got != 503 || tries != 3 {
				t.Errorf("answered %d after %d tries", got, tries)
			}
		})
	})
}

// fate is what the store does with a post: how long it takes, and whether the room changes meanwhile.
type fate struct {
	Takes  time.Duration
	Change bool
}

// However slow the store is and however often the room changes: the posts of a session are stored in their order.
func TestPostsOfASessionKeepTheirOrder(t *testing.T) {
	fates := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fate {
		return fate{time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond, rapid.IntRange(0, 9).Draw(t, "change") < 3}
	}), 1, 30)
	rapid.Check(t, func(rt *rapid.T) {
		script := fates.Draw(rt, "script")
		var stored []string
		var refused int
		inWorld(t, func(w *world) { stored, refused = playPosts(w, script) })
		for i := 1; i < len(stored); i++ {
			if stored[i-1] >= stored[i] {
				rt.Fatalf("stored in the order %v", stored)
			}
		}
		if len(stored)+refused != len(script) {
			rt.Fatalf("%d posts: %d stored, %d refused", len(script), len(stored), refused)
		}
	})
}

// playPosts posts as many messages as there are fates into a store that takes the posts of a room one after the
// other, as pg does, and refuses those with an old version.
func playPosts(w *world, script []fate) (stored []string, refused int) {
	p := w.phone("alice", "e")
	p.ok(cmd("join", chanid(deskID)))
	type job struct {
		version int64
		store   func()
		done    func(pg.PostResult)
	}
	jobs := make(chan job, 100)
	w.store.settle = func(_ chat.Draft, version int64, store func(), done func(pg.PostResult)) {
		jobs <- job{version, store, done}
	}
	version := func() int64 {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		return w.store.catalog.Rooms[0].Version
	}
	go func() {
		for i := 0; ; i++ {
			j, open := <-jobs
			if !open {
				return
			}
			f := script[i%len(script)]
			time.Sleep(f.Takes)
			if f.Change {
				w.store.change(func(*pg.Changes) {})
			}
			if j.version != version() {
				go j.done(pg.PostResult{Err: &chat.Error{Kind: chat.Conflict, Text: "changed", Err: pg.ErrStale}})
				continue
			}
			j.store()
			go j.done(pg.PostResult{})
		}
	}()
	var answers []chan sipedge.Answer
	for i := range script {
		answers = append(answers, p.send(post(deskID, fmt.Sprintf("%03d", i))))
	}
	for _, answer := range answers {
		if a := <-answer; a.Status != 0 {
			refused++
		}
	}
	synctest.Wait()
	close(jobs)
	return w.store.texts(deskID), refused
}

func TestEverybodyInTheRoomGetsThePost(t *testing.T) {
	inWorld(t, func(w *world) {
		var all []*phone
		for _, user := range []string{"alice", "bob", "carol"} {
			p := w.phone(user, "e")
			p.ok(cmd("join", chanid(stageID)))
			all = append(all, p)
		}
		for _, p := range all {
			p.news()
		}
		all[1].ok(post(stageID, "good evening"))
		var got []string
		for _, p := range all {
			got = append(got, p.expect(`authdisp="(\w+)".*<chat>good evening</chat>`)[0][1])
		}
		if diff := cmp.Diff([]string{"bob", "bob", "bob"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLimitsChangeWhilePeopleChat(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.phone("alice", "e")
		p.ok(cmd("join", chanid(deskID)))
		w.configure(func(c *adminapi.PoolConfig) { c.Limits.MessageBytes = 512 })
		if got := p.do(post(deskID, strings.Repeat("x", 513))); got != 413 {
			t.Errorf("answered %d", got)
		}
	})
}
