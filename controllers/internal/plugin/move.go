package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	"github.com/spf13/cobra"
)

// Move is what kubectl chatpool failover and failback are asked to do.
type Move struct {
	To failover.Side
	// Word is a person's confirmation that the other site does not serve; without an epoch: none.
	Word    naming.Word
	DryRun  bool
	Wait    bool
	Timeout time.Duration
	Out     io.Writer
}

const moveLong = `Sets spec.poolState to %[1]s in both clusters, after asking both sites whether the pool can move: each
gate is printed with ok or not ok and why. Nothing is written while one is not ok. The operators then
move the pool to its %[2]s site: planned, without loss, or, when the other site's database is gone, with
what the %[2]s site has received. --wait shows the steps.

If the other site is lost, nothing moves without a person's word. --confirm N says that it does not
serve: it writes spec.failover.confirmEpoch and spec.poolState in the cluster of the %[2]s site alone;
kubectl chatpool status names N, the epoch that begins by it, and what may be lost. The word is good
once. --abandon M also names the epoch whose posts may be left behind, where the status asks for it.

The patch that belongs in Git is printed. With --dry-run it is not applied; the exit code then says
whether every gate is ok.`

func moveCommand(f *flags, to failover.Side) *cobra.Command {
	m := Move{To: to}
	c := &cobra.Command{
		Use: verb(to) + " POOL", Short: "Move a pool to its " + siteWord(to) + " site",
		Long: fmt.Sprintf(moveLong, failover.StateFor(to), siteWord(to)),
		Example: fmt.Sprintf(`  kubectl chatpool %[1]s -n chat --context home --peer-context backup trading --dry-run
  kubectl chatpool %[1]s -n chat --context home --peer-context backup trading --wait
  kubectl chatpool %[1]s -n chat --context %[2]s trading --confirm %[3]d --wait    # the other site is lost`,
			verb(to), to, to.Mint(1)),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m.Out = c.OutOrStdout()
			if c.Flags().Changed("confirm") && m.Word.Epoch < 1 {
				return fmt.Errorf("--confirm %d: epochs begin at 1; kubectl chatpool status says which one to confirm", m.Word.Epoch)
			}
			return m.run(c.Context(), f, args[0])
		},
	}
	c.Flags().Int64Var(&m.Word.Epoch, "confirm", 0, "the other site does not serve: begin this epoch without it")
	c.Flags().Int64Var(&m.Word.Abandon, "abandon", 0, "with --confirm: posts of this epoch may be left behind")
	c.Flags().BoolVar(&m.DryRun, "dry-run", false, "print the gates and the patch only")
	c.Flags().BoolVar(&m.Wait, "wait", false, "show the steps until the pool has moved; fail when it was rolled back")
	c.Flags().DurationVar(&m.Timeout, "timeout", 5*time.Minute, "with --wait: how long at most")
	return c
}

func siteWord(to failover.Side) string {
	if to == failover.Backup {
		return "backup"
	}
	return "primary"
}

func (m *Move) run(ctx context.Context, f *flags, pool string) error {
	force := m.Word.Epoch != 0
	switch {
	case m.Word.Abandon != 0 && !force:
		return errors.New("--abandon is for a forced move: add --confirm, with the epoch that kubectl chatpool status names")
	case !force && !f.hasPeer():
		return errors.New("a move needs both manifests: say which is the other cluster by --peer-context or --peer-kubeconfig; if it is lost, --confirm moves the pool without it")
	}
	pulse := time.Duration(0)
	if force {
		pulse = pulsePatience
	}
	v, err := f.look(ctx, pool, pulse)
	if err != nil {
		return err
	}
	if v.Single {
		return fmt.Errorf("%s has one site, there is nothing to move it to: add a second entry to spec.sites", v.object())
	}
	kind, gates := failover.Forced, []Gate(nil)
	if force {
		gates = forceGates(v, m.To, m.Word, false)
	} else {
		kind, gates = gatesOf(v, m.To)
	}
	if err := m.check(v, kind, gates); err != nil {
		return err
	}
	if err := m.write(ctx, v, kind); err != nil || !m.Wait || m.DryRun {
		return err
	}
	p := Progress{To: m.To, Timeout: m.Timeout, Out: m.Out, Look: func(ctx context.Context) (View, error) { return f.look(ctx, pool, 0) }}
	return p.Follow(ctx, v)
}

// check prints the gates and refuses when one is not ok.
func (m *Move) check(v View, kind failover.Kind, gates []Gate) error {
	taker := v.Of(m.To)
	title := fmt.Sprintf("%s of %s: to %s, %s", verb(m.To), v.object(), taker.Name, kind)
	switch kind {
	case failover.NoMove:
		title = fmt.Sprintf("%s serves %s already; the manifests are made to say so", taker.Name, v.object())
	case failover.Planned:
		title += ": nothing is lost"
	case failover.Assisted, failover.Forced:
		title += ": " + loss(taker)
	}
	m.sayf("%s\n\n", title)
	if err := showGates(m.Out, gates); err != nil {
		return err
	}
	closed := red(gates)
	if len(closed) == 0 {
		return nil
	}
	if m.DryRun {
		if err := m.showPatch(v); err != nil {
			return err
		}
	}
	return refusal("not moved", closed)
}

// refusal names the gates that are closed; why, they said already.
func refusal(what string, closed []Gate) error {
	g := closed[0]
	err := fmt.Errorf("%s: not ok is %q: %s", what, g.What, g.Why)
	if g.Cure != "" {
		err = fmt.Errorf("%w; %s", err, g.Cure)
	}
	if n := len(closed) - 1; n > 0 {
		err = fmt.Errorf("%w (and %d more, see above)", err, n)
	}
	return err
}

// write sets what is wanted in the clusters that it is for, after each has said that it would take it.
func (m *Move) write(ctx context.Context, v View, kind failover.Kind) error {
	sites := v.sites()
	if kind == failover.Forced {
		sites = []Seen{v.Of(m.To)}
	}
	if err := m.showPatch(v); err != nil {
		return err
	}
	if err := showTools(m.Out, v.sites()); err != nil || m.DryRun {
		return err
	}
	if err := patchAll(ctx, m.Out, v, sites, m.patch(v)); err != nil {
		return err
	}
	if kind == failover.Forced {
		m.sayf("before %s returns, its manifest should say the same\n", v.Of(m.To.Other()).Name)
	}
	return nil
}

// patch is what is written: to both manifests, or, with a person's word, to the taker's.
func (m *Move) patch(v View) map[string]any {
	spec := map[string]any{"poolState": string(failover.StateFor(m.To))}
	if m.Word.Epoch != 0 {
		word := map[string]any{"confirmEpoch": m.Word.Epoch}
		if m.Word.Abandon != 0 {
			word["abandonEpoch"] = m.Word.Abandon
		} else if s := v.Of(m.To); s.Answers() && s.Pool.Spec.Failover != nil && s.Pool.Spec.Failover.AbandonEpoch != 0 {
			word["abandonEpoch"] = nil
		}
		spec["failover"] = word
	}
	return map[string]any{"spec": spec}
}

func (m *Move) showPatch(v View) error { return showPatch(m.Out, v, m.patch(v)) }

func (m *Move) sayf(format string, args ...any) { fmt.Fprintf(m.Out, format, args...) } //nolint:errcheck // a terminal
