package plugin

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"

	"github.com/spf13/cobra"
)

func salvageCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "salvage POOL", Short: "What was found in the database of a site that was overtaken, by room",
		Long: `Shows what the site that serves says of a salvage: posts that the other site had confirmed and not sent
before it was overtaken. Found is how many there are; recovered, how many of them were appended to their
rooms, marked as recovered; resent, how many were there before, as their authors had sent them again. Then
come the differences that are for a person to judge: nothing of them is applied. Changes nothing; a salvage
begins and goes on by itself.`,
		Example: `  kubectl chatpool salvage -n chat --context backup trading
  kubectl chatpool salvage -n chat --context home --peer-context backup trading`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := f.look(c.Context(), args[0], 0)
			if err != nil {
				return err
			}
			return ShowSalvage(c.OutOrStdout(), v)
		},
	}
}

// ShowSalvage prints the salvage of each site that tells of one, and who waits for one.
func ShowSalvage(out io.Writer, v View) error {
	var b strings.Builder
	for _, s := range v.sites() {
		if s.Cluster != nil && !s.Answers() {
			fmt.Fprintf(&b, "%s: the cluster %s does not answer: %v\n", s.Name, s.Cluster.where(), s.Err)
		}
		if !s.Answers() {
			continue
		}
		if t := moving(s); t != nil && failover.Step(t.Step) == failover.Salvaging {
			fmt.Fprintf(&b, "%s: waits with what it alone has: %s\n", s.Name, orWord(t.WaitingFor, "it does not say for what"))
		}
		if st := s.Pool.Status.Salvage; st != nil {
			if err := salvageOf(&b, s, st); err != nil {
				return err
			}
		}
	}
	if b.Len() == 0 {
		b.WriteString("no site tells of a salvage: none was ever needed, as far as was asked\n")
	}
	_, err := io.WriteString(out, trimLines(b.String()))
	return err
}

func salvageOf(b *strings.Builder, s Seen, st *v1alpha1.SalvageStatus) error {
	fmt.Fprintf(b, "%s: salvage of epoch %d from %s: %s, %s\n", s.Name, st.Epoch, st.FromSite, st.State, found(st))
	for _, l := range [][2]string{{"began", strings.TrimPrefix(since(st.StartedAt), " since ")}, {"completed", strings.TrimPrefix(since(st.CompletedAt), " since ")}, {"waits for", st.Waiting}} {
		if l[1] != "" {
			fmt.Fprintf(b, "  %-10s %s\n", l[0], l[1])
		}
	}
	if len(st.Details) > 0 {
		b.WriteString("\n")
		w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ROOM\tFOUND\tRECOVERED\tRESENT\tSTATE")
		for _, r := range st.Details {
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", r.Room, r.Found, r.Recovered, r.Resent, roomState(r))
		}
		if more := st.Rooms - int64(len(st.Details)); more > 0 {
			fmt.Fprintf(w, "and %d more\t\t\t\t\n", more)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(st.Differences) > 0 {
		b.WriteString("\nfor you to judge, nothing of this was applied:\n")
		for _, d := range st.Differences {
			fmt.Fprintf(b, "  %s\n", d)
		}
	}
	return nil
}

// found is a salvage in figures.
func found(s *v1alpha1.SalvageStatus) string {
	return fmt.Sprintf("%d found, %d recovered, %d resent by their authors, %d of %d rooms done", s.Found, s.Recovered, s.Resent, s.RoomsDone, s.Rooms)
}

func roomState(r v1alpha1.RoomSalvage) string {
	state := "in work"
	if r.Done {
		state = "done"
	}
	if r.Recreated {
		state += ", made anew and disabled: enable or remove it"
	}
	return state
}
