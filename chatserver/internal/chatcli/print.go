package chatcli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"chatpool.dev/chatserver/chat"
)

// event is one thing to tell, as JSON or as text.
type event struct {
	Event    string    `json:"event"`
	Time     time.Time `json:"time,omitzero"`
	Room     string    `json:"room,omitempty"` // URI
	Name     string    `json:"name,omitempty"` // of the room
	Position string    `json:"position,omitempty"`
	Epoch    int64     `json:"epoch,omitempty"`
	Seq      int64     `json:"seq,omitempty"`
	Author   string    `json:"author,omitempty"`
	User     string    `json:"user,omitempty"`
	// DisplayName is the author's or the user's.
	DisplayName string `json:"displayName,omitempty"`
	Text        string `json:"text,omitempty"`
	Alert       bool   `json:"alert,omitempty"`
	History     bool   `json:"history,omitempty"`   // a message from before joining
	Recovered   bool   `json:"recovered,omitempty"` // a failover had lost it
	Missing     int64  `json:"missing,omitempty"`   // messages before this one that the server could not give
	Tries       int    `json:"tries,omitempty"`     // how often a post was sent
	Server      string `json:"server,omitempty"`
	Site        string `json:"site,omitempty"`
	Moved       bool   `json:"moved,omitempty"`  // to another site
	Resent      int    `json:"resent,omitempty"` // posts without an answer that are sent again
	Error       string `json:"error,omitempty"`
	Kind        string `json:"kind,omitempty"` // of the error
	// Of rooms and of the server.
	Description  string  `json:"description,omitempty"`
	Privacy      string  `json:"privacy,omitempty"`
	Type         string  `json:"type,omitempty"`
	Participants *int    `json:"participants,omitempty"`
	Seconds      float64 `json:"seconds,omitempty"`
	MessageBytes int     `json:"messageBytes,omitempty"`

	line string // the text form; "": nothing is printed
}

// printer writes events, one at a time.
type printer struct {
	mu       sync.Mutex
	out, err io.Writer
	json     bool
	color    bool
	now      func() time.Time
}

func (p *printer) print(e event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		b, err := json.Marshal(e)
		if err != nil {
			b = fmt.Appendf(nil, `{"event":"error","error":%s}`, strconv.Quote(err.Error()))
		}
		fmt.Fprintf(p.out, "%s\n", b)
		return
	}
	if e.line != "" {
		fmt.Fprintln(p.out, e.line)
	}
}

// fail tells of an error: always on standard error, as JSON also on standard output.
func (p *printer) fail(err error) {
	if p.json {
		p.print(event{Event: "error", Error: err.Error(), Kind: string(chat.KindOf(err))})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.err, "chat: %s\n", clean(err.Error()))
}

// paint wraps a text in a colour (an SGR number) where the output is a terminal.
func (p *printer) paint(color int, s string) string {
	if !p.color {
		return s
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", color, s)
}

const (
	gray   = 90
	green  = 32
	cyan   = 36
	yellow = 33
)

// clock is a time of day, with the date unless it is today.
func (p *printer) clock(t time.Time) string {
	t = t.Local()
	if now := p.now(); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// clean makes what others wrote safe for a terminal: control characters, and those that change the direction of
// writing, become U+FFFD; lines after the first are indented.
func clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") }
