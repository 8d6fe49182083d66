package chatcli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client"
)

// session is a signed-in user with his rooms. Commands run one after the other on one goroutine, events are printed on
// another; each room has a goroutine that posts.
type session struct {
	ctx         context.Context
	client      *client.Client
	printer     *printer
	timeout     time.Duration
	interactive bool
	failed      atomic.Bool // a command or post went wrong: a script ends with status 1

	current string // URI of the current room
	posts   map[string]chan string
	waiting sync.WaitGroup // posts that are not settled
	shown   shown

	mu     sync.Mutex
	names  map[string]string // of rooms, by URI
	echoes map[echo]int      // own acknowledged posts that have not been delivered yet
	echoed chan struct{}     // closed when there are none; nil if nobody waits
}

// echo is an own post as it will be delivered.
type echo struct{ room, text string }

func newSession(ctx context.Context, c *client.Client, p *printer, timeout time.Duration, interactive bool) *session {
	return &session{
		ctx: ctx, client: c, printer: p, timeout: timeout, interactive: interactive,
		posts: map[string]chan string{}, names: map[string]string{}, echoes: map[echo]int{},
	}
}

func (n *session) report(err error) {
	n.failed.Store(true)
	n.printer.fail(err)
}

// welcome says where the user is.
func (n *session) welcome() {
	ctx, cancel := context.WithTimeout(n.ctx, n.timeout)
	defer cancel()
	info, err := n.client.ServerInfo(ctx)
	if err != nil {
		n.report(err)
		return
	}
	e := event{Event: "signed-in", User: string(n.client.User()), Server: info.Address}
	if n.interactive {
		e.line = fmt.Sprintf("-- signed in as %s at %s; help lists the commands", n.client.User(), info.Address)
	}
	n.printer.print(e)
}

// name is how a room is shown.
func (n *session) name(uri string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return cmp.Or(n.names[uri], uri)
}

// follow prints events until there are no more; its error is the server's final refusal.
func (n *session) follow() error {
	for e := range n.client.Events() {
		switch e := e.(type) {
		case client.Message:
			if !n.shown.before(&e.Message) {
				n.message(e, false)
			}
			if e.Author == n.client.User() {
				n.heard(echo{e.RoomURI, e.Text})
			}
		case client.Entered:
			n.presence("entered", e.RoomURI, e.User)
		case client.Left:
			n.presence("left", e.RoomURI, e.User)
		case client.Kicked:
			n.unexpect(e.RoomURI)
			n.printer.print(event{
				Event: "kicked", Room: e.RoomURI, Name: n.name(e.RoomURI), Error: e.Reason,
				line: n.printer.paint(yellow, fmt.Sprintf("-- you are out of %s: %s", clean(n.name(e.RoomURI)), clean(e.Reason))),
			})
		case client.Forked:
			n.printer.print(event{
				Event: "forked", Room: e.RoomURI, Name: n.name(e.RoomURI),
				line: n.printer.paint(yellow, fmt.Sprintf("-- a failover lost what %s had after message %s, up to %s; what is saved of it comes again",
					clean(n.name(e.RoomURI)), e.Fork, e.Had)),
			})
		case client.Disconnected:
			if e.Final && chat.Is(e.Err, chat.Unavailable) {
				return fmt.Errorf("no server has taken this user back in time: %w", e.Err)
			}
			if e.Final {
				return fmt.Errorf("the server refuses to take this user back: %w", e.Err)
			}
			n.printer.print(event{
				Event: "disconnected", Server: e.Server, Error: e.Err.Error(),
				line: n.printer.paint(yellow, fmt.Sprintf("-- connection to %s lost (%s); trying again", e.Server, clean(e.Err.Error()))),
			})
		case client.Reconnected:
			n.printer.print(event{
				Event: "reconnected", Server: e.Server, Seconds: e.Away.Seconds(), Site: e.Site, Moved: e.Moved, Resent: e.Resent,
				line: n.printer.paint(yellow, "-- "+clean(returned(e))),
			})
		}
	}
	return errors.New("the client is closed")
}

// returned tells in one line where the client is again, and what it sends again there.
func returned(e client.Reconnected) string {
	s := fmt.Sprintf("connected to %s after %.1f s", e.Server, e.Away.Seconds())
	if e.Moved {
		s = fmt.Sprintf("moved to %s (%s) after %.1f s", e.Site, e.Server, e.Away.Seconds())
	}
	switch e.Resent {
	case 0:
		return s
	case 1:
		return s + ", 1 post resent"
	}
	return fmt.Sprintf("%s, %d posts resent", s, e.Resent)
}

func (n *session) message(m client.Message, history bool) {
	p := n.printer
	author := cmp.Or(m.AuthorName, m.Author.User(), string(m.Author))
	e := event{
		Event: "message", Time: m.At, Room: m.RoomURI, Name: n.name(m.RoomURI), Position: fmt.Sprint(int64(m.Pos)), Epoch: m.Pos.Epoch(),
		Seq: m.Pos.Seq(), Author: string(m.Author), DisplayName: m.AuthorName, Text: m.Text, Alert: m.Alert, History: history, Missing: m.Missing, Recovered: m.Origin != 0,
	}
	n.shown.add(&m.Message)
	color := cyan
	if m.Author == n.client.User() {
		color = green
	}
	important := ""
	if m.Alert {
		important = p.paint(yellow, "(!) ")
	}
	if m.Origin != 0 {
		important = p.paint(gray, "(recovered) ") + important
	}
	e.line = fmt.Sprintf("%s [%s] %s: %s%s", p.paint(gray, p.clock(m.At)), clean(e.Name), p.paint(color, clean(author)), important, indent(clean(m.Text)))
	if m.Missing > 0 {
		e.line = p.paint(yellow, fmt.Sprintf("-- %d messages of %s are missing here\n", m.Missing, clean(e.Name))) + e.line
	}
	p.print(e)
}

func (n *session) presence(what, uri string, u client.User) {
	n.printer.print(event{
		Event: what, Room: uri, Name: n.name(uri), User: string(u.URI), DisplayName: u.Name,
		line: n.printer.paint(gray, fmt.Sprintf("-- %s %s %s", clean(cmp.Or(u.Name, u.URI.User())), what, clean(n.name(uri)))),
	})
}

// post sends lines to a room in their order.
func (n *session) post(uri, text string) {
	line := n.posts[uri]
	if line == nil {
		line = make(chan string, 100)
		n.posts[uri] = line
		go func() {
			for text := range line {
				n.deliver(uri, text)
				n.waiting.Done()
			}
		}()
	}
	n.waiting.Add(1)
	line <- text
}

func (n *session) deliver(uri, text string) {
	ctx, cancel := context.WithTimeout(n.ctx, n.timeout)
	defer cancel()
	n.expect(echo{uri, text})
	r, err := n.client.Post(ctx, uri, text)
	if err != nil {
		n.heard(echo{uri, text})
		if r.InDoubt(err) {
			err = chat.Errorf(chat.Unavailable, "%w; the message may have been stored or not", err)
		}
		n.report(err)
		return
	}
	n.printer.print(event{Event: "posted", Room: uri, Name: n.name(uri), Text: text, Tries: r.Sent})
}

func (n *session) expect(e echo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.echoes[e]++
}

// unexpect forgets the own posts of a room that the user is not in any more.
func (n *session) unexpect(uri string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.echoes, func(e echo, _ int) bool { return e.room == uri })
	n.tellEchoed()
}

func (n *session) heard(e echo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.echoes[e]--; n.echoes[e] <= 0 {
		delete(n.echoes, e)
	}
	n.tellEchoed()
}

// tellEchoed wakes who waits when all own posts have come back. The lock is held.
func (n *session) tellEchoed() {
	if len(n.echoes) == 0 && n.echoed != nil {
		close(n.echoed)
		n.echoed = nil
	}
}

// echoTime bounds the wait for own posts to come back after they were acknowledged.
const echoTime = 3 * time.Second

// settle waits until every post is acknowledged or given up, and for a moment until they have come back.
func (n *session) settle() {
	n.waiting.Wait()
	n.mu.Lock()
	done := make(chan struct{})
	n.echoed = done
	n.tellEchoed()
	n.mu.Unlock()
	select {
	case <-done:
	case <-n.ctx.Done():
	case <-time.After(echoTime):
	}
	for _, line := range n.posts {
		close(line)
	}
	n.posts = nil
}
