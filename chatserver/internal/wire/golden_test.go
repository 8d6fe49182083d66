package wire

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatpool.dev/chatserver/chat"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", file, diff)
	}
}

// describe tells in words what Decode made of a document.
func describe(e *Envelope, err error) string {
	if err != nil {
		return fmt.Sprintf("error %s: %v\n", chat.KindOf(err), err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "envelope %q\n", e.ID)
	for _, c := range e.Commands {
		request := fmt.Sprintf("%T", c.Request)
		if m, ok := c.Request.(Malformed); ok {
			fmt.Fprintf(&b, "%s (seq %s): %s %s: %v\n", c.Name, c.Ref.Seq, request, chat.KindOf(m.Err), m.Err)
			continue
		}
		values, err := json.Marshal(c.Request)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s (seq %s): %s %s\n", c.Name, c.Ref.Seq, request, values)
	}
	return b.String()
}

func TestDecodeGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/decode/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			doc, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".xml")+".golden", describe(Decode(doc)))
		})
	}
}

const (
	bridge = chat.ID("0190a1b2-3c4d-7e5f-8a9b-000000000001")
	galley = chat.ID("0190a1b2-3c4d-7e5f-8a9b-000000000002")
	ship   = chat.ID("0190a1b2-3c4d-7e5f-8a9b-0000000000ff")
)

var (
	to        = Ref{Envelope: "1336118680", Seq: "1"}
	category  = &chat.Category{ID: ship, Name: "Ship", ChatHistory: true, Invitations: true}
	open      = Room{Category: category, Count: 3, Room: &chat.Room{ID: bridge, CategoryID: ship, Name: `Bridge & "Co"`, Description: "of the <ship>", Privacy: chat.Open, Type: chat.Normal, Invitations: chat.Inherit}}
	secret    = Room{Category: category, Room: &chat.Room{ID: galley, CategoryID: ship, Name: "Galley", Privacy: chat.Secret, Type: chat.Auditorium, Invitations: chat.Off, Disabled: true}}
	alice     = Participant{User: "sip:alice@example.test", Name: "Alice A."}
	bob       = Participant{User: "sip:bob@example.test", Name: "Bob", Manager: true}
	carol     = Participant{User: "sip:carol@example.test", Presenter: true}
	dave      = Participant{User: "sip:dave@example.test", Manager: true, Presenter: true}
	noon      = time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC)
	hello     = chat.Message{Room: bridge, Pos: chat.At(1, 7), Author: alice.User, AuthorName: alice.Name, At: noon, Text: "hi <there> & you\r\nnext\tline \x01\ufffe end"}
	recovered = chat.Message{Room: bridge, Pos: chat.At(2, 9), Origin: chat.At(1, 8), Author: bob.User, At: noon, Text: "saved"}
	loud      = chat.Message{Room: bridge, Pos: chat.At(1, 8), Author: bob.User, At: noon, Alert: true, Text: "fire", RTF: `{\rtf1 fire}`}
)

func TestEncodeGolden(t *testing.T) {
	e := NewEncoder("example.test", 1000)
	one := func(doc []byte) [][]byte { return [][]byte{doc} }
	history, n := e.History(to, bridge, []chat.Message{hello, loud}, true, nil)
	if n != 2 {
		t.Errorf("%d messages", n)
	}
	for _, c := range []struct {
		name string
		docs [][]byte
	}{
		{"requri", one(e.RequestURI(to, "sip:home@example.test"))},
		{"getserverinfo", one(e.ServerInfo(to, Server{Name: "home", Time: noon, SearchLimit: 999, MessageBytes: 8192, RootURI: chat.CategoryURI("example.test", ship), DBVersion: string(ship)}))},
		{"chansrch", e.Rooms(to, "chansrch", []Room{open, secret})},
		{"chansrch-none", e.Rooms(to, "chansrch", nil)},
		{"join", e.Joined(to, "join", []Joined{{Room: open, Head: hello.Pos, Participants: []Participant{alice, bob}}}, nil)},
		{"bjoin", e.Joined(to, "bjoin",
			[]Joined{{Room: open, Participants: []Participant{alice, bob, carol}}, {Room: secret, Participants: []Participant{bob, dave, alice}}},
			[]RoomRef{{Domain: "example.test", Value: `no"room`}})},
		{"join-crowded", e.Joined(to, "join", []Joined{{Room: open}}, nil)},
		{"part", one(e.Parted(to, []chat.ID{bridge}))},
		{"bccontext-after", one(history)},
		{"bccontext-last", one(e.Recent(to, bridge, []chat.Message{hello, loud}))},
		{"getinv", one(e.Invitations(to))},
		{"failure", one(e.Failure(Ref{Envelope: `"<&`, Seq: "2"}, "fly<", NotSupported, "no such command: \x00"))},
		{"ntc-join", e.Entered(bridge, []Participant{alice, dave})},
		{"ntc-part", e.Left(bridge, []chat.Principal{alice.User, bob.User})},
		{"ntc-kick", one(e.Kicked(bridge))},
		{"grpchat", one(e.Delivery(&hello))},
		{"grpchat-alert", one(e.Delivery(&loud))},
		{"bccontext-fork", one(forked(e, chat.At(1, 5)))},
		{"grpchat-recovered", one(e.Delivery(&recovered))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			for _, doc := range c.docs {
				wellFormed(t, doc)
				fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(string(doc), "><", ">\n<"))
			}
			golden(t, "testdata/encode/"+c.name+".xml", b.String())
		})
	}
}

// forked is an answer to somebody who asked from beyond a fork, after which there is nothing yet.
func forked(e *Encoder, fork chat.Position) []byte {
	doc, _ := e.History(to, bridge, nil, false, &fork)
	return doc
}

func wellFormed(t testing.TB, doc []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(doc)))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("no XML: %v\n%.400s", err, doc)
		}
	}
}
