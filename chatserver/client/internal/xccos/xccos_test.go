package xccos

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const joinReply = `<xccos xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ver="1" envid="7962449779256945056" xmlns="urn:parlano:xml:ns:xccos">
<rpl id="rpl:join" seqid="1"><commandid seqid="1" envid="1336118680"/><resp code="200">SUCCESS_OK</resp><data>
 <chanib uri="ma-chan://example.test/1" name="Bridge" behavior="NORMAL" lastChatId="12">
  <aib key="3984" value="0,2"/><aib key="12276" value="1,2"/>
  <info id="urn:parlano:ma:info:visibility">SCOPED</info><prop id="urn:parlano:ma:prop:logged">True</prop></chanib>
 <uib id="0" uri="sip:alice@example.test" dispname="Alice"/><uib id="1" uri="sip:bob@example.test"/><uib id="2" uri="sip:carol@example.test"/>
 <fib key="OPERATION_FAILED" domain="example.test" value="2"/></data></rpl></xccos>`

func TestParseJoinReply(t *testing.T) {
	e, err := Parse([]byte(joinReply))
	if err != nil {
		t.Fatal(err)
	}
	r := e.Replies[0]
	if r.Command.Envelope != "1336118680" || r.Result.Code != 200 || r.Result.Phrase != "SUCCESS_OK" {
		t.Errorf("reply %+v", r)
	}
	room := r.Data.Rooms[0]
	if room.Last != "12" || room.Property("logged") != "True" || room.Property("visibility") != "SCOPED" || room.Property("none") != "" {
		t.Errorf("room %+v", room)
	}
	var present []string
	for _, u := range room.Present {
		present = append(present, u.URI)
	}
	if d := cmp.Diff([]string{"sip:alice@example.test", "sip:carol@example.test", "sip:bob@example.test"}, present); d != "" {
		t.Error(d)
	}
	if len(r.Data.Failed) != 1 || r.Data.Failed[0].Value != "2" {
		t.Errorf("failed %+v", r.Data.Failed)
	}
}

func TestParseRefuses(t *testing.T) {
	for sentence, in := range map[string]string{
		"nothing":           "",
		"another document":  "<html/>",
		"another namespace": `<xccos xmlns="urn:other"/>`,
		"half a document":   joinReply[:200],
	} {
		if _, err := Parse([]byte(in)); err == nil {
			t.Errorf("%s: no error", sentence)
		}
	}
}

func TestCommands(t *testing.T) {
	for want, got := range map[string][]byte{
		`<cmd id="cmd:join" seqid="1"><data><chanid key="0" domain="d" value="1"/></data></cmd>`:                                     Join("5", "d", "1"),
		`<cmd id="cmd:bjoin" seqid="1"><data><chanid key="0" domain="d" value="1"/><chanid key="1" domain="d" value="2"/></data>`:    Join("5", "d", "1", "2"),
		`<cmd id="cmd:bccontext" seqid="1"><data><chanib uri="r"/><bcq><after chatId="1099511627778" cnt="200"/></bcq></data></cmd>`: After("5", "r", 1<<40+2, 200),
		`<cmd id="cmd:bccontext" seqid="1"><data><chanib uri="r"/><bcq><last cnt="3"/></bcq></data></cmd>`:                           Last("5", "r", 3),
		`<cmd id="cmd:bccontext" seqid="1"><data><chanib uri="r"/></data></cmd>`:                                                     Last("5", "r", 0),
		`<qib qtype="BYNAME" criteria="a&lt;b" extended="false"/>`:                                                                   Search("5", "a<b"),
		`<cmd id="cmd:part" seqid="1"><data><chanib uri="r"/></data></cmd>`:                                                          Part("5", "r"),
	} {
		if !strings.Contains(string(got), want) || !strings.HasPrefix(string(got), `<xccos ver="1" envid="5" xmlns="urn:parlano:xml:ns:xccos">`) {
			t.Errorf("got %s\nwant in it %s", got, want)
		}
	}
}

func TestTextSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringOf(rapid.Rune().Filter(func(r rune) bool {
			return r >= ' ' && r != utf8.RuneError && r != 0xFFFE && r != 0xFFFF || r == '\n' || r == '\r' || r == '\t'
		})).Draw(t, "text")
		e, err := Parse(Post("1", "ma-chan://d/"+want, "sip:a@b", "now", want))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Posts[0]; got.Text != want || got.Room != "ma-chan://d/"+want {
			t.Fatalf("sent %q, got %q in %q", want, got.Text, got.Room)
		}
	})
}
