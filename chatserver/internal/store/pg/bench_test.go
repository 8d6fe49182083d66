package pg_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"chatpool.dev/chatserver/chat"
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

func measure(b *testing.B, post func(author chat.Principal, i int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for w := range benchWriters {
		wg.Go(func() {
			author := chat.Principal(fmt.Sprintf("sip:w%d-%d@example.com", w, b.N))
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := post(author, int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
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
