package client

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chatpool.dev/chatserver/chat"
)

func at(epoch, seq int64) chat.Message { return chat.Message{Pos: chat.At(epoch, seq)} }

func positions(list []delivery) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Pos.String())
	}
	return out
}

func TestSequence(t *testing.T) {
	type step struct {
		live   []chat.Message // either live messages
		page   []chat.Message // or a page
		want   []string
		behind bool
	}
	for sentence, c := range map[string]struct {
		head  chat.Position
		steps []step
	}{
		"messages in order pass": {chat.At(1, 4), []step{
			{live: []chat.Message{at(1, 5), at(1, 6)}, want: []string{"1/5", "1/6"}},
		}},
		"what is old or doubled is dropped": {chat.At(1, 4), []step{
			{live: []chat.Message{at(1, 4), at(1, 5), at(1, 5), at(1, 3)}, want: []string{"1/5"}},
		}},
		"a gap holds back until it is filled live": {chat.At(1, 4), []step{
			{live: []chat.Message{at(1, 6), at(1, 7)}, behind: true},
			{live: []chat.Message{at(1, 5)}, want: []string{"1/5", "1/6", "1/7"}},
		}},
		"a gap is filled by a page that overlaps": {chat.At(1, 4), []step{
			{live: []chat.Message{at(1, 7)}, behind: true},
			{page: []chat.Message{at(1, 4), at(1, 5), at(1, 6), at(1, 7)}, want: []string{"1/5", "1/6", "1/7"}},
		}},
		"a page may stop short": {chat.At(1, 4), []step{
			{live: []chat.Message{at(1, 8)}, behind: true},
			{page: []chat.Message{at(1, 5)}, want: []string{"1/5"}, behind: true},
		}},
		"a new epoch is checked in the history": {chat.At(1, 4), []step{
			{live: []chat.Message{at(2, 5)}, behind: true},
			{page: []chat.Message{at(2, 5)}, want: []string{"2/5"}},
		}},
		"an overtaken epoch is left where the fork was": {chat.At(1, 9), []step{
			{live: []chat.Message{at(2, 7)}, behind: true},
			{page: []chat.Message{at(2, 6), at(2, 7)}, want: []string{"2/6", "2/7"}},
		}},
		"the first message of an empty room needs no check": {0, []step{
			{live: []chat.Message{at(3, 1)}, want: []string{"3/1"}},
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			var s sequence
			s.start(c.head, c.head, true)
			for i, st := range c.steps {
				var got []delivery
				for _, m := range st.live {
					got = append(got, s.live(m)...)
				}
				if st.page != nil {
					got = append(got, s.page(st.page)...)
				}
				if d := cmp.Diff(st.want, positions(got)); d != "" || s.behind() != st.behind {
					t.Errorf("step %d: behind %v, want %v; %s", i, s.behind(), st.behind, d)
				}
			}
		})
	}
}

func TestSequenceGivesUpAndSaysWhatIsMissing(t *testing.T) {
	var s sequence
	s.start(chat.At(1, 4), chat.At(1, 4), true)
	s.live(at(1, 8))
	s.live(at(1, 9))
	got := s.giveUp()
	if len(got) != 2 || got[0].missing != 3 || got[1].missing != 0 || s.behind() {
		t.Errorf("got %+v, behind %v", got, s.behind())
	}
}

func TestSequenceWithoutHistoryDeliversWhatComes(t *testing.T) {
	var s sequence
	s.start(chat.At(1, 4), chat.At(1, 4), false)
	if got := s.live(at(1, 8)); len(got) != 1 || got[0].missing != 0 || s.behind() {
		t.Errorf("got %+v", got)
	}
	s.start(0, chat.At(1, 20), false)
	if got := s.live(at(1, 20)); got != nil {
		t.Errorf("a message from before the return: %+v", got)
	}
}

func TestSequenceAfterAFork(t *testing.T) {
	var s sequence
	s.start(chat.At(1, 4), chat.At(1, 4), true)
	for seq := int64(5); seq <= 9; seq++ {
		s.live(at(1, seq))
	}
	s.live(at(1, 12)) // held: 10 and 11 are missing
	s.live(at(2, 8))  // of the epoch that overtook
	if s.fork(chat.At(1, 8), chat.At(1, 6)) || s.fork(chat.At(1, 9), chat.At(1, 9)) {
		t.Fatal("took a fork that says nothing about what was delivered")
	}
	if !s.fork(chat.At(1, 9), chat.At(1, 6)) || !s.behind() {
		t.Fatalf("the fork is not taken, or nothing is to be fetched: %+v", s)
	}
	if got := s.page([]chat.Message{at(2, 7)}); !cmp.Equal([]string{"2/7", "2/8"}, positions(got)) || got[0].missing != 0 {
		t.Errorf("delivered %v, missing %d", positions(got), got[0].missing)
	}
	// A server that does not know better.
	if got := append(s.live(at(1, 10)), s.page([]chat.Message{at(1, 7), at(1, 13)})...); got != nil {
		t.Errorf("delivered %v of the overtaken epoch", positions(got))
	}
	if s.start(0, chat.At(1, 13), true); s.behind() {
		t.Error("behind a head of the overtaken epoch")
	}
	if got := s.live(at(2, 9)); !cmp.Equal([]string{"2/9"}, positions(got)) {
		t.Errorf("delivered %v", positions(got))
	}
}

// Whatever order and holes the live messages have, with pages in between, everything comes once and in order.
func TestSequenceProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		head := rapid.Int64Range(0, 5).Draw(t, "head")
		end := head + rapid.Int64Range(1, 40).Draw(t, "messages")
		fork := rapid.Int64Range(1, end+1).Draw(t, "fork")
		pos := func(seq int64) chat.Message {
			if seq < fork {
				return at(1, seq)
			}
			return at(2, seq)
		}
		var s sequence
		var got []delivery
		if head == 0 {
			got = s.start(0, 0, true)
		} else {
			got = s.start(pos(head).Pos, pos(head).Pos, true)
		}
		stored := head
		for stored < end || s.last != pos(end).Pos {
			if stored < end && rapid.Bool().Draw(t, "post") {
				stored++
				got = append(got, s.live(pos(stored))...) // often arrives
				continue
			}
			switch rapid.IntRange(0, 2).Draw(t, "event") {
			case 0: // lost
				if stored < end {
					stored++
				}
			case 1: // an old one again, or any other
				got = append(got, s.live(pos(rapid.Int64Range(1, max(1, stored)).Draw(t, "again")))...)
			case 2: // a page
				n := rapid.Int64Range(1, 10).Draw(t, "page size")
				var page []chat.Message
				for seq := int64(1); seq <= stored && int64(len(page)) < n; seq++ {
					if pos(seq).Pos > s.last {
						page = append(page, pos(seq))
					}
				}
				got = append(got, s.page(page)...)
			}
		}
		if int64(len(got)) != end-head {
			t.Fatalf("%d delivered, want %d: %v", len(got), end-head, positions(got))
		}
		for i, d := range got {
			if want := pos(head + 1 + int64(i)).Pos; d.Pos != want || d.missing != 0 {
				t.Fatalf("delivery %d is %v (missing %d), want %v", i, d.Pos, d.missing, want)
			}
		}
	})
}
