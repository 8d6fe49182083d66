package plugin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// refreshEvery is how often status --watch looks again.
const refreshEvery = 2 * time.Second

// clearScreen moves a terminal's cursor home and clears what is below.
const clearScreen = "\x1b[H\x1b[J"

func statusCommand(f *flags) *cobra.Command {
	watch := false
	c := &cobra.Command{
		Use: "status POOL", Short: "Both sites of a pool on one screen",
		Long: `Shows what each site's operator says of its site, side by side: whether its cluster answers and its
operator lives, what the manifest wants, role, epoch, servers, database, lag; then what each is in the
middle of, and the conditions that are not as they should be, with the command that helps. A cluster
that does not answer is said so, and what the other site knows of it is shown; the same when only one
cluster is given. Times are by the clock of the operator that wrote them. Changes nothing.`,
		Example: `  kubectl chatpool status -n chat --context home --peer-context backup trading
  kubectl chatpool status -n chat --context backup trading           # what backup knows
  kubectl chatpool status -n chat --context home --peer-context backup trading --watch`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if watch {
				return keepShowing(c.Context(), c.OutOrStdout(), f, args[0])
			}
			v, err := f.look(c.Context(), args[0], pulsePatience)
			if err != nil {
				return err
			}
			return Show(c.OutOrStdout(), v)
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "look again every 2 s until interrupted")
	return c
}

// keepShowing shows the pool until it is interrupted. It goes on while nobody answers.
func keepShowing(ctx context.Context, out io.Writer, f *flags, pool string) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		var screen bytes.Buffer
		if isTerminal(out) {
			screen.WriteString(clearScreen)
		}
		fmt.Fprintf(&screen, "%s\n\n", time.Now().UTC().Format(time.DateTime+"Z"))
		v, err := f.look(ctx, pool, pulsePatience)
		if ctx.Err() != nil {
			return nil // interrupted, as it is meant to be
		}
		if err == nil {
			err = Show(&screen, v)
		}
		if err != nil {
			fmt.Fprintln(&screen, err)
		}
		screen.WriteString("\n")
		if _, err := out.Write(screen.Bytes()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	s, err := f.Stat()
	return err == nil && s.Mode()&os.ModeCharDevice != 0
}
