package chat_test

import (
	"errors"
	"strings"
	"testing"

	"chatpool.dev/chatserver/chat"
)

func TestParsePrincipal(t *testing.T) {
	for s, want := range map[string]chat.Principal{
		"sip:alice@example.com":             "sip:alice@example.com",
		" SIP:Alice@Example.COM ":           "sip:alice@example.com",
		"group:Traders":                     "group:traders",
		"ou:OU=Sales,DC=example":            "ou:ou=sales,dc=example",
		"domain:Example.com":                "domain:example.com",
		"sip:o'brien@a-b.example":           "sip:o'brien@a-b.example",
		"":                                  "",
		"alice@example.com":                 "",
		"sip:alice":                         "",
		"sip:@example.com":                  "",
		"sip:alice@":                        "",
		"sip:alice@exa mple.com":            "",
		"sip:alice@-example.com":            "",
		"sip:al ice@example.com":            "",
		"sip:a@b@c":                         "",
		"sip:alice@example.com;gruu":        "",
		"group:":                            "",
		"group:a\nb":                        "",
		"domain:":                           "",
		"domain:a..b":                       "",
		"ou:":                               "",
		"user:alice":                        "",
		"group:" + strings.Repeat("x", 512): "",
	} {
		got, err := chat.ParsePrincipal(s)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", s, got, err, want)
		}
		if err != nil && !chat.Is(err, chat.Invalid) {
			t.Errorf("%q: kind %s", s, chat.KindOf(err))
		}
	}
}

func FuzzParsePrincipal(f *testing.F) {
	for _, s := range []string{"sip:alice@example.com", "GROUP:x", "ou:OU=a", "domain:a.b", "sip:@", "\x00", "sip:a@b;c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := chat.ParsePrincipal(s)
		if err != nil {
			if p != "" || !chat.Is(err, chat.Invalid) {
				t.Errorf("%q with error %v", p, err)
			}
			return
		}
		if again, err := chat.ParsePrincipal(string(p)); err != nil || again != p {
			t.Errorf("%q is not normal: %q, %v", p, again, err)
		}
		if p.IsUser() && (p.User() == "" || p.Domain() == "" || "sip:"+p.User()+"@"+p.Domain() != string(p)) {
			t.Errorf("%q comes apart as %q, %q", p, p.User(), p.Domain())
		}
	})
}

const someID = "0190a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"

func TestParseRoomURI(t *testing.T) {
	for s, want := range map[string]bool{
		"ma-chan://example.com/" + someID:                               true,
		"MA-CHAN://Example.com/" + strings.ToUpper(someID):              true,
		"ma-cat://example.com/" + someID:                                false,
		"ma-chan:///" + someID:                                          false,
		"ma-chan://example.com":                                         false,
		"ma-chan://example.com/":                                        false,
		"ma-chan://example.com/" + someID + "/x":                        false,
		"ma-chan://example.com/" + someID[:35]:                          false,
		"ma-chan://example.com/" + someID[:35] + "g":                    false,
		"ma-chan://example.com/" + strings.ReplaceAll(someID, "-", "x"): false,
	} {
		domain, id, err := chat.ParseRoomURI(s)
		if (err == nil) != want {
			t.Errorf("%q: %v, want success %t", s, err, want)
		}
		if err == nil && chat.RoomURI(domain, id) != "ma-chan://example.com/"+someID {
			t.Errorf("%q: %q, %q", s, domain, id)
		}
		if err != nil && !chat.Is(err, chat.Invalid) {
			t.Errorf("%q: kind %s", s, chat.KindOf(err))
		}
	}
}

func FuzzParseRoomURI(f *testing.F) {
	f.Add("ma-chan://example.com/" + someID)
	f.Add("ma-chan://" + someID)
	f.Add("ma-cat://a/b")
	f.Fuzz(func(t *testing.T, s string) {
		domain, id, err := chat.ParseRoomURI(s)
		if err != nil {
			return
		}
		d, i, err := chat.ParseRoomURI(chat.RoomURI(domain, id))
		if err != nil || d != domain || i != id {
			t.Errorf("%q: %q, %q comes back as %q, %q, %v", s, domain, id, d, i, err)
		}
	})
}

func TestErrorsKeepKindFieldAndCause(t *testing.T) {
	cause := errors.New("cause")
	err := chat.Errorf(chat.Conflict, "name %q: %w", "x", cause)
	if !chat.Is(err, chat.Conflict) || !errors.Is(err, cause) || err.Error() != `name "x": cause` {
		t.Errorf("%v, kind %s", err, chat.KindOf(err))
	}
	if chat.KindOf(cause) != chat.Unavailable {
		t.Error("an error without a kind is", chat.KindOf(cause))
	}
	if chat.Is(nil, chat.Unavailable) {
		t.Error("no error has a kind")
	}
	if got := chat.FieldErrorf("name", "must not be empty").Error(); got != "name: must not be empty" {
		t.Error(got)
	}
}

func TestValidateRoom(t *testing.T) {
	good := func(change func(*chat.Room)) *chat.Room {
		r := &chat.Room{Name: "Desk", Privacy: chat.Closed, Type: chat.Auditorium, Invitations: chat.Inherit,
			Presenters: []chat.Principal{"sip:a@x.test"}}
		change(r)
		return r
	}
	for name, c := range map[string]struct {
		change func(*chat.Room)
		field  string
	}{
		"as it is":                        {func(r *chat.Room) {}, ""},
		"name of 256 wide characters":     {func(r *chat.Room) { r.Name = strings.Repeat("ü", 256) }, ""},
		"name of 257 characters":          {func(r *chat.Room) { r.Name = strings.Repeat("u", 257) }, "name"},
		"empty name":                      {func(r *chat.Room) { r.Name = "" }, "name"},
		"name with a blank at its end":    {func(r *chat.Room) { r.Name = "x " }, "name"},
		"name with a line end":            {func(r *chat.Room) { r.Name = "a\nb" }, "name"},
		"name that is no UTF-8":           {func(r *chat.Room) { r.Name = "\xff" }, "name"},
		"description that is too long":    {func(r *chat.Room) { r.Description = strings.Repeat("u", 257) }, "description"},
		"unknown privacy":                 {func(r *chat.Room) { r.Privacy = "open" }, "privacy"},
		"unknown type":                    {func(r *chat.Room) { r.Type = "" }, "type"},
		"invitations cannot be forced on": {func(r *chat.Room) { r.Invitations = "True" }, "invitations"},
		"presenters of a normal room":     {func(r *chat.Room) { r.Type = chat.Normal }, "presenters"},
		"member that is no principal":     {func(r *chat.Room) { r.Members = []chat.Principal{"bob"} }, "members"},
		"manager in upper case":           {func(r *chat.Room) { r.Managers = []chat.Principal{"sip:Bob@x.test"} }, "managers"},
	} {
		checkField(t, name, chat.ValidateRoom(good(c.change)), chat.Invalid, c.field)
	}
}

func TestValidateCategory(t *testing.T) {
	for name, c := range map[string]struct {
		category chat.Category
		field    string
	}{
		"good":                    {chat.Category{Name: "Trading", Allowed: []chat.Principal{"domain:x.test"}}, ""},
		"no name":                 {chat.Category{}, "name"},
		"allowed is no principal": {chat.Category{Name: "x", Allowed: []chat.Principal{"x"}}, "allowedMembers"},
		"denied is no principal":  {chat.Category{Name: "x", Denied: []chat.Principal{"x"}}, "deniedMembers"},
		"creator is no principal": {chat.Category{Name: "x", Creators: []chat.Principal{"x"}}, "creators"},
	} {
		checkField(t, name, chat.ValidateCategory(&c.category), chat.Invalid, c.field)
	}
}

func TestValidateDraft(t *testing.T) {
	limits := chat.DefaultLimits()
	long := strings.Repeat("x", limits.MessageBytes)
	for name, c := range map[string]struct {
		change func(*chat.Draft)
		kind   chat.Kind
		field  string
	}{
		"as it is":                  {func(d *chat.Draft) {}, "", ""},
		"longest text":              {func(d *chat.Draft) { d.Text = long }, "", ""},
		"too long a text":           {func(d *chat.Draft) { d.Text = long + "x" }, chat.TooLarge, "chat"},
		"too long an RTF":           {func(d *chat.Draft) { d.RTF = strings.Repeat(long, 4) + "x" }, chat.TooLarge, "rtf"},
		"no text":                   {func(d *chat.Draft) { d.Text = "" }, chat.Invalid, "chat"},
		"text that is no UTF-8":     {func(d *chat.Draft) { d.Text = "\xc3" }, chat.Invalid, "chat"},
		"RTF with a zero":           {func(d *chat.Draft) { d.RTF = "a\x00b" }, chat.Invalid, "chat"},
		"stamp with a zero":         {func(d *chat.Draft) { d.Stamp = "a\x00b" }, chat.Invalid, "chat"},
		"envelope that is no UTF-8": {func(d *chat.Draft) { d.Envelope = "\xff" }, chat.Invalid, "chat"},
		"text with a zero":          {func(d *chat.Draft) { d.Text = "a\x00b" }, chat.Invalid, "chat"},
		"no stamp":                  {func(d *chat.Draft) { d.Stamp = "" }, chat.Invalid, "ts"},
		"no envelope":               {func(d *chat.Draft) { d.Envelope = "" }, chat.Invalid, "envid"},
		"too long an envelope":      {func(d *chat.Draft) { d.Envelope = strings.Repeat("1", 65) }, chat.Invalid, "envid"},
	} {
		d := chat.Draft{Text: "hello", Stamp: "2026-11-20T10:30:51Z", Envelope: "1", Endpoint: "e"}
		c.change(&d)
		checkField(t, name, d.Validate(limits), c.kind, c.field)
	}
}

func checkField(t *testing.T, name string, err error, kind chat.Kind, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	var e *chat.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Field != field {
		t.Errorf("%s: %v; want %s of field %q", name, err, kind, field)
	}
}

func TestLimits(t *testing.T) {
	if err := chat.DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	for field, change := range map[string]func(*chat.Limits){
		"limits.defaultHistory":         func(l *chat.Limits) { l.DefaultHistory = 501 },
		"limits.messageBytes":           func(l *chat.Limits) { l.MessageBytes = 511 },
		"limits.participantUpdateLimit": func(l *chat.Limits) { l.ParticipantUpdateLimit = 0 },
		"limits.searchResults":          func(l *chat.Limits) { l.SearchResults = -1 },
		"limits.endpointsPerUser":       func(l *chat.Limits) { l.EndpointsPerUser = 1001 },
	} {
		l := chat.DefaultLimits()
		change(&l)
		checkField(t, field, l.Validate(), chat.Invalid, field)
	}
}

func TestParticipantUpdatesStopAboveTheLimitAndResumeBelowFourFifths(t *testing.T) {
	l := chat.Limits{ParticipantUpdateLimit: 75}
	updates := true
	for i, step := range []struct {
		n    int
		want bool
	}{{74, true}, {75, true}, {76, false}, {75, false}, {61, false}, {60, false}, {59, true}, {75, true}, {76, false}} {
		if updates = l.ParticipantUpdates(step.n, updates); updates != step.want {
			t.Errorf("step %d, %d participants: updates %t, want %t", i, step.n, updates, step.want)
		}
	}
}
