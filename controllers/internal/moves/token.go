package moves

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/controllers/internal/failover"
)

// token is CloudNativePG's demotion token: base64 of JSON, the control data of a database that was shut to follow.
type token struct {
	failover.Token
	shutdown adminapi.LSN // where the record begins with which it was shut: everything written is before it
}

// readToken reads a token; one that cannot be read is none.
func readToken(text string) token {
	var said struct {
		Timeline string       `json:"latestCheckpointTimelineID"`
		Shutdown adminapi.LSN `json:"latestCheckpointREDOLocation"`
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if text == "" || err != nil || json.Unmarshal(raw, &said) != nil {
		return token{}
	}
	n, err := strconv.ParseInt(said.Timeline, 10, 64)
	if err != nil {
		return token{}
	}
	return token{Token: failover.Token{Text: text, Timeline: n}, shutdown: said.Shutdown}
}

// demoted is what the token alone says of a database that is being demoted: while it starts again as a standby it answers
// nobody for seconds, in which posts are held back. A promotion begins a timeline, so a token of the timeline on which the
// database was last seen open stands for all that was written there. This counts up to the grant and no further:
// whoever follows, copies or discards asks the database itself.
func (r *round) demoted(unknown failover.Database) failover.Database {
	st, was, c := r.observed.Status, r.memory.database, r.seen.own.cluster
	if st.Transition.Kind != failover.Planned || st.Grant.Epoch != 0 || c == nil || !c.Follows() || was.Mode != failover.Open {
		return unknown
	}
	t := readToken(c.Status.DemotionToken)
	if t.Timeline == 0 || t.Timeline != was.Timeline || int64(t.shutdown) < was.LSN {
		return unknown
	}
	was.Fenced, was.Mode, was.Closing, was.Followed = unknown.Fenced, failover.Isolated, false, false
	was.LSN, was.Token = int64(t.shutdown)+1, t.Token // whoever has a byte of a record was sent the whole
	return was
}
