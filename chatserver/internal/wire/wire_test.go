package wire

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chatpool.dev/chatserver/chat"
)

func TestCodes(t *testing.T) {
	for kind, want := range map[chat.Kind]string{
		chat.Invalid: "400 ERROR_INVALID_ARGUMENT", chat.Denied: "403 ERROR_PERMISSION", chat.NotFound: "404 ERROR_NO_SUCH_NODE",
		chat.Conflict: "409 ERROR_USER_NOT_JOINED", chat.TooLarge: "413 ERROR_LIMIT_EXCEEDED", chat.Unavailable: "503 ERROR_UNAVAILABLE",
	} {
		c := CodeOf(fmt.Errorf("post: %w", chat.Errorf(kind, "x")))
		if got := fmt.Sprintf("%d %s", c.Number, c.Phrase); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	if CodeOf(nil) != OK || CodeOf(fmt.Errorf("x")).Number != 503 {
		t.Error("nil or an error of no kind has a wrong code")
	}
}

// page is what tests read of our own documents.
type page struct {
	Rpl struct {
		Data struct {
			More   bool `xml:"more,attr"`
			Chanib []struct {
				URI  string `xml:"uri,attr"`
				More bool   `xml:"more,attr"`
				Aib  []struct {
					Value string `xml:"value,attr"`
				} `xml:"aib"`
				Msg []struct {
					ChatID int64  `xml:"chatId,attr"`
					Chat   string `xml:"chat"`
					RTF    string `xml:"rtf"`
				} `xml:"msg"`
			} `xml:"chanib"`
			Uib []struct {
				ID  string `xml:"id,attr"`
				URI string `xml:"uri,attr"`
			} `xml:"uib"`
			Fib []struct{} `xml:"fib"`
		} `xml:"data"`
	} `xml:"rpl"`
	Ntc struct {
		Data struct {
			Uib    []struct{} `xml:"uib"`
			Chanib struct {
				Uib []struct{} `xml:"uib"`
			} `xml:"chanib"`
		} `xml:"data"`
	} `xml:"ntc"`
}

func readPage(t testing.TB, doc []byte) (p page) {
	t.Helper()
	if len(doc) > MaxDocument {
		t.Errorf("a document of %d bytes", len(doc))
	}
	if err := xml.Unmarshal(doc, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func room(i int) chat.ID { return chat.ID(fmt.Sprintf("0190a1b2-3c4d-7e5f-8a9b-%012d", i)) }

func manyRooms(n int) []Room {
	var rooms []Room
	for i := range n {
		r := *open.Room
		r.ID, r.Name, r.Description = room(i), strings.Repeat("\"", chat.MaxName), strings.Repeat("é", i%chat.MaxName)
		rooms = append(rooms, Room{Room: &r, Category: category})
	}
	return rooms
}

func TestLongAnswersComeInPages(t *testing.T) {
	e := NewEncoder("example.test", 0)
	docs := e.Rooms(to, "chansrch", manyRooms(999))
	seen := 0
	for i, doc := range docs {
		p := readPage(t, doc)
		for _, c := range p.Rpl.Data.Chanib {
			if want := chat.RoomURI("example.test", room(seen)); c.URI != want {
				t.Fatalf("room %d is %s", seen, c.URI)
			}
			seen++
		}
		if p.Rpl.Data.More != (i < len(docs)-1) {
			t.Errorf("page %d of %d: more=%v", i, len(docs), p.Rpl.Data.More)
		}
	}
	if seen != 999 || len(docs) < 2 {
		t.Errorf("%d rooms in %d documents", seen, len(docs))
	}
}

func users(n int) []Participant {
	var out []Participant
	for i := range n {
		out = append(out, Participant{User: chat.Principal(fmt.Sprintf("sip:user%d@example.test", i)), Name: strings.Repeat("&", 50), Manager: i%3 == 0})
	}
	return out
}

func TestJoinAnswersComeInPages(t *testing.T) {
	e := NewEncoder("example.test", 0)
	var joined []Joined
	var failed []RoomRef
	for i, r := range manyRooms(100) {
		joined = append(joined, Joined{Room: r, Participants: users(i)})
		failed = append(failed, RoomRef{Domain: "x", Value: strings.Repeat("<", 500)})
	}
	joined = append(joined, Joined{Room: open, Participants: users(1000)}) // too many for a document
	rooms, fibs := 0, 0
	for _, doc := range e.Joined(to, "bjoin", joined, failed) {
		p := readPage(t, doc)
		names := map[string]string{}
		for _, u := range p.Rpl.Data.Uib {
			if names[u.ID] != "" {
				t.Fatalf("two users with id %s in a document", u.ID)
			}
			names[u.ID] = u.URI
		}
		for _, c := range p.Rpl.Data.Chanib {
			inside := map[string]bool{}
			for _, a := range c.Aib {
				for id := range strings.SplitSeq(a.Value, ",") {
					if names[id] == "" || inside[names[id]] {
						t.Fatalf("id %s in %s is nobody, or twice", id, c.URI)
					}
					inside[names[id]] = true
				}
			}
			want := len(joined[rooms].Participants)
			if want == 1000 {
				want = 0
			}
			if len(inside) != want {
				t.Errorf("room %d: %d participants, want %d", rooms, len(inside), want)
			}
			rooms++
		}
		fibs += len(p.Rpl.Data.Fib)
	}
	if rooms != 101 || fibs != 100 {
		t.Errorf("%d rooms, %d failures", rooms, fibs)
	}
}

func TestNoticesComeInPages(t *testing.T) {
	e := NewEncoder("example.test", 0)
	crowd := users(1000)
	var names []chat.Principal
	in, out := 0, 0
	for _, u := range crowd {
		names = append(names, u.User)
	}
	for _, doc := range e.Entered(bridge, crowd) {
		in += len(readPage(t, doc).Ntc.Data.Uib)
	}
	for _, doc := range e.Left(bridge, names) {
		out += len(readPage(t, doc).Ntc.Data.Chanib.Uib)
	}
	if in != 1000 || out != 1000 {
		t.Errorf("%d in, %d out", in, out)
	}
}

func TestHistoryIsCutToADocument(t *testing.T) {
	e := NewEncoder("example.test", 0)
	var messages []chat.Message
	for i := range 100 {
		m := hello
		m.Pos, m.Text = chat.At(0, int64(i)+1), strings.Repeat("x", 1000*(i%5)+1)
		messages = append(messages, m)
	}
	got := 0
	for rest, more := messages, true; more; {
		doc, n := e.History(to, bridge, rest, false, nil)
		p := readPage(t, doc)
		if n != len(p.Rpl.Data.Chanib[0].Msg) || n == 0 {
			t.Fatalf("%d messages, not %d", len(p.Rpl.Data.Chanib[0].Msg), n)
		}
		for _, m := range p.Rpl.Data.Chanib[0].Msg {
			if got++; m.ChatID != int64(got) {
				t.Fatalf("message %d is %d", got, m.ChatID)
			}
		}
		rest = rest[n:]
		if more = p.Rpl.Data.Chanib[0].More; more != (len(rest) > 0) {
			t.Errorf("more=%v with %d left", more, len(rest))
		}
	}
	if got != 100 {
		t.Errorf("%d messages", got)
	}
	recent := readPage(t, e.Recent(to, bridge, messages)).Rpl.Data.Chanib[0]
	if n := len(recent.Msg); n == 0 || n == 100 || recent.Msg[n-1].ChatID != 100 || recent.Msg[0].ChatID != int64(101-n) || recent.More {
		t.Errorf("the last messages are %d, more=%v", n, recent.More)
	}
	if doc, n := e.History(to, bridge, nil, false, nil); n != 0 || len(readPage(t, doc).Rpl.Data.Chanib) != 1 {
		t.Error("no messages: no chanib")
	}
}

// Every post that Decode takes can be delivered and shown in a history, whatever it consists of.
func TestLargestPost(t *testing.T) {
	e := NewEncoder("example.test", 0)
	for name, text := range map[string]string{"letters": "x", "ampersands": "&", "carriage returns": "\r", "emoji": "\U0001F600"} {
		text = strings.Repeat(text, maxPost/escapedLen(text))
		m := hello
		m.Text, m.AuthorName = text, strings.Repeat("\"", chat.MaxName)
		if d := e.Delivery(&m); len(d) > MaxDocument {
			t.Errorf("%s: the delivery has %d bytes", name, len(d))
		}
		doc, n := e.History(to, bridge, []chat.Message{m, m}, false, nil)
		if p := readPage(t, doc); n != 1 || p.Rpl.Data.Chanib[0].Msg[0].Chat != text {
			t.Errorf("%s: the history has %d", name, n)
		}
		m.RTF = text
		if p := readPage(t, e.Recent(to, bridge, []chat.Message{m})); p.Rpl.Data.Chanib[0].Msg[0].RTF != "" {
			t.Errorf("%s: text and RTF together do not fit", name)
		}
	}
}

// clean is what a text looks like after it went through XML 1.0.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, s)
}

var anyText = rapid.Custom(func(t *rapid.T) string {
	runes := rapid.SliceOf(rapid.OneOf(
		rapid.SampledFrom([]rune("&<>\"'\r\n\t \x00\x1f\ufffe\uffff\ufffd]]>")), rapid.Rune())).Draw(t, "runes")
	return string(runes) + string(rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "bytes"))
})

// What is delivered can be posted again, and is the same but for what XML cannot carry.
func TestDeliveryRoundTrip(t *testing.T) {
	e := NewEncoder("example.test", 0)
	rapid.Check(t, func(t *rapid.T) {
		m := chat.Message{
			Room: bridge, Pos: chat.Position(rapid.Int64Range(0, 1<<62).Draw(t, "position")), Author: "sip:alice@example.test",
			At: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "time")).UTC(), Alert: rapid.Bool().Draw(t, "alert"),
			Text: anyText.Draw(t, "text"), RTF: anyText.Draw(t, "rtf"), AuthorName: anyText.Draw(t, "name"),
		}
		if escapedLen(m.Text) != len(appendText(nil, m.Text)) {
			t.Fatalf("escapedLen(%q)", m.Text)
		}
		got, err := Decode(e.Delivery(&m))
		if err != nil {
			t.Fatal(err)
		}
		want := Post{Domain: "example.test", Room: bridge, Author: string(m.Author), Stamp: stamp(m.At), Alert: m.Alert,
			Text: clean(m.Text), RTF: clean(m.RTF)}
		if diff := cmp.Diff(Request(want), got.Commands[0].Request); diff != "" {
			t.Fatal(diff)
		}
		if at, err := time.Parse(time.RFC3339Nano, want.Stamp); err != nil || !at.Equal(m.At) {
			t.Fatalf("time %s: %v", want.Stamp, err)
		}
	})
}

// What clients ask for comes out of Decode as they meant it.
func TestCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return strings.TrimSpace(clean(rapid.String().Draw(t, name))) }
		id := room(rapid.IntRange(0, 999).Draw(t, "room"))
		cnt := rapid.IntRange(1, 1000).Draw(t, "count")
		uri := chat.RoomURI("example.test", id)
		attr := func(name, value string) string { return string(appendAttr(nil, name, value)) }
		c := rapid.SampledFrom([]struct {
			name, data string
			want       Request
		}{
			{"chansrch", "<qib" + attr("criteria", "x"+text("criteria")+"x") + "/>", nil},
			{"join", "<chanid" + attr("domain", "example.test") + attr("value", string(id)) + "/>",
				Join{Rooms: []RoomRef{{Domain: "example.test", Value: string(id), ID: id}}}},
			{"part", "<chanib" + attr("uri", uri) + "/>", Part{Rooms: []RoomRef{{Domain: "example.test", Value: string(id), ID: id}}}},
			{"bccontext", "<chanib" + attr("uri", uri) + "/><bcq><last" + attr("cnt", strconv.Itoa(cnt)) + "/></bcq>",
				History{Domain: "example.test", Room: id, Count: cnt}},
			{"bccontext", "<chanib" + attr("uri", uri) + "/><bcq><after" + attr("chatId", strconv.Itoa(cnt)) + "/></bcq>",
				History{Domain: "example.test", Room: id, HasAfter: true, After: chat.Position(cnt)}},
		}).Draw(t, "command")
		envid, seq := strconv.FormatUint(rapid.Uint64().Draw(t, "envid"), 10), strconv.Itoa(cnt)
		got, err := Decode([]byte(`<xccos envid="` + envid + `"><cmd id="cmd:` + c.name + `" seqid="` + seq + `"><data>` + c.data + `</data></cmd></xccos>`))
		if err != nil {
			t.Fatal(err)
		}
		if c.want == nil {
			s, ok := got.Commands[0].Request.(Search)
			if c.want = (Request)(s); !ok || !strings.HasPrefix(s.Text, "x") || !strings.HasSuffix(s.Text, "x") {
				t.Fatalf("%+v", got.Commands[0])
			}
		}
		want := &Envelope{ID: envid, Commands: []Command{{Ref: Ref{Envelope: envid, Seq: seq}, Name: c.name, Request: c.want}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Decode never panics; what it takes can be answered; a post that it takes can be delivered and taken again.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/decode/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	e := NewEncoder("example.test", 0)
	f.Fuzz(func(t *testing.T, doc []byte) {
		env, err := Decode(doc)
		if err != nil {
			if k := chat.KindOf(err); k != chat.Invalid && k != chat.TooLarge {
				t.Fatalf("an error of kind %s: %v", k, err)
			}
			return
		}
		if len(env.Commands) == 0 {
			t.Fatal("no commands and no error")
		}
		for _, c := range env.Commands {
			wellFormed(t, e.Failure(c.Ref, c.Name, NotSupported, c.Name))
			p, ok := c.Request.(Post)
			if !ok {
				continue
			}
			m := chat.Message{Room: p.Room, Author: "sip:a@example.test", At: noon, Alert: p.Alert, Text: p.Text, RTF: p.RTF}
			delivery := e.Delivery(&m)
			if len(delivery) > MaxDocument {
				t.Fatalf("a delivery of %d bytes", len(delivery))
			}
			again, err := Decode(delivery)
			if err != nil {
				t.Fatal(err)
			}
			if q := again.Commands[0].Request.(Post); q.Text != p.Text || q.RTF != p.RTF || q.Room != p.Room || q.Alert != p.Alert {
				t.Fatalf("%+v became %+v", p, q)
			}
		}
	})
}

func BenchmarkDelivery(b *testing.B) {
	e := NewEncoder("example.test", 0)
	m := hello
	m.Text = strings.Repeat("It's <not> so & long. ", 20)
	b.ReportAllocs()
	for b.Loop() {
		e.Delivery(&m)
	}
}

func BenchmarkDecodePost(b *testing.B) {
	m := hello
	m.Text = strings.Repeat("It's <not> so & long. ", 20)
	doc := NewEncoder("example.test", 0).Delivery(&m)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(doc); err != nil {
			b.Fatal(err)
		}
	}
}
