package moves

import (
	"testing"
	"time"

	"chatpool.dev/controllers/internal/failover"
)

// follower is a database in epoch 1 that holds so much.
func follower(end int64, streaming bool) failover.Database {
	return failover.Database{
		Known: true, Data: failover.DataPresent, Mode: failover.Following, Streaming: streaming,
		Epochs: []failover.Epoch{{Number: 1}}, Beat: end, LSN: end,
	}
}

func source(end int64) failover.Database {
	d := follower(end, false)
	d.Mode = failover.Open
	return d
}

// A follower is held against facts of its source only when they are younger than what it holds.
func TestAFollowerIsNotAheadOfOldFacts(t *testing.T) {
	now := time.Now()
	type look struct {
		after   time.Duration
		counter int64 // the source's
		own     failover.Database
		source  int64 // what its facts say
		want    int64 // what it is taken to hold
	}
	isolated := follower(20, false)
	isolated.Mode = failover.Isolated
	written := follower(20, true)
	written.Mode = failover.Open
	for sentence, looks := range map[string][]look{
		"a copy that does not stream yet":            {{0, 7, follower(20, false), 10, 20}, {time.Second, 8, follower(20, false), 10, 20}},
		"a copy of a source that was restored":       {{0, 7, follower(20, false), 10, 20}, {4 * time.Second, 9, follower(20, false), 10, 10}},
		"one that streams":                           {{0, 7, follower(20, true), 10, 20}, {8 * time.Second, 11, follower(30, true), 25, 30}},
		"one whose stream was cut":                   {{0, 7, follower(20, true), 10, 20}, {9 * time.Second, 12, follower(20, false), 10, 20}},
		"one whose stream was cut, later":            {{0, 7, follower(20, true), 10, 20}, {11 * time.Second, 12, follower(20, false), 10, 10}},
		"the source's operator began to count anew":  {{0, 7, follower(20, false), 10, 20}, {9 * time.Second, 2, follower(20, false), 10, 20}},
		"one that follows nobody is held against it": {{0, 7, isolated, 10, 10}},
		"a source has no credit with its follower":   {{0, 7, follower(10, true), 10, 10}, {time.Second, 8, written, 15, 15}},
	} {
		t.Run(sentence, func(t *testing.T) {
			m := &memory{}
			for i, l := range looks {
				m.peerCounter = l.counter
				s := source(l.source)
				m.credit(l.own, &s, now.Add(l.after))
				if s.Beat != l.want || s.LSN != l.want {
					t.Errorf("look %d: the source is taken to hold %d/%d, want %d", i, s.Beat, s.LSN, l.want)
				}
			}
		})
	}
}
