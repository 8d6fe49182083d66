package sites

import (
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"

	"pgregory.net/rapid"
)

var day0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestLiveness(t *testing.T) {
	at := func(s float64) time.Time { return day0.Add(time.Duration(s * float64(time.Second))) }
	w := &Watch{}
	for _, step := range []struct {
		sentence string
		counter  int64
		err      string
		second   float64
		want     string
	}{
		{"nothing was ever read", 0, "no answer", 0, v1alpha1.PeerUnknown},
		{"a first look says nothing about life", 7, "", 2, v1alpha1.PeerUnknown},
		{"a change is life", 8, "", 4, v1alpha1.PeerAlive},
		{"no change for a moment", 8, "", 13, v1alpha1.PeerAlive},
		{"no change for long", 8, "", 14, v1alpha1.PeerSilent},
		{"no answer is not silence", 8, "no answer", 16, v1alpha1.PeerUnknown},
		{"a counter that begins anew is life, too", 1, "", 18, v1alpha1.PeerAlive},
	} {
		w.Read(step.counter, step.err, at(step.second))
		if got, _ := w.State(at(step.second)); got != step.want {
			t.Errorf("%s: %s, want %s", step.sentence, got, step.want)
		}
	}
	dead := &Watch{}
	dead.Read(5, "", at(0))
	if got, _ := dead.State(at(11)); got != v1alpha1.PeerSilent {
		t.Errorf("a counter that never changed is %s after 11 s", got)
	}
}

// The bound is never too small: whatever the source wrote before now minus the bound has arrived.
func TestLagIsAnUpperBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &Lag{}
		type write struct {
			at  time.Time
			end int64
		}
		var written []write
		now, end, reached := day0, int64(0), int64(0)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 2).Draw(t, "event") {
			case 0:
				end += int64(rapid.IntRange(1, 1000).Draw(t, "bytes"))
				written = append(written, write{now, end})
			case 1:
				l.Source(end, now)
			case 2:
				reached = rapid.Int64Range(reached, end).Draw(t, "reached")
				l.Reached(reached)
			}
			age, ok := l.Age(now)
			if !ok {
				continue
			}
			for _, w := range written {
				if w.end > reached && now.Sub(w.at) > age {
					t.Fatalf("something %v old is missing, the bound is %v", now.Sub(w.at), age)
				}
			}
		}
		l.Source(end, now)
		l.Reached(end)
		if age, ok := l.Age(now); !ok || age != 0 {
			t.Fatalf("everything is here, and the bound is %v, %t", age, ok)
		}
	})
}

func TestWhenAStandbyIsClonedAnew(t *testing.T) {
	behind := Standby{Known: true, SourceActive: true, Position: 100, SourceKeeps: 101}
	with := func(change func(*Standby)) Standby { s := behind; change(&s); return s }
	for sentence, c := range map[string]struct {
		in   Standby
		want bool
	}{
		"the log that it needs is gone":          {behind, true},
		"the source still has it":                {with(func(s *Standby) { s.SourceKeeps = 100 }), false},
		"one of them cannot be asked":            {with(func(s *Standby) { s.Known = false }), false},
		"it streams after all":                   {with(func(s *Standby) { s.Receiving = true }), false},
		"the other is no active site":            {with(func(s *Standby) { s.SourceActive = false }), false},
		"it was once active and may have a tail": {with(func(s *Standby) { s.WasActive = true }), false},
		"it has not said where it is":            {with(func(s *Standby) { s.Position = 0 }), false},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := c.in.FellBehind(); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestEndpoints(t *testing.T) {
	for text, want := range map[string]Endpoint{
		"10.90.2.11:30432": {"10.90.2.11", 30432, false},
		"10.90.2.11":       {"10.90.2.11", 5432, false},
		"db.example.com":   {"db.example.com", 5432, true},
		"db.example.com:1": {"db.example.com", 1, true},
	} {
		if got, err := EndpointOf(v1alpha1.Site{DatabaseEndpoint: text}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a:0", "a:65536"} {
		if e, err := EndpointOf(v1alpha1.Site{DatabaseEndpoint: text}); err == nil {
			t.Errorf("%q is taken: %+v", text, e)
		}
	}
}
