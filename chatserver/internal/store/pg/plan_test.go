package pg

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chatpool.dev/chatserver/chat"
)

// TestEachPlanKeepsTheRulesOfPositions draws batches with repeated drafts, unknown rooms, old versions and posts that
// are stored already, and checks every outcome against the rules, one by one.
func TestEachPlanKeepsTheRulesOfPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := observed{epoch: rapid.Int64Range(1, 5).Draw(t, "epoch"), now: time.Unix(1, 0), rooms: map[[16]byte]roomRow{},
			skipped: rapid.Bool().Draw(t, "skipped"), duplicates: map[int]duplicate{}}
		for i := range rapid.IntRange(0, 3).Draw(t, "rooms") {
			room := [16]byte{byte(i)}
			o.rooms[room] = roomRow{room: room, epoch: 1, seq: rapid.Int64Range(0, 9).Draw(t, "seq"), version: 1}
		}
		var batch []*post
		storedAt := map[chat.ClientKey]duplicate{}
		for i := range rapid.IntRange(1, 12).Draw(t, "posts") {
			n := rapid.IntRange(0, 3).Draw(t, "room")
			d := chat.Draft{Room: idOf([16]byte{byte(n)}), Author: "sip:a@b", Envelope: fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "envelope")), Text: "x"}
			p := &post{draft: d, key: d.Key(), room: [16]byte{byte(n)}, version: rapid.Int64Range(1, 2).Draw(t, "version")}
			if _, known := storedAt[p.key]; !known && rapid.Bool().Draw(t, "stored") {
				storedAt[p.key] = duplicate{pos: chat.At(1, 0)}
			}
			batch = append(batch, p)
			if dup := storedAt[p.key]; dup.pos != 0 {
				o.duplicates[i] = dup
			}
		}
		check(t, batch, o, decide(batch, o))
	})
}

func check(t *rapid.T, batch []*post, o observed, p plan) {
	next := map[[16]byte]int64{}
	placed := map[chat.ClientKey]chat.Position{}
	inserted := map[int]bool{}
	for _, i := range p.insert {
		inserted[i] = true
	}
	for i, b := range batch {
		r := p.results[i]
		row, known := o.rooms[b.room]
		if next[b.room] == 0 {
			next[b.room] = row.seq
		}
		dup, stored := o.duplicates[i]
		switch {
		case !known:
			if want := map[bool]chat.Kind{true: chat.Unavailable, false: chat.NotFound}[o.skipped]; !chat.Is(r.Err, want) {
				t.Fatalf("%d: %+v: want %s", i, r, want)
			}
		case stored:
			if r.Err != nil || !r.Duplicate || r.Message.Pos != dup.pos && r.Message.Pos != placed[b.key] {
				t.Fatalf("%d: %+v: want the stored one", i, r)
			}
		case placed[b.key] != 0:
			if r.Err != nil || !r.Duplicate || r.Message.Pos != placed[b.key] {
				t.Fatalf("%d: %+v: want the one before in the batch", i, r)
			}
		case b.version != row.version:
			if !errors.Is(r.Err, ErrStale) || !chat.Is(r.Err, chat.Conflict) {
				t.Fatalf("%d: %+v: want stale", i, r)
			}
		default:
			next[b.room]++
			placed[b.key] = chat.At(o.epoch, next[b.room])
			if r.Err != nil || r.Duplicate || r.Message.Pos != placed[b.key] || !inserted[i] {
				t.Fatalf("%d: %+v: want %s", i, r, placed[b.key])
			}
			continue
		}
		if inserted[i] {
			t.Fatalf("%d is inserted though its result is %+v", i, r)
		}
	}
	for room, head := range p.heads {
		if next[room] != head {
			t.Fatalf("head %d: want %d", head, next[room])
		}
	}
}

func TestBatchesAreBoundedAndKeepOrder(t *testing.T) {
	q := newQueue()
	add := func(room, n int) {
		for i := range n {
			q.add(&post{room: [16]byte{byte(room)}, draft: chat.Draft{Envelope: fmt.Sprint(i)}})
		}
	}
	for room := range maxBatchRooms + 3 {
		add(room, 2)
	}
	add(200, hotRoom)
	first := q.take()
	if len(first) != 2*maxBatchRooms {
		t.Fatalf("%d posts: want those of %d rooms", len(first), maxBatchRooms)
	}
	add(0, 1) // in flight: must wait
	if rest := q.take(); len(rest) != 6 {
		t.Fatalf("%d posts: want those of the 3 rooms that are left, without the hot one's", len(rest))
	}
	if hot := q.take(); len(hot) != hotRoom || hot[0].room[0] != 200 {
		t.Fatalf("%d posts: want those of the hot room by itself", len(hot))
	}
	q.release(first)
	if again := q.take(); len(again) != 1 || again[0].room != first[0].room {
		t.Fatalf("%d posts: want the one that waited for its room", len(again))
	}
	if q.len() != 0 {
		t.Fatalf("%d posts left", q.len())
	}
	add(7, maxBatch+5) // room 7's batch is released, so it is free
	if b := q.take(); len(b) != maxBatch || b[0].draft.Envelope != "0" || b[maxBatch-1].draft.Envelope != fmt.Sprint(maxBatch-1) {
		t.Fatalf("%d posts: want the first %d in order", len(b), maxBatch)
	}
	if rest := q.close(); len(rest) != 5 || q.bytes != 0 {
		t.Fatalf("%d posts left: want 5", len(rest))
	}
	if q.take() != nil || q.add(&post{}) {
		t.Fatal("closed, and still gives or takes")
	}
}

func TestLargePostsMakeSmallBatchesAndFillTheQueueSooner(t *testing.T) {
	q := newQueue()
	n := 0
	for q.add(&post{room: [16]byte{byte(n)}, draft: chat.Draft{RTF: strings.Repeat("x", 1<<20)}}) {
		n++
	}
	if n != maxQueuedBytes>>20 {
		t.Errorf("%d posts of 1 MiB: want %d", n, maxQueuedBytes>>20)
	}
	if b := q.take(); len(b) != maxBatchBytes>>20 {
		t.Errorf("a batch has %d posts of 1 MiB: want %d", len(b), maxBatchBytes>>20)
	}
	if !q.add(&post{}) {
		t.Error("there is space again, and a post is refused")
	}
}
