package chatcli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLine(t *testing.T) {
	for in, want := range map[string]line{
		"hello":                      {text: "hello", count: -1},
		"":                           {count: -1},
		"rooms":                      {command: "rooms", count: -1},
		"rooms desk":                 {command: "rooms", text: "desk", count: -1},
		"rooms are nice":             {text: "rooms are nice", count: -1},
		" rooms":                     {text: "rooms", count: -1},
		"join Desk":                  {command: "join", room: "Desk", count: -1},
		`join "Trading Floor"`:       {command: "join", room: "Trading Floor", count: -1},
		"join Desk last 5":           {command: "join", room: "Desk", count: 5},
		"join Desk LAST 0":           {command: "join", room: "Desk", count: 0},
		"join Desk 5":                {command: "join", room: "Desk", count: 5},
		"join us for lunch":          {text: "join us for lunch", count: -1},
		"history":                    {command: "history", count: -1},
		"history 7":                  {command: "history", count: 7},
		"history Desk 7":             {command: "history", room: "Desk", count: 7},
		"say Desk a  b":              {command: "say", room: "Desk", text: "a  b", count: -1},
		`say "A B" "quoted" & more`:  {command: "say", room: "A B", text: `"quoted" & more`, count: -1},
		"say Desk":                   {text: "say Desk", count: -1},
		"who":                        {command: "who", count: -1},
		"/who":                       {command: "who", count: -1},
		"who is that?":               {text: "who is that?", count: -1},
		"leave Desk":                 {command: "leave", room: "Desk", count: -1},
		"quit":                       {command: "quit", count: -1},
		`a "quote that never closes`: {text: `a "quote that never closes`, count: -1},
		"text\r":                     {text: "text", count: -1},
	} {
		got, err := parseLine(in)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(line{})); err != nil || d != "" {
			t.Errorf("%q: %v %s", in, err, d)
		}
	}
	for _, in := range []string{"/", "/nonsense", "/join", "/who a b", `/join "a`, "/history Desk x", "/say Desk"} {
		if got, err := parseLine(in); err == nil {
			t.Errorf("%q: got %+v, want an error", in, got)
		}
	}
}
