// Command chatserver is the chat server of a pool's pods.
//
//	chatserver serve --config FILE     serve clients until SIGTERM
//	chatserver migrate --config FILE   bring the database's schema up to date
//	chatserver version                 tell the version
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"chatpool.dev/chatserver/internal/config"
	"chatpool.dev/chatserver/internal/obs"
	"chatpool.dev/chatserver/internal/server"
)

// version is set by the build.
var version = "dev"

const usage = `usage: chatserver serve|migrate --config FILE
       chatserver version
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chatserver:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	command := args[0]
	flags := flag.NewFlagSet("chatserver "+command, flag.ExitOnError)
	path := flags.String("config", "/etc/chatpool/config/config.json", "the configuration `file`")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	pod := os.Getenv("POD_NAME")
	if pod == "" {
		pod, _ = os.Hostname()
	}
	log := obs.NewLogger(os.Stdout, pod)
	switch command {
	case "serve":
		s, err := server.New(server.Options{ConfigPath: *path, Pod: pod, Version: version, Log: log})
		if err != nil {
			return err
		}
		return s.Run(ctx)
	case "migrate":
		live, err := config.Load(*path, log)
		if err != nil {
			return err
		}
		return server.Migrate(ctx, live.Current(), log)
	case "version":
		fmt.Println(version)
		return nil
	}
	return fmt.Errorf("no command %q\n%s", command, usage)
}
