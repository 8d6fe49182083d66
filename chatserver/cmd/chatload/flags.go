package main

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

// settings are what the command line says.
type settings struct {
	config     loadcheck.Config
	duration   time.Duration
	json, plot string
}

// servers is a flag that may be repeated and may hold several values separated by commas.
type servers []string

func (l *servers) String() string { return strings.Join(*l, ",") }

func (l *servers) Set(s string) error {
	for _, v := range strings.Split(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			*l = append(*l, v)
		}
	}
	return nil
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

const usage = `Usage: chatload -server HOST[:PORT],... -room ROOM... -users FILE [flags]

Posts to the rooms, reads them with clients that stay and clients that come back, and checks at the end that every
acknowledged post is stored once and reached every reader once and in order. Exit status 0 if so, 1 if not. An
interrupt ends the load early; the check is made all the same.

FILE has a line for each user: his address, a blank, his password. The last one reads the history at the end.

Flags:
`

func parseFlags(args []string, out, log io.Writer) (*settings, error) {
	s := &settings{}
	c := &s.config
	var ca, users string
	fs := flag.NewFlagSet("chatload", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Var((*servers)(&c.Servers), "server", "`host[:port]` of a server; repeat it or separate several by commas, those of both sites of a pool: clients are spread over them")
	fs.Var((*list)(&c.Rooms), "room", "`room`, by name or URI; repeat it")
	fs.StringVar(&users, "users", "", "`file` with users and passwords")
	fs.StringVar(&ca, "ca", "", "PEM `file` with the pool's CA certificate")
	fs.StringVar(&c.ServerName, "server-name", "", "`name` in the servers' certificate, if it is not the host's")
	fs.BoolVar(&c.PlainTCP, "tcp", false, "no TLS: for trials")
	fs.DurationVar(&s.duration, "duration", time.Minute, "how long the load lasts")
	fs.IntVar(&c.Writers, "writers", 20, "how many clients post")
	fs.Float64Var(&c.Rate, "rate", 200, "posts a second in total")
	fs.IntVar(&c.TextBytes, "bytes", 100, "length of a post")
	fs.IntVar(&c.RoomsPerWriter, "rooms-per-writer", 1, "in how many rooms each client posts; every second client takes them in opposite order")
	fs.IntVar(&c.Stayers, "stayers", 2, "readers in each room that stay (-1: none)")
	fs.IntVar(&c.Returners, "returners", 2, "readers in each room that lose their connection and come back (-1: none)")
	fs.DurationVar(&c.Settle, "settle", time.Minute, "how long acknowledgements and readers may take at the end")
	fs.DurationVar(&c.MaxPause, "max-pause", 0, "the longest that all rooms together may be without an accepted post (0: any time)")
	fs.DurationVar(&c.MaxAnswer, "max-answer", 0, "the longest that the answer to a post may take (0: any time)")
	fs.StringVar(&s.json, "json", "", "`file` to write the report to as JSON")
	fs.StringVar(&s.plot, "plot", "", "`file` to draw accepted posts over time in, as SVG")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(out)
		fmt.Fprint(out, usage)
		fs.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, err
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case len(c.Servers) == 0 || len(c.Rooms) == 0 || users == "":
		return nil, errors.New("-server, -room and -users are needed")
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("-ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-ca: %s holds no PEM certificate", ca)
		}
	}
	c.Logf = func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }
	c.Users, err = readUsers(users)
	return s, err
}

func readUsers(file string) ([]loadcheck.User, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("-users: %w", err)
	}
	defer f.Close()
	var users []loadcheck.User
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		address, password, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("-users: %s: the line of %s has no password", file, address)
		}
		users = append(users, loadcheck.User{Address: address, Password: strings.TrimSpace(password)})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("-users: %w", err)
	}
	if len(users) == 0 {
		return nil, fmt.Errorf("-users: %s names nobody", file)
	}
	return users, nil
}

// save writes the files that were asked for.
func (s *settings) save(r *loadcheck.Report) error {
	if s.json != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return fmt.Errorf("-json: %w", err)
		}
		if err := os.WriteFile(s.json, append(b, '\n'), 0o644); err != nil {
			return fmt.Errorf("-json: %w", err)
		}
	}
	if s.plot != "" {
		if err := os.WriteFile(s.plot, r.Plot(), 0o644); err != nil {
			return fmt.Errorf("-plot: %w", err)
		}
	}
	return nil
}
