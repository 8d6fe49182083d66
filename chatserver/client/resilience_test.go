package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/client/clienttest"
)

// collect gives the texts of the next n messages.
func collect(t *testing.T, c *client.Client, n int) []string {
	t.Helper()
	var out []string
	for range n {
		m := next[client.Message](t, c)
		if m.Missing != 0 {
			t.Errorf("%d messages are missing before %q", m.Missing, m.Text)
		}
		out = append(out, m.Text)
	}
	return out
}

func stored(pool *clienttest.Pool, room string) []string {
	var out []string
	for _, m := range pool.Messages(room) {
		out = append(out, m.Text)
	}
	return out
}

// Whatever goes wrong, once, at whatever request of the conversation: each post is stored once and reaches the reader once.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	const posts = 3
	for name, action := range map[string]clienttest.Action{
		"cut before": clienttest.CutBefore, "cut after": clienttest.CutAfter, "refused": clienttest.Refuse,
		"stored and refused": clienttest.RefuseStored, "never answered": clienttest.Ignore, "gone": clienttest.Gone,
	} {
		for n := 1; n <= 13; n++ { // bob 4 and a join, alice 4 and a join, three posts
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				t.Parallel()
				ctx := testContext(t)
				var hit atomic.Bool
				pool := clienttest.New(t, people, "Desk")
				pool.OnRequest = func(q clienttest.Request) clienttest.Action {
					if q.N == n {
						hit.Store(true)
						return action
					}
					return clienttest.Handle
				}
				one, two := pool.Listen(), pool.Listen()
				patientOptions := func(user string) client.Options {
					o := options(user, one, two)
					o.Patient, o.Timeout = true, 300*time.Millisecond
					return o
				}
				bob := dial(t, patientOptions("bob"))
				if _, err := bob.Join(ctx, pool.URI("Desk")); err != nil {
					t.Fatal(err)
				}
				alice := dial(t, patientOptions("alice"))
				if _, err := alice.Join(ctx, pool.URI("Desk")); err != nil {
					t.Fatal(err)
				}
				for _, text := range texts(posts) {
					if r, err := alice.Post(ctx, pool.URI("Desk"), text); err != nil {
						t.Fatalf("%+v, %v", r, err)
					}
				}
				if d := cmp.Diff(texts(posts), stored(pool, "Desk")); d != "" {
					t.Error("stored:", d)
				}
				for _, c := range []*client.Client{alice, bob} {
					if d := cmp.Diff(texts(posts), collect(t, c, posts)); d != "" {
						t.Errorf("%s: %s", c.User(), d)
					}
				}
				if !hit.Load() {
					t.Error("the fault never came")
				}
			})
		}
	}
}

func TestBrokenDeliveriesAreMended(t *testing.T) {
	for name, fault := range map[string]clienttest.Delivery{
		"lost": clienttest.Lose, "doubled": clienttest.Double, "swapped": clienttest.Swap, "cut": clienttest.Cut,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := clienttest.New(t, people, "Desk")
			pool.PageSize = 2
			var cuts atomic.Int32
			pool.OnDeliver = func(_ string, pos chat.Position) clienttest.Delivery {
				if pos.Seq()%5 < 3 && pos.Seq() != 20 && (fault != clienttest.Cut || cuts.Add(1) < 4) {
					return fault
				}
				return clienttest.Deliver
			}
			c := dial(t, options("alice", pool.Listen()))
			if _, err := c.Join(testContext(t), pool.URI("Desk")); err != nil {
				t.Fatal(err)
			}
			for i, text := range texts(20) {
				if i == 10 {
					pool.NewEpoch("Desk")
				}
				pool.Say("Desk", "sip:carol@example.com", text)
			}
			if d := cmp.Diff(texts(20), collect(t, c, 20)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMissingMessagesAreSaidToBeMissing(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	pool.OnDeliver = func(_ string, pos chat.Position) clienttest.Delivery {
		if pos.Seq() == 2 {
			return clienttest.Lose
		}
		return clienttest.Deliver
	}
	c := dial(t, options("alice", pool.Listen()))
	if _, err := c.Join(testContext(t), pool.URI("Desk")); err != nil {
		t.Fatal(err)
	}
	pool.Hide("Desk", chat.At(1, 2))
	for _, text := range texts(3) {
		pool.Say("Desk", "sip:carol@example.com", text)
	}
	if m := next[client.Message](t, c); m.Missing != 0 || m.Text != "message 1" {
		t.Errorf("first %+v", m)
	}
	if m := next[client.Message](t, c); m.Missing != 1 || m.Text != "message 3" {
		t.Errorf("then %+v", m)
	}
}

func TestSlowReaderIsCutOffAndMissesNothing(t *testing.T) {
	const n = 6000
	pool := clienttest.New(t, people, "Desk")
	o := options("alice", pool.Listen())
	o.EventBuffer = 4
	c := dial(t, o)
	if _, err := c.Join(testContext(t), pool.URI("Desk")); err != nil {
		t.Fatal(err)
	}
	padding := string(make([]byte, 0, 2000)) + fmt.Sprintf("%02000d", 0) // beyond what socket buffers take
	for i := range n {
		pool.Say("Desk", "sip:carol@example.com", fmt.Sprint(i, padding))
	}
	lost := false
	for i := 0; i < n; {
		select {
		case e := <-c.Events():
			switch e := e.(type) {
			case client.Message:
				if want := fmt.Sprint(i, padding); e.Text != want || e.Missing != 0 {
					t.Fatalf("message %d: got position %v, %d missing", i, e.Pos, e.Missing)
				}
				i++
			case client.Disconnected:
				lost = true
			}
		case <-testContext(t).Done():
			t.Fatalf("only %d messages came", i)
		}
	}
	if !lost {
		t.Error("the server never cut the slow reader: the test proves nothing")
	}
}

func TestComingBackWithAPosition(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	pool.PageSize = 3
	s := pool.Listen()
	ctx := testContext(t)
	o := options("alice", s)
	first := dial(t, o)
	o.Endpoint = first.Endpoint()
	if _, err := first.Join(ctx, "Desk"); err != nil {
		t.Fatal(err)
	}
	pool.Say("Desk", "sip:carol@example.com", "message 1")
	m := next[client.Message](t, first)
	first.Abort()
	for _, text := range texts(12)[1:] {
		pool.Say("Desk", "sip:carol@example.com", text)
	}
	second := dial(t, o)
	if _, err := second.JoinAfter(ctx, m.RoomURI, m.Pos); err != nil {
		t.Fatal(err)
	}
	pool.Say("Desk", "sip:carol@example.com", "message 13")
	if d := cmp.Diff(texts(13)[1:], collect(t, second, 12)); d != "" {
		t.Error(d)
	}
}

func TestReconnectsGoToTheNextServerAndAreTold(t *testing.T) {
	pool := clienttest.New(t, people, "Desk", "Lunch", "Vault")
	one, two := pool.Listen(), pool.Listen()
	c := dial(t, options("alice", one, two))
	ctx := testContext(t)
	for _, room := range []string{"Desk", "Lunch", "Vault"} {
		if _, err := c.Join(ctx, room); err != nil {
			t.Fatal(err)
		}
	}
	one.Stop()
	if e := next[client.Disconnected](t, c); e.Server != one.Addr || e.Final || e.Err == nil {
		t.Errorf("disconnected %+v", e)
	}
	pool.Close("Vault", "sip:alice@example.com")
	if e := next[client.Reconnected](t, c); e.Server != two.Addr || e.Away <= 0 {
		t.Errorf("reconnected %+v", e)
	}
	if e := next[client.Kicked](t, c); e.RoomURI != pool.URI("Vault") {
		t.Errorf("kicked %+v", e)
	}
	for _, room := range []string{"Desk", "Lunch"} {
		if _, err := c.Post(ctx, room, "back"); err != nil {
			t.Error(err)
		}
	}
}

func TestASilentServerIsNoticed(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	one, two := pool.Listen(), pool.Listen()
	pool.OnRequest = func(q clienttest.Request) clienttest.Action {
		if q.Server == one.Addr && q.Method == "UPDATE" {
			return clienttest.Ignore
		}
		return clienttest.Handle
	}
	o := options("alice", one, two)
	o.KeepAlive, o.Timeout = 200*time.Millisecond, 2*time.Second
	c := dial(t, o)
	if e := next[client.Disconnected](t, c); e.Server != one.Addr {
		t.Errorf("disconnected %+v", e)
	}
	if e := next[client.Reconnected](t, c); e.Server != two.Addr {
		t.Errorf("reconnected %+v", e)
	}
}

func TestARefusalAtReturnIsBelievedOnlyWhenRepeated(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	s := pool.Listen()
	var refusals, after atomic.Int32
	refusals.Store(2)
	pool.OnRequest = func(q clienttest.Request) clienttest.Action {
		if q.Method == "INVITE" && after.Load() > 0 && refusals.Add(-1) >= 0 {
			return clienttest.Forbid
		}
		return clienttest.Handle
	}
	c := dial(t, options("alice", s))
	after.Store(1)
	s.CutAll()
	next[client.Reconnected](t, c)
	refusals.Store(1000)
	s.CutAll()
	for {
		e := next[client.Disconnected](t, c)
		if e.Final {
			if chat.KindOf(e.Err) != chat.Denied {
				t.Errorf("final error %v", e.Err)
			}
			break
		}
	}
	if _, open := <-c.Events(); open {
		t.Error("events go on")
	}
	if _, err := c.Rooms(testContext(t), ""); chat.KindOf(err) != chat.Denied {
		t.Errorf("call after the end: %v", err)
	}
}

func TestAPostWhoseContextEndsIsInDoubt(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	pool.OnRequest = func(q clienttest.Request) clienttest.Action {
		if q.Command == "grpchat" {
			return clienttest.RefuseStored
		}
		return clienttest.Handle
	}
	c := dial(t, options("alice", pool.Listen()))
	if _, err := c.Join(testContext(t), "Desk"); err != nil {
		t.Fatal(err)
	}
	drain(c)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	r, err := c.Post(ctx, "Desk", "hello")
	if !r.InDoubt(err) || !errors.Is(err, context.DeadlineExceeded) || r.Refused < 1 || r.Sent < r.Refused {
		t.Errorf("receipt %+v, %v", r, err)
	}
	if got := stored(pool, "Desk"); len(got) != 1 {
		t.Errorf("stored %q", got)
	}
}

func TestTheServerForgotThatTheUserIsIn(t *testing.T) {
	pool := clienttest.New(t, people, "Desk")
	s := pool.Listen()
	c := dial(t, options("alice", s))
	ctx := testContext(t)
	if _, err := c.Join(ctx, "Desk"); err != nil {
		t.Fatal(err)
	}
	pool.Forget("Desk", "sip:alice@example.com")
	if _, err := c.Post(ctx, "Desk", "hello"); err != nil {
		t.Fatal(err)
	}
	pool.Forget("Desk", "sip:alice@example.com")
	if h, err := c.History(ctx, "Desk", 1); err != nil || len(h) != 1 {
		t.Errorf("history %+v, %v", h, err)
	}
	if d := cmp.Diff([]string{"hello"}, collect(t, c, 1)); d != "" {
		t.Error(d)
	}
}

// Many users, random faults of every kind: what was acknowledged is there once, and every reader has everything once.
func TestStorm(t *testing.T) {
	const writers, posts = 3, 40
	passwords := map[string]string{"reader@example.com": "r"}
	for i := range writers {
		passwords[fmt.Sprintf("w%d@example.com", i)] = "w"
	}
	pool := clienttest.New(t, passwords, "Desk")
	pool.PageSize = 7
	var calm atomic.Bool
	pool.OnRequest = func(q clienttest.Request) clienttest.Action {
		if !calm.Load() && q.User != "" && rand.N(30) == 0 {
			return []clienttest.Action{clienttest.CutBefore, clienttest.CutAfter, clienttest.Refuse, clienttest.RefuseStored, clienttest.Ignore, clienttest.Gone}[rand.N(6)]
		}
		return clienttest.Handle
	}
	pool.OnDeliver = func(string, chat.Position) clienttest.Delivery {
		if !calm.Load() && rand.N(20) == 0 {
			return []clienttest.Delivery{clienttest.Lose, clienttest.Double, clienttest.Swap, clienttest.Cut}[rand.N(4)]
		}
		return clienttest.Deliver
	}
	one, two := pool.Listen(), pool.Listen()
	ctx := testContext(t)
	open := func(user, password string) *client.Client {
		c := dial(t, client.Options{
			Servers: []string{one.Addr, two.Addr}, PlainTCP: true, User: user + "@example.com", Password: password, Patient: true, Timeout: 300 * time.Millisecond,
		})
		if _, err := c.Join(ctx, pool.URI("Desk")); err != nil {
			t.Fatal(err)
		}
		return c
	}
	reader := open("reader", "r")
	var wg sync.WaitGroup
	for w := range writers {
		c := open(fmt.Sprintf("w%d", w), "w")
		drain(c)
		wg.Go(func() {
			for i := range posts {
				if _, err := c.Post(ctx, pool.URI("Desk"), fmt.Sprintf("%d-%03d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		wg.Wait()
		calm.Store(true)
		pool.Say("Desk", "sip:x@example.com", "the end")
	}()
	got := collect(t, reader, writers*posts+1)
	if d := cmp.Diff(stored(pool, "Desk"), got); d != "" {
		t.Error(d)
	}
	for w := range writers {
		var own []string
		for _, text := range got {
			if text[0] == byte('0'+w) {
				own = append(own, text)
			}
		}
		if len(own) != posts || !slices.IsSorted(own) {
			t.Errorf("writer %d: %q", w, own)
		}
	}
}
