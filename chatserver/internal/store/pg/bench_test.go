package pg_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/gate"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/store/pgtest"
)

// benchWriters post at the same time, each the next when the last one is acknowledged.
const benchWriters = 128

// BenchmarkPost compares the store with one transaction for each post, on a server that writes to disk and to a mirror.
// Each is measured in turn in every number of rooms.
func BenchmarkPost(b *testing.B) {
	server := pgtest.Start(b, pgtest.Options{Mirror: true, Durable: true})
	for _, n := range []int{1, 10, 100} {
		conn := server.Database(b)
		b.Run(fmt.Sprintf("rooms=%d/way=store", n), func(b *testing.B) {
			p := run(b, "a", conn, nil)
			rs := p.rooms(n)
			measure(b, func(author chat.Principal, i int) error {
				r := rs[i%n]
				return (<-p.post(draft(r.ID, author, i), r.Version)).Err
			})
		})
		conn = server.Database(b)
		b.Run(fmt.Sprintf("rooms=%d/way=naive", n), func(b *testing.B) {
			rs := run(b, "a", conn, nil).rooms(n)
			pool := naivePool(b, conn)
			measure(b, func(author chat.Principal, i int) error {
				return naive(b.Context(), pool, draft(rs[i%n].ID, author, i))
			})
		})
	}
}

// BenchmarkGate compares posts without a gate and behind one that is open, on the same database, a short while each in turn.
func BenchmarkGate(b *testing.B) {
	server := pgtest.Start(b, pgtest.Options{Mirror: true, Durable: true})
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("rooms=%d", n), func(b *testing.B) {
			conn := server.Database(b)
			off, on := run(b, "off", conn, nil), run(b, "on", conn, nil, opened(b))
			rs := off.rooms(2 * n)
			took := map[*pod][]time.Duration{} // each turn
			b.ResetTimer()
			for done := 0; done < b.N; done += gateSlice {
				for i, p := range []*pod{off, on} {
					begin := time.Now()
					spread(gateSlice, func(w, k int) error {
						r := rs[i*n+k%n]
						author := chat.Principal(fmt.Sprintf("sip:w%d@example.com", w))
						return (<-p.post(draft(r.ID, author, b.N*gateSlice+done+k), r.Version)).Err
					}, b)
					took[p] = append(took[p], time.Since(begin))
				}
			}
			b.ReportMetric(gateSlice/median(took[off]), "off-posts/s")
			b.ReportMetric(gateSlice/median(took[on]), "on-posts/s")
			b.ReportMetric(median(took[on])/median(took[off]), "on/off-time")
		})
	}
}

// gateSlice is how many posts one way has in a turn.
const gateSlice = 1000

// median is that of the times, in seconds: the disk's hiccups are not the gate's.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return times[len(times)/2].Seconds()
}

// opened makes a gate that runs until the benchmark ends, and is open.
func opened(b *testing.B) func(*pg.Store) pg.Gate {
	return func(s *pg.Store) pg.Gate {
		g := gate.New(gate.Options{Database: s, Site: "home", Pod: "a", Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = g.Run(ctx) }()
		b.Cleanup(func() { cancel(); <-ended })
		eventually(b, "the gate is opened", func() bool {
			_, err := g.Activate(b.Context(), adminapi.Opening{Epoch: 1, Site: "home", Ticket: g.Activation().Ticket})
			return err == nil
		})
		return g
	}
}

func measure(b *testing.B, post func(author chat.Principal, i int) error) {
	b.ResetTimer()
	spread(b.N, func(w, i int) error {
		return post(chat.Principal(fmt.Sprintf("sip:w%d-%d@example.com", w, b.N)), i)
	}, b)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
}

// spread has n posts, counted from 1, made by the writers.
func spread(n int, post func(writer, i int) error, b *testing.B) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range benchWriters {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := post(w, int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func naivePool(b *testing.B, conn string) *pgxpool.Pool {
	c, err := pgxpool.ParseConfig(conn)
	if err != nil {
		b.Fatal(err)
	}
	c.MaxConns = 16 // as many as the store has
	pool, err := pgxpool.NewWithConfig(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return pool
}

// naive is what one writes first: take the next number, insert, commit.
func naive(ctx context.Context, pool *pgxpool.Pool, d chat.Draft) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	var seq int64
	err = tx.QueryRow(ctx, `UPDATE room_seq SET seq = seq + 1, epoch = 1 WHERE room_id = $1::text::uuid RETURNING seq`, string(d.Room)).Scan(&seq)
	if err != nil {
		return err
	}
	k := d.Key()
	if _, err = tx.Exec(ctx, `INSERT INTO message (room_id, epoch, seq, author, author_name, at, alert, kept, text, endpoint, envelope, body_hash)
		VALUES ($1::text::uuid, 1, $2, $3, $4, now(), false, true, $5, $6, $7, $8)`,
		string(d.Room), seq, d.Author, d.Name, d.Text, d.Endpoint, d.Envelope, k.Hash[:]); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
