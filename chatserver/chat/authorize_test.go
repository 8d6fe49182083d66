package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"chatpool.dev/chatserver/chat"
)

// The category of these tests allows group staff but not mallory.
var category = &chat.Category{
	Allowed:  []chat.Principal{"group:staff"},
	Denied:   []chat.Principal{"sip:mallory@example.com"},
	Creators: []chat.Principal{"sip:creator@example.com", "sip:outsider@example.com"},
}

// Somebody for each role that a room knows.
var (
	stranger  = staff("stranger")
	member    = staff("member")
	manager   = staff("manager")
	voice     = staff("voice")   // presenter, but no member
	speaker   = staff("speaker") // member and presenter
	mallory   = staff("mallory") // has every role, and is denied by the category
	outsider  = chat.Subject{User: "sip:outsider@example.com"}
	admin     = chat.Subject{User: "sip:admin@example.com", Admin: true}
	announcer = chat.Subject{User: "sip:announcer@example.com", Admin: true} // administrator and presenter
	leaver    = chat.Subject{User: "sip:leaver@example.com", Groups: []chat.Principal{"group:staff"}, Admin: true, Disabled: true}
)

func staff(name string) chat.Subject {
	return chat.Subject{User: chat.Principal("sip:" + name + "@example.com"), Groups: []chat.Principal{"group:staff"}}
}

func room(p chat.Privacy, t chat.RoomType) *chat.Room {
	r := &chat.Room{
		Privacy: p, Type: t,
		Members:  []chat.Principal{member.User, speaker.User, mallory.User, outsider.User, leaver.User},
		Managers: []chat.Principal{manager.User, mallory.User, outsider.User, leaver.User},
	}
	if t == chat.Auditorium {
		r.Presenters = []chat.Principal{voice.User, speaker.User, mallory.User, outsider.User, announcer.User, leaver.User}
	}
	return r
}

// The letters stand for find, see participants, join, post, manage.
var letters = map[chat.Right]string{chat.Find: "f", chat.SeeParticipants: "s", chat.Join: "j", chat.Post: "p", chat.Manage: "m"}

func rightsOf(s chat.Subject, r *chat.Room) string {
	var b strings.Builder
	for _, right := range chat.Rights {
		if chat.Authorize(s, category, r, right).Allowed {
			b.WriteString(letters[right])
		}
	}
	return b.String()
}

func TestRightsOfEveryRoleInEveryRoom(t *testing.T) {
	columns := []struct {
		privacy chat.Privacy
		kind    chat.RoomType
	}{
		{chat.Open, chat.Normal}, {chat.Open, chat.Auditorium},
		{chat.Closed, chat.Normal}, {chat.Closed, chat.Auditorium},
		{chat.Secret, chat.Normal}, {chat.Secret, chat.Auditorium},
	}
	for _, row := range []struct {
		who     string
		subject chat.Subject
		want    [6]string
	}{
		//                            open              closed           secret
		//                            normal  audit.    normal  audit.   normal  audit.
		{"in scope, no role", stranger, [6]string{"fsjp", "fsj", "fs", "fs", "", ""}},
		{"member", member, [6]string{"fsjp", "fsj", "fsjp", "fsj", "fsjp", "fsj"}},
		{"manager, no member", manager, [6]string{"fsjpm", "fsjm", "fsm", "fsm", "fm", "fm"}},
		{"presenter, no member", voice, [6]string{"fsjp", "fsjp", "fs", "fs", "", ""}},
		{"presenter and member", speaker, [6]string{"fsjp", "fsjp", "fsjp", "fsjp", "fsjp", "fsjp"}},
		{"every role, but denied", mallory, [6]string{"", "", "", "", "", ""}},
		{"every role, but not allowed", outsider, [6]string{"", "", "", "", "", ""}},
		{"administrator", admin, [6]string{"fsjpm", "fsjm", "fsjpm", "fsjm", "fsjpm", "fsjm"}},
		{"administrator and presenter", announcer, [6]string{"fsjpm", "fsjpm", "fsjpm", "fsjpm", "fsjpm", "fsjpm"}},
		{"every role, account disabled", leaver, [6]string{"", "", "", "", "", ""}},
	} {
		for i, c := range columns {
			if got := rightsOf(row.subject, room(c.privacy, c.kind)); got != row.want[i] {
				t.Errorf("%s, %s %s room: rights %q, want %q", row.who, c.privacy, c.kind, got, row.want[i])
			}
		}
	}
}

func TestDisabledRoomIsOnlyManaged(t *testing.T) {
	for who, c := range map[string]struct {
		subject chat.Subject
		want    string
	}{
		"member":                    {member, ""},
		"presenter and member":      {speaker, ""},
		"manager":                   {manager, "m"},
		"administrator":             {admin, "m"},
		"manager, out of scope":     {outsider, ""},
		"manager, account disabled": {leaver, ""},
	} {
		for _, p := range []chat.Privacy{chat.Open, chat.Closed, chat.Secret} {
			for _, k := range []chat.RoomType{chat.Normal, chat.Auditorium} {
				r := room(p, k)
				r.Disabled = true
				if got := rightsOf(c.subject, r); got != c.want {
					t.Errorf("%s, disabled %s %s room: rights %q, want %q", who, p, k, got, c.want)
				}
			}
		}
	}
}

func TestWhoIsInScope(t *testing.T) {
	alice := chat.Subject{User: "sip:alice@example.com", Groups: []chat.Principal{"group:traders", "ou:ou=sales,dc=example"}}
	for name, c := range map[string]struct {
		allowed, denied []chat.Principal
		want            bool
	}{
		"an empty list allows nobody":               {nil, nil, false},
		"by address":                                {[]chat.Principal{"sip:alice@example.com"}, nil, true},
		"by group":                                  {[]chat.Principal{"group:traders"}, nil, true},
		"by organisational unit":                    {[]chat.Principal{"ou:ou=sales,dc=example"}, nil, true},
		"by domain":                                 {[]chat.Principal{"domain:example.com"}, nil, true},
		"another domain":                            {[]chat.Principal{"domain:example.org"}, nil, false},
		"a domain is not its subdomains":            {[]chat.Principal{"domain:com"}, nil, false},
		"denied wins, also when less exact":         {[]chat.Principal{"sip:alice@example.com"}, []chat.Principal{"domain:example.com"}, false},
		"another group that is denied does no harm": {[]chat.Principal{"group:traders"}, []chat.Principal{"group:interns"}, true},
		"nobody allowed, somebody else denied: no":  {nil, []chat.Principal{"group:interns"}, false},
	} {
		if got := (&chat.Category{Allowed: c.allowed, Denied: c.denied}).InScope(alice); got != c.want {
			t.Errorf("%s: in scope %t, want %t", name, got, c.want)
		}
	}
}

func TestWhoCreatesRooms(t *testing.T) {
	creator := staff("creator")
	for who, c := range map[string]struct {
		subject chat.Subject
		want    bool
	}{
		"creator":                     {creator, true},
		"creator who is out of scope": {outsider, false},
		"in scope, no creator":        {stranger, false},
		"administrator":               {admin, true},
		"administrator, disabled":     {leaver, false},
	} {
		if got := chat.CanCreate(c.subject, category); got.Allowed != c.want {
			t.Errorf("%s: %+v, want allowed %t", who, got, c.want)
		}
	}
}

func TestPolicy(t *testing.T) {
	alice := staff("alice")
	for name, c := range map[string]struct {
		policy  chat.Policy
		subject chat.Subject
		want    bool
	}{
		"off for everybody":                {chat.Policy{}, alice, false},
		"off, but an administrator":        {chat.Policy{}, admin, true},
		"on for everybody":                 {chat.Policy{Enabled: true}, alice, true},
		"on for a group":                   {chat.Policy{EnabledFor: []chat.Principal{"group:staff"}}, alice, true},
		"on for another group":             {chat.Policy{EnabledFor: []chat.Principal{"group:other"}}, alice, false},
		"on, but not for him":              {chat.Policy{Enabled: true, DisabledFor: []chat.Principal{alice.User}}, alice, false},
		"both lists name him":              {chat.Policy{EnabledFor: []chat.Principal{alice.User}, DisabledFor: []chat.Principal{"group:staff"}}, alice, false},
		"an administrator who is excluded": {chat.Policy{DisabledFor: []chat.Principal{admin.User}}, admin, false},
		"on, but the account is disabled":  {chat.Policy{Enabled: true}, leaver, false},
	} {
		if got := c.policy.Allows(c.subject); got.Allowed != c.want {
			t.Errorf("%s: %+v, want allowed %t", name, got, c.want)
		}
	}
}

func TestDeniedDecisionsSayWhy(t *testing.T) {
	for _, right := range append(chat.Rights, "no-such-right") {
		d := chat.Authorize(outsider, category, room(chat.Secret, chat.Auditorium), right)
		if d.Allowed || d.Reason == "" || !chat.Is(d.Err(), chat.Denied) {
			t.Errorf("%s: %+v, error %v", right, d, d.Err())
		}
	}
	if err := chat.Authorize(member, category, room(chat.Open, chat.Normal), chat.Join).Err(); err != nil {
		t.Error("an allowed decision has the error", err)
	}
}

func ExampleAuthorize() {
	c := &chat.Category{Allowed: []chat.Principal{"domain:example.com"}}
	r := &chat.Room{Privacy: chat.Closed, Type: chat.Normal, Members: []chat.Principal{"group:traders"}}
	bob := chat.Subject{User: "sip:bob@example.com"}
	fmt.Println(chat.Authorize(bob, c, r, chat.Find).Allowed, chat.Authorize(bob, c, r, chat.Join).Reason)
	// Output: true only members may join this room
}
