package hub

import (
	"fmt"
	"testing"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"github.com/google/go-cmp/cmp"
)

// people makes what the store says of a room with n users, as it lists them up to the limit.
func people(revision int64, n, limit int) pg.RoomPresence {
	p := pg.RoomPresence{Revision: revision, Count: n}
	if n <= limit {
		for i := range n {
			p.Participants = append(p.Participants, pg.Participant{User: user(i), Name: fmt.Sprint("User ", i)})
		}
	}
	return p
}

func user(i int) chat.Principal { return chat.Principal(fmt.Sprintf("sip:u%02d@x.test", i)) }

func TestComingsAndGoingsAreNotAnnouncedInLargeRooms(t *testing.T) {
	limits := chat.Limits{ParticipantUpdateLimit: 10}
	var o roster
	for i, step := range []struct {
		n, came, left int
		listed        bool
	}{
		{3, 3, 0, true},   // the first look
		{4, 1, 0, true},   // one came
		{2, 0, 2, true},   // two left
		{10, 8, 0, true},  // up to the limit
		{11, 0, 0, false}, // above it
		{9, 0, 0, false},  // below it, but not below 80 %
		{8, 0, 0, false},
		{7, 7, 3, true}, // again; everybody, because newcomers were told of nobody
		{7, 0, 0, true},
	} {
		n := o.update(people(int64(i+1), step.n, limits.ParticipantUpdateLimit), limits)
		got := []any{len(n.came), len(n.left), o.list(&Member{User: user(0)}) != nil, o.count}
		if diff := cmp.Diff([]any{step.came, step.left, step.listed, step.n}, got); diff != "" {
			t.Errorf("step %d (came, left, listed, count; -want +got):\n%s", i, diff)
		}
	}
}

func TestWhoJoinsIsInHisOwnList(t *testing.T) {
	var o roster
	o.update(people(1, 2, 75), chat.DefaultLimits())
	got := o.list(&Member{User: "sip:self@x.test", Name: "Self"})
	want := []pg.Participant{{User: "sip:self@x.test", Name: "Self"}, {User: user(0), Name: "User 0"}, {User: user(1), Name: "User 1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
