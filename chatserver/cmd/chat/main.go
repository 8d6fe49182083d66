// Command chat is a chat client for people and scripts; see package chatcli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"chatpool.dev/chatserver/internal/chatcli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := chatcli.Environment{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}
	return chatcli.Run(ctx, e, os.Args[1:])
}
