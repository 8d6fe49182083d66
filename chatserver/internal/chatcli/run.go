package chatcli

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"chatpool.dev/chatserver/client"
)

// Environment is what the program is run in.
type Environment struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
}

// Run is the whole program; it returns the exit status. The context's end is the user's interrupt.
func Run(ctx context.Context, e Environment, args []string) int {
	s, err := parseFlags(&e, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(e.Err, "chat: %v\nRun chat -help for all flags and commands.\n", err)
		return 2
	}
	p := &printer{out: e.Out, err: e.Err, json: s.json, now: time.Now, color: isTerminal(e.Out) && e.Getenv("NO_COLOR") == ""}
	dctx, cancel := context.WithTimeout(ctx, max(s.timeout, s.client.GiveUp))
	c, err := client.Dial(dctx, s.client)
	cancel()
	if err != nil {
		p.fail(fmt.Errorf("cannot sign in: %w", err))
		return 1
	}
	n := newSession(ctx, c, p, s.timeout, isTerminal(e.In))
	return n.run(e.In, s.join)
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// maxLine is the longest line of input, in bytes.
const maxLine = 1 << 20

// run reads commands until the input ends, the user quits, or the server refuses him.
func (n *session) run(in io.Reader, join string) int {
	n.welcome()
	events := make(chan error, 1)
	go func() { events <- n.follow() }()
	lines := make(chan string)
	go readLines(in, lines, n.ctx.Done(), n.report)
	if join != "" {
		n.do(line{command: "join", room: join, count: -1})
	}
	refused := n.loop(lines, events)
	if refused == nil {
		n.settle()
		n.client.Close()
		<-events
	}
	if n.ctx.Err() != nil || n.failed.Load() || refused != nil {
		return 1
	}
	return 0
}

// loop carries out lines; it returns what ended the session if that was not the user.
func (n *session) loop(lines <-chan string, events <-chan error) error {
	for {
		select {
		case s, open := <-lines:
			if !open || !n.execute(s) {
				return nil
			}
		case err := <-events:
			n.report(err)
			return err
		case <-n.ctx.Done():
			n.report(errors.New("interrupted"))
			return nil
		}
	}
}

func readLines(in io.Reader, lines chan<- string, done <-chan struct{}, report func(error)) {
	defer close(lines)
	r := bufio.NewScanner(in)
	r.Buffer(nil, maxLine)
	for r.Scan() {
		select {
		case lines <- r.Text():
		case <-done:
			return
		}
	}
	if err := r.Err(); err != nil {
		report(fmt.Errorf("read the input: %w", err))
	}
}
