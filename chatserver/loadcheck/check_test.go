package loadcheck

import (
	"slices"
	"strings"
	"testing"
	"time"

	"chatpool.dev/chatserver/chat"
)

// good is a run of two rooms without fault: 6 posts in the first, the last one in doubt but stored, and 2 in the second.
func good() *Record {
	r := &Record{
		Rooms:     []RoomRecord{{URI: "u0", Name: "Desk", Start: chat.At(1, 10), Settled: chat.At(2, 16)}, {URI: "u1", Name: "Lunch", Settled: chat.At(1, 2)}},
		MaxAnswer: 3 * time.Second,
	}
	for n := range int32(8) {
		p := Post{ID: PostID{n % 2, n / 2}, Room: int(n) / 6, Started: time.Duration(n) * time.Second, Acknowledged: time.Duration(n)*time.Second + 100, Sent: 1}
		r.Posts = append(r.Posts, p)
		room := &r.Rooms[p.Room]
		room.History = append(room.History, Entry{Position: room.Start + chat.Position(len(room.History)+1), ID: p.ID})
		if p.Room == 1 {
			room.History[len(room.History)-1].Position = chat.At(1, int64(len(room.History)))
		}
	}
	r.Posts[5].Acknowledged, r.Posts[5].InDoubt = 0, true
	r.Posts = append(r.Posts, Post{ID: PostID{0, 99}, InDoubt: true, Sent: 2}) // in doubt and not stored
	r.Rooms[0].History[4].ID = foreign                                         // somebody else's message
	r.Posts[4].Acknowledged, r.Posts[4].InDoubt = 0, true
	r.Readers = []Reader{
		{Name: "from the start", Room: 0, Joined: chat.At(1, 10), Given: slices.Clone(r.Rooms[0].History)},
		{Name: "came later", Room: 0, Joined: chat.At(1, 12), Given: slices.Clone(r.Rooms[0].History[2:])},
		{Name: "other room", Room: 1, Given: slices.Clone(r.Rooms[1].History)},
	}
	return r
}

func TestAGoodRunHasNoViolations(t *testing.T) {
	if v := Check(good()); len(v) > 0 {
		t.Error(v)
	}
}

func TestWhatCameAfterTheReadersHadStoppedIsNotTheirs(t *testing.T) {
	r := good()
	r.Rooms[0].Settled = chat.At(1, 15)
	r.Readers[0].Given = r.Readers[0].Given[:5]
	if v := Check(r); len(v) > 0 {
		t.Error(v)
	}
}

func TestARunOverTwoEpochsHasNoViolations(t *testing.T) {
	r := good()
	for i := 3; i < 6; i++ {
		p := chat.At(2, r.Rooms[0].History[i].Position.Seq())
		r.Rooms[0].History[i].Position, r.Readers[0].Given[i].Position, r.Readers[1].Given[i-2].Position = p, p, p
	}
	if v := Check(r); len(v) > 0 {
		t.Error(v)
	}
}

// recovering is a run that was moved by force: the first room lost its positions 1/13 and 1/14, and after two live posts both were recovered.
func recovering() *Record {
	r := good()
	room := &r.Rooms[0]
	room.Settled = chat.At(2, 16)
	h := room.History
	room.History = []Entry{h[0], h[1],
		{Position: chat.At(2, 13), ID: h[4].ID}, {Position: chat.At(2, 14), ID: h[5].ID},
		{Position: chat.At(2, 15), ID: h[2].ID, Origin: chat.At(1, 13)}, {Position: chat.At(2, 16), ID: h[3].ID, Origin: chat.At(1, 14)}}
	r.Readers[0].Given = slices.Insert(slices.Clone(room.History), 2, h[2], h[3]) // saw both before the move
	r.Readers[1].Given = slices.Insert(slices.Clone(room.History[2:]), 0, h[2])   // saw one
	return r
}

func TestARunWithRecoveredPostsHasNoViolations(t *testing.T) {
	if v := Check(recovering()); len(v) > 0 {
		t.Error(v)
	}
}

func TestWhatAnAuthorSentAgainMayHaveBeenGivenBefore(t *testing.T) {
	r := recovering()
	r.Rooms[0].History[5].Origin = 0
	for i := range r.Readers[:2] {
		r.Readers[i].Given[len(r.Readers[i].Given)-1].Origin = 0
	}
	r.Posts[3].Acknowledged, r.Posts[3].InDoubt = 0, true
	if v := Check(r); len(v) > 0 {
		t.Error(v)
	}
}

func TestEachViolationOfARecoveryIsSeen(t *testing.T) {
	for sentence, c := range map[string]struct {
		spoil func(*Record)
		want  string
	}{
		"recovered in the wrong order": {func(r *Record) {
			h := r.Rooms[0].History
			h[4].ID, h[5].ID, h[4].Origin, h[5].Origin = h[5].ID, h[4].ID, h[5].Origin, h[4].Origin
		}, "ORDER: 2/16 was at 1/13 and is recovered after what was at 1/14"},
		"recovered posts have changed places": {func(r *Record) {
			h := r.Rooms[0].History
			h[4].ID, h[5].ID = h[5].ID, h[4].ID
		}, "SEQUENCE: post 1 of writer 0 was acknowledged before post 1 of writer 1 began"},
		"recovered twice": {func(r *Record) {
			r.Rooms[0].History = append(r.Rooms[0].History, Entry{chat.At(2, 17), PostID{0, 1}, chat.At(1, 15)})
		}, "DOUBLE: post 1 of writer 0 is there again at 2/17"},
		"recovered from its own epoch": {func(r *Record) { r.Rooms[0].History[4].Origin = chat.At(2, 11) }, "ORIGIN: 2/15 is said to be recovered from 2/11"},
		"given, lost and never recovered": {func(r *Record) {
			r.Rooms[0].History = r.Rooms[0].History[:5]
		}, "from the start: EXTRA: was given 1/14"},
		"given, lost and something else recovered": {func(r *Record) { r.Rooms[0].History[5].ID = foreign }, "from the start: EXTRA: was given 1/14"},
		"recovered and not given":                  {func(r *Record) { r.Readers[1].Given = r.Readers[1].Given[:3] }, "came later: MISSING: was never given 2/15"},
	} {
		t.Run(sentence, func(t *testing.T) {
			r := recovering()
			c.spoil(r)
			got := Check(r)
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("got %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestEachViolationIsSeen(t *testing.T) {
	everywhere := func(r *Record, f func([]Entry) []Entry) {
		r.Rooms[0].History = f(r.Rooms[0].History)
		r.Readers[0].Given = f(r.Readers[0].Given)
		r.Readers[1].Joined, r.Readers[1].Given = chat.At(9, 0), nil
	}
	for sentence, c := range map[string]struct {
		spoil func(*Record)
		want  string
	}{
		"an acknowledged post is lost, and so is its position": {func(r *Record) {
			everywhere(r, func(e []Entry) []Entry { return slices.Delete(e, 1, 2) })
		}, "LOST: post 0 of writer 1"},
		"a position is left out": {func(r *Record) {
			everywhere(r, func(e []Entry) []Entry { return slices.Delete(e, 4, 5) })
		}, "GAP: position 1/16 follows 1/14"},
		"the first position is left out": {func(r *Record) { r.Rooms[0].Start = chat.At(1, 9) }, "GAP: position 1/11 follows 1/9"},
		"an acknowledged post is replaced by somebody else's": {func(r *Record) {
			everywhere(r, func(e []Entry) []Entry { e[1].ID = foreign; return e })
		}, "LOST: post 0 of writer 1"},
		"a post is stored twice": {func(r *Record) {
			everywhere(r, func(e []Entry) []Entry { return append(e, Entry{Position: chat.At(1, 17), ID: PostID{0, 0}}) })
		}, "DOUBLE: post 0 of writer 0 is there again at 1/17"},
		"the history is out of order": {func(r *Record) { h := r.Rooms[0].History; h[0], h[1] = h[1], h[0] }, "ORDER: position 1/11 comes after 1/12"},
		"an epoch goes back": {func(r *Record) {
			everywhere(r, func(e []Entry) []Entry {
				for i := range 3 {
					e[i].Position = chat.At(2, e[i].Position.Seq())
				}
				return e
			})
		}, "ORDER: position 1/14 comes after 2/13"},
		"posts have changed places": {func(r *Record) {
			everywhere(r, func(e []Entry) []Entry { e[0].ID, e[1].ID = e[1].ID, e[0].ID; return e })
		}, "SEQUENCE: post 0 of writer 0 was acknowledged before post 0 of writer 1 began"},
		"a refused post is stored": {func(r *Record) {
			r.Posts[5].InDoubt, r.Posts[5].Refusal = false, "403"
		}, "REFUSED: post 2 of writer 1 at 1/16"},
		"a post is refused for good": {func(r *Record) { r.Posts[8].InDoubt, r.Posts[8].Refusal = false, "403 no" }, "something else than 503: 403 no"},
		"a post comes from nowhere": {func(r *Record) {
			everywhere(r, func(e []Entry) []Entry { e[4].ID = PostID{7, 7}; return e })
		}, "UNKNOWN: post 7 of writer 7 at 1/15"},
		"a post is in another room": {func(r *Record) { r.Posts[6].Room = 0 }, "ASTRAY: post 3 of writer 0"},
		"an answer is late":         {func(r *Record) { r.Posts[0].SlowestAnswer = 4 * time.Second }, "took 4s, more than 3s"},
		"a message is altered":      {func(r *Record) { r.Rooms[0].Faults = []string{"altered"} }, "Desk: history: altered"},
		"a reader misses one":       {func(r *Record) { r.Readers[0].Given = slices.Delete(r.Readers[0].Given, 3, 4) }, "from the start: MISSING: was never given 1/14"},
		"a reader misses the first": {func(r *Record) { r.Readers[1].Given = r.Readers[1].Given[1:] }, "came later: MISSING: was never given 1/13"},
		"a reader misses the last":  {func(r *Record) { r.Readers[0].Given = r.Readers[0].Given[:5] }, "from the start: MISSING: was never given 1/16"},
		"a reader gets one twice": {func(r *Record) {
			r.Readers[0].Given = slices.Insert(r.Readers[0].Given, 2, r.Readers[0].Given[1])
		}, "from the start: given 1/12 (post 0 of writer 1) after 1/12"},
		"a reader gets two in the wrong order": {func(r *Record) { g := r.Readers[0].Given; g[1], g[2] = g[2], g[1] }, "from the start: given 1/12 (post 0 of writer 1) after 1/13"},
		"a reader gets what is not there": {func(r *Record) {
			r.Readers[2].Given = append(r.Readers[2].Given, Entry{Position: chat.At(1, 3), ID: foreign})
		}, "other room: EXTRA: was given 1/3"},
		"a reader gets something else": {func(r *Record) { r.Readers[0].Given[0].ID = foreign }, "OTHER: was given 1/11 as a message of somebody else, the history has post 0 of writer 0"},
		"a reader notes a fault":       {func(r *Record) { r.Readers[0].Faults = []string{"kicked"} }, "from the start: kicked"},
	} {
		t.Run(sentence, func(t *testing.T) {
			r := good()
			c.spoil(r)
			got := Check(r)
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("got %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestViolationsAreBounded(t *testing.T) {
	r := good()
	r.Rooms[0].History = nil
	r.Posts = nil
	for n := range int32(1000) {
		r.Posts = append(r.Posts, Post{ID: PostID{0, n}, Acknowledged: 1})
	}
	r.Readers = nil
	r.Rooms[1].History = nil
	got := Check(r)
	if len(got) != maxExamples+1 || !strings.Contains(got[maxExamples], "997 more") {
		t.Errorf("got %q", got)
	}
}
