// Command kubectl-chatpool is what an administrator of pools with two sites works with: kubectl chatpool.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"chatpool.dev/controllers/internal/plugin"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctrl.SetLogger(logr.Discard())
	if err := plugin.Command(os.Stdout).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}
