package client_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
	"chatpool.dev/chatserver/client/clienttest"
)

// A failover loses the newest messages of a room. Who had them is told so, before he gets what comes after the fork, in
// order and once, recovered messages included.
func TestAnOvertakenEpochIsLeftWhereTheForkWas(t *testing.T) {
	for name, comeback := range map[string]func(t *testing.T, pool *clienttest.Pool, c *client.Client){
		"a client that stays":      func(*testing.T, *clienttest.Pool, *client.Client) {},
		"a client that comes back": func(_ *testing.T, pool *clienttest.Pool, _ *client.Client) { pool.CutAll() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := clienttest.New(t, people, "Desk")
			c := dial(t, options("alice", pool.Listen()))
			if _, err := c.Join(testContext(t), pool.URI("Desk")); err != nil {
				t.Fatal(err)
			}
			all := texts(12)
			for _, text := range all[:6] {
				pool.Say("Desk", "sip:carol@example.com", text)
			}
			if d := cmp.Diff(all[:6], collect(t, c, 6)); d != "" {
				t.Fatal(d)
			}
			lost := pool.Messages("Desk")[4:]
			pool.Overtake("Desk", 4)
			comeback(t, pool, c)
			// The lost ones are recovered, then the room goes on.
			for _, m := range lost {
				pool.Recover("Desk", m)
			}
			for _, text := range all[6:] {
				pool.Say("Desk", "sip:carol@example.com", text)
			}
			var got []string
			var forks []client.Forked
			last := chat.At(1, 6)
			for len(got) < 8 {
				select {
				case e := <-c.Events():
					switch e := e.(type) {
					case client.Forked:
						if forks = append(forks, e); len(got) > 0 {
							t.Errorf("the fork is told after %d messages", len(got))
						}
					case client.Message:
						var origin chat.Position
						if len(got) < 2 {
							origin = chat.At(1, int64(5+len(got)))
						}
						if e.Origin != origin {
							t.Errorf("%s is said to have been at %s: want %s", e.Pos, e.Origin, origin)
						}
						if e.Pos <= last || e.Missing != 0 {
							t.Errorf("%s after %s, %d missing", e.Pos, last, e.Missing)
						}
						last, got = e.Pos, append(got, e.Text)
					}
				case <-testContext(t).Done():
					t.Fatalf("only %v came", got)
				}
			}
			if d := cmp.Diff(all[4:], got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]client.Forked{{RoomURI: pool.URI("Desk"), Fork: chat.At(1, 4), Had: chat.At(1, 6)}}, forks); d != "" {
				t.Error(d)
			}
			page, err := c.HistoryAfter(testContext(t), pool.URI("Desk"), chat.At(1, 5), 2)
			if err != nil || !page.Forked || page.Fork != chat.At(1, 4) || !page.More || len(page.Messages) != 2 || page.Messages[0].Pos != chat.At(2, 5) {
				t.Errorf("asked from beyond the fork: %+v, %v", page, err)
			}
		})
	}
}
