package plugin

import (
	"fmt"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"
	"chatpool.dev/controllers/internal/naming"

	"github.com/spf13/cobra"
)

func abandonTailCommand(f *flags) *cobra.Command {
	s := Saying{Annotation: naming.AnnotationAbandonTail}
	c := &cobra.Command{
		Use: "abandon-tail POOL --epoch N", Short: "Let this site rejoin without salvage: posts that it alone has are deleted for good",
		Long: `Writes the annotation chatpool.dev/abandon-tail onto this cluster's ChatPool, nothing else. This site was
overtaken and holds posts of epoch N that were confirmed to people and never reached the other site. It
waits with all its data until they are salvaged, which goes on by itself whenever the other site can read
this one's database: kubectl chatpool salvage shows it.

By this word you give them up: THE SITE DELETES ITS DATABASE WITH ITS VOLUMES and copies the other one's.
There is no way back; take a copy of the volumes first. It is for when the database cannot be read any
more, or when having a standby again matters more than those posts. The word is good once, for this object
in this cluster and this epoch alone.`,
		Example: `  kubectl chatpool abandon-tail -n chat --context home --peer-context backup trading --epoch 1 --dry-run
  kubectl chatpool abandon-tail -n chat --context home --peer-context backup trading --epoch 1`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return s.run(c, f, args[0]) },
	}
	c.Flags().Int64Var(&s.Word.Epoch, "epoch", 0, "the epoch whose posts here are given up")
	c.Flags().BoolVar(&s.DryRun, "dry-run", false, "print what is found and what would happen only")
	cobra.CheckErr(c.MarkFlagRequired("epoch"))
	return c
}

// abandonGates: only a site that was overtaken, and waits with what it alone has, has a tail to give up.
func abandonGates(v View, own, other Seen, w naming.Word) []Gate {
	f, st := failoverOf(own), own.Pool.Status
	waits := st.Role == v1alpha1.RoleFenced && f.HeldEpoch > 0 && (f.HeldEpoch < st.Epoch || f.Strayed)
	gates := []Gate{
		operatorLives(own),
		gate(own.Name+" was overtaken", waits, fmt.Sprintf("%s, epoch %d, its database holds %d", orWord(st.Role, "no role yet"), st.Epoch, f.HeldEpoch),
			"there is nothing to give up here"),
		gate(fmt.Sprintf("epoch %d is what it holds", w.Epoch), w.Epoch == f.HeldEpoch, "it holds epoch "+number(f.HeldEpoch),
			"say: "+v.command("abandon-tail", "--epoch "+number(f.HeldEpoch))),
	}
	if m := moving(own); m != nil && failover.Step(m.Step) != failover.Salvaging {
		gates = append(gates, Gate{What: own.Name + " waits for the salvage", Note: true, Why: m.Kind + ", " + m.Step, Cure: "the word counts once it does"})
	}
	return append(gates, salvaged(own, other, w))
}

// salvaged tells what the other site has of the tail; when it has all, nothing needs to be given up.
func salvaged(own, other Seen, w naming.Word) Gate {
	g := Gate{What: "its posts are not safe at " + other.Name, OK: true}
	if !other.Answers() {
		g.OK, g.Note, g.Why = false, true, "how much of it is salvaged is not known: it was not asked, give --peer-context"
		return g
	}
	s := other.Pool.Status.Salvage
	switch {
	case s == nil || s.FromSite != own.Name || s.Epoch != w.Epoch:
		g.Why = "nothing of it was salvaged so far"
	case s.State == v1alpha1.SalvageCompleted:
		g.OK, g.Why, g.Cure = false, "all is there: "+found(s), "nothing needs to be given up, this site rejoins by itself"
	default:
		g.Why = "so far " + found(s)
		if s.Waiting != "" {
			g.Why += "; it waits: " + s.Waiting
		}
	}
	return g
}

func willAbandon(own, other Seen, w naming.Word) string {
	return fmt.Sprintf("!!! %s DELETES ITS DATABASE AND VOLUMES and copies the one of %s. Posts of epoch %d that were confirmed to people, and that only %s has, are lost for good.\n!!! There is no way back. Copy the volumes first",
		own.Name, other.Name, w.Epoch, own.Name)
}
