package hub

import (
	"slices"
	"testing"

	"chatpool.dev/chatserver/chat"
	"pgregory.net/rapid"
)

// Whatever comes in whatever order, a stream delivers every position once and in order, and when all is read nothing
// is missing.
func TestStreamDeliversEachPositionOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := chat.At(1, rapid.Int64Range(0, 3).Draw(t, "start"))
		s := stream{cursor: start, head: start}
		var stored []chat.Message // all messages after start
		next := start + 1
		var delivered []chat.Position
		take := func(ms []chat.Message) {
			for _, m := range ms {
				delivered = append(delivered, m.Pos)
			}
		}
		var late []chat.Message // committed here, not told yet
		var reading []chat.Message
		var readTo chat.Position
		after := func(p chat.Position) (out []chat.Message) {
			for _, m := range stored {
				if m.Pos > p {
					out = append(out, m)
				}
			}
			return out
		}
		startReading := func() {
			s.reading = true
			reading = after(s.cursor)
			if limit := rapid.IntRange(1, 5).Draw(t, "limit"); len(reading) > limit {
				reading = reading[:limit]
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"a message is stored": func(t *rapid.T) {
				m := chat.Message{Pos: next}
				if rapid.IntRange(0, 9).Draw(t, "epoch") == 0 {
					m.Pos = chat.At(next.Epoch()+1, next.Seq())
				}
				next = m.Pos + 1
				stored = append(stored, m)
				if rapid.Bool().Draw(t, "ours") {
					late = append(late, m)
				}
			},
			"we are told of one of ours": func(t *rapid.T) {
				if len(late) == 0 {
					t.Skip()
				}
				m := late[0]
				late = late[1:]
				if rapid.IntRange(0, 4).Draw(t, "lost") > 0 {
					take(s.committed(m))
				}
			},
			"a hint comes": func(t *rapid.T) {
				if len(stored) == 0 {
					t.Skip()
				}
				s.learn(rapid.SampledFrom(stored).Draw(t, "hint").Pos)
			},
			"reading starts": func(t *rapid.T) {
				if !s.behind() {
					t.Skip()
				}
				startReading()
			},
			"reading succeeds": func(t *rapid.T) {
				if !s.reading {
					t.Skip()
				}
				take(s.read(reading, readTo))
			},
			"reading fails": func(t *rapid.T) {
				if !s.reading {
					t.Skip()
				}
				s.failed()
			},
			"": func(t *rapid.T) {
				var want []chat.Position
				for _, m := range stored {
					want = append(want, m.Pos)
				}
				if len(delivered) > len(want) || !slices.Equal(delivered, want[:len(delivered)]) {
					t.Fatalf("delivered %v of %v", delivered, want)
				}
				if len(s.ahead) > maxAhead {
					t.Fatalf("%d messages are kept", len(s.ahead))
				}
			},
		})
		// The poll finds what is left.
		s.failed()
		if len(stored) > 0 {
			s.learn(stored[len(stored)-1].Pos)
		}
		for s.behind() {
			startReading()
			take(s.read(reading, 0))
		}
		if len(delivered) != len(stored) {
			t.Fatalf("delivered %d of %d messages", len(delivered), len(stored))
		}
	})
}

func TestStreamSkipsWhatWasNotKept(t *testing.T) {
	s := stream{cursor: chat.At(1, 5), head: chat.At(1, 5)}
	if got := s.committed(chat.Message{Pos: chat.At(1, 9)}); got != nil {
		t.Fatalf("delivered %v over a gap", got)
	}
	if !s.behind() {
		t.Fatal("a gap is to be read")
	}
	s.reading = true
	got := s.read(nil, chat.At(1, 8)) // nothing is left of 6 to 8
	if len(got) != 1 || got[0].Pos != chat.At(1, 9) || s.behind() {
		t.Fatalf("delivered %v, behind %t", got, s.behind())
	}
}
