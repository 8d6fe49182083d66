// Command chatload puts a chat pool under load and checks that it keeps its word; see package loadcheck.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"chatpool.dev/chatserver/loadcheck"
)

func main() { os.Exit(run(os.Args[1:])) }

// run gives the exit status: 0 if nothing is wrong, 1 if something is, 2 for a wrong command line.
func run(args []string) int {
	s, err := parseFlags(args, os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "chatload: %v\nRun chatload -help for all flags.\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := load(ctx, s)
	if err == nil {
		fmt.Print(report)
		err = s.save(report)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "chatload: %v\n", err)
		return 1
	}
	if len(report.Violations()) > 0 {
		return 1
	}
	return 0
}

// load makes the load for its time, or until it is interrupted, and checks.
func load(ctx context.Context, s *settings) (*loadcheck.Report, error) {
	start, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := loadcheck.Start(start, s.config)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(s.duration):
	case <-ctx.Done():
	}
	return r.Stop(context.WithoutCancel(ctx))
}
