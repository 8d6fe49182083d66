package moves

import (
	"encoding/base64"
	"fmt"
	"testing"

	"chatpool.dev/controllers/internal/cnpg"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"
)

func tokenText(timeline int64, shutdown string) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"latestCheckpointTimelineID":"%d","latestCheckpointREDOLocation":"%s"}`, timeline, shutdown))
}

func TestATokenThatCannotBeReadIsNone(t *testing.T) {
	for _, text := range []string{"", "%", "e30=", base64.StdEncoding.EncodeToString([]byte(`{"latestCheckpointTimelineID":"x"}`))} {
		if got := readToken(text); got != (token{}) {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
	want := token{Token: failover.Token{Text: tokenText(3, "0/80"), Timeline: 3}, shutdown: 0x80}
	if got := readToken(want.Text); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A demoted database is known by its token before it answers, when the token is of the timeline on which it was last seen
// open, and only for the grant.
func TestADemotedDatabaseIsKnownByItsToken(t *testing.T) {
	open := source(0x70)
	open.Timeline = 3
	follows := open
	follows.Mode = failover.Following
	moving := failover.Status{Transition: failover.Transition{Kind: failover.Planned, Step: failover.DemotingOld}}
	granted := moving
	granted.Grant.Epoch = 2
	for sentence, c := range map[string]struct {
		was    failover.Database
		status failover.Status
		order  *cnpg.Cluster
		token  string
		known  bool
	}{
		"it was demoted":                            {open, moving, cluster("backup", naming.Nobody), tokenText(3, "0/80"), true},
		"no token yet":                              {open, moving, cluster("backup", naming.Nobody), "", false},
		"the token is of the demotion before":       {open, moving, cluster("backup", naming.Nobody), tokenText(2, "0/80"), false},
		"it opened by itself once more":             {open, moving, cluster("backup", naming.Nobody), tokenText(4, "0/80"), false},
		"the token is of an older place":            {open, moving, cluster("backup", naming.Nobody), tokenText(3, "0/60"), false},
		"it is ordered to open again":               {open, moving, cluster("home", "backup"), tokenText(3, "0/80"), false},
		"it was never seen open by this process":    {failover.Database{}, moving, cluster("backup", naming.Nobody), tokenText(3, "0/80"), false},
		"it was seen as a follower last":            {follows, moving, cluster("backup", naming.Nobody), tokenText(3, "0/80"), false},
		"the grant stands: it must speak itself":    {open, granted, cluster("backup", naming.Nobody), tokenText(3, "0/80"), false},
		"there is no move: it does not answer":      {open, failover.Status{}, cluster("backup", naming.Nobody), tokenText(3, "0/80"), false},
		"its Cluster is gone: nothing is known yet": {open, moving, nil, "", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			if c.order != nil {
				c.order.Status.DemotionToken = c.token
			}
			r := &round{memory: &memory{database: c.was}}
			r.observed.Status, r.seen.own.cluster = c.status, c.order
			got := r.demoted(failover.Database{})
			if got.Known != c.known {
				t.Fatalf("known %t, want %t", got.Known, c.known)
			}
			if c.known && (got.Mode != failover.Isolated || got.LSN != 0x81 || got.Token.Text != c.token || got.Newest() != 1) {
				t.Errorf("it is taken for %+v", got)
			}
		})
	}
}
