package chatcli

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"chatpool.dev/chatserver/client"
)

// settings are what the command line says.
type settings struct {
	client  client.Options
	json    bool
	timeout time.Duration
	join    string
}

// list is a flag that may be repeated and may hold several values separated by commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	for _, v := range strings.Split(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			*l = append(*l, v)
		}
	}
	return nil
}

const usage = `Usage: chat -server HOST[:PORT] -user NAME@DOMAIN [flags]

Signs in to a chat pool, then reads commands and lines of text from standard input.

The password comes from -password-file, else from the environment variable CHAT_PASSWORD, else it is asked for.
Exit status: 0 if all went well, 1 if not, 2 for a wrong command line.

Flags:
`

// parseFlags reads the command line. Its error is for people; flag.ErrHelp if help was asked for and given.
func parseFlags(e *Environment, args []string) (settings, error) {
	var s settings
	var caFile, passwordFile string
	fs := flag.NewFlagSet("chat", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Var((*list)(&s.client.Servers), "server", "`host[:port]` of a server, tried in order; repeat it or separate several by commas, those of both sites of a pool. Port: 5061, with -tcp 5060")
	fs.StringVar(&s.client.User, "user", "", "who signs in: `name@domain`")
	fs.StringVar(&passwordFile, "password-file", "", "`file` with the password")
	fs.StringVar(&caFile, "ca", "", "PEM `file` with the pool's CA certificate, if this machine does not know it")
	fs.StringVar(&s.client.ServerName, "server-name", "", "`name` in the server's certificate, if it is not the host's")
	fs.BoolVar(&s.client.PlainTCP, "tcp", false, "no TLS: for trials")
	fs.StringVar(&s.join, "join", "", "`room` to join at once")
	fs.BoolVar(&s.json, "json", false, "print every event as a JSON object on a line of its own")
	fs.DurationVar(&s.timeout, "timeout", 30*time.Second, "how long signing in, a command or a post may take")
	fs.DurationVar(&s.client.GiveUp, "give-up", 0, "how long to look for a server that takes the user, at the start and after a loss (0: at the start each server once, after a loss for ever)")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(e.Out)
		fmt.Fprint(e.Out, usage)
		fs.PrintDefaults()
		fmt.Fprint(e.Out, "\n"+help)
		return s, err
	case err != nil:
		return s, err
	case fs.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q: commands are read from standard input", fs.Arg(0))
	case len(s.client.Servers) == 0:
		return s, errors.New("-server is missing: want -server HOST[:PORT]")
	case s.client.User == "":
		return s, errors.New("-user is missing: want -user NAME@DOMAIN")
	case s.client.PlainTCP && (caFile != "" || s.client.ServerName != ""):
		return s, errors.New("-tcp is without TLS: leave out -ca and -server-name")
	case s.timeout <= 0:
		return s, errors.New("-timeout must be positive")
	case s.client.GiveUp < 0:
		return s, errors.New("-give-up must not be negative")
	}
	if caFile != "" {
		if s.client.RootCAs, err = readCA(caFile); err != nil {
			return s, err
		}
	}
	s.client.Password, err = password(e, passwordFile)
	return s, err
}

func readCA(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("-ca: %s holds no PEM certificate", file)
	}
	return pool, nil
}

func password(e *Environment, file string) (string, error) {
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("-password-file: %w", err)
		}
		p := strings.TrimRight(string(b), "\r\n")
		if p == "" {
			return "", fmt.Errorf("-password-file: %s is empty", file)
		}
		return p, nil
	}
	if p := e.Getenv("CHAT_PASSWORD"); p != "" {
		return p, nil
	}
	terminal, ok := e.In.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return "", errors.New("no password: give -password-file FILE or set CHAT_PASSWORD")
	}
	fmt.Fprint(e.Err, "Password: ")
	b, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(e.Err)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if len(b) == 0 {
		return "", errors.New("no password given")
	}
	return string(b), nil
}
