package plugin

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"chatpool.dev/api/v1alpha1"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// askPatience is how long a site may take to answer.
const askPatience = 5 * time.Second

func statusCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "status POOL", Short: "Both sites of a pool on one screen",
		Example: "  kubectl chatpool status -n chat --context home --peer-context backup trading",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var seen []Seen
			if f.hasPeer() {
				own, peer, err := f.both()
				if err != nil {
					return err
				}
				seen = []Seen{ask(c.Context(), own, f.namespace, args[0]), ask(c.Context(), peer, f.namespace, args[0])}
			} else {
				own, namespace, err := f.own.open()
				if err != nil {
					return err
				}
				if f.namespace == "" {
					f.namespace = namespace
				}
				seen = []Seen{ask(c.Context(), own, f.namespace, args[0])}
			}
			return Show(c.OutOrStdout(), args[0], seen)
		},
	}
}

// Seen is what one site said, or why it said nothing.
type Seen struct {
	Where string
	Pool  *v1alpha1.ChatPool
	Err   error
}

func ask(ctx context.Context, c *Cluster, namespace, name string) Seen {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	s := Seen{Where: c.Config.Host, Pool: &v1alpha1.ChatPool{}}
	s.Err = c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, s.Pool)
	return s
}

// Show prints the sites side by side, then the conditions that are not as they should be.
func Show(out io.Writer, name string, seen []Seen) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(title string, value func(*v1alpha1.ChatPool) string) {
		fmt.Fprint(w, title)
		for _, s := range seen {
			v := "?"
			if s.Err == nil {
				if v = value(s.Pool); v == "" {
					v = "-"
				}
			}
			fmt.Fprint(w, "\t", v)
		}
		fmt.Fprintln(w)
	}
	row("POOL "+name, func(p *v1alpha1.ChatPool) string { return "site " + orDash(p.Status.Site) })
	row("State", func(p *v1alpha1.ChatPool) string { return p.Status.State })
	row("Role", func(p *v1alpha1.ChatPool) string { return p.Status.Role })
	row("Ready", func(p *v1alpha1.ChatPool) string { return condition(p, v1alpha1.ConditionReady) })
	row("Servers", func(p *v1alpha1.ChatPool) string { return p.Status.Servers.Summary })
	row("Database", func(p *v1alpha1.ChatPool) string { return p.Status.Database.Summary })
	row("Mirror", func(p *v1alpha1.ChatPool) string { return p.Status.Database.Mirror })
	row("Other site", func(p *v1alpha1.ChatPool) string {
		if p.Status.Peer == nil {
			return ""
		}
		return p.Status.Peer.Site + " " + p.Status.Peer.State
	})
	row("Replication", func(p *v1alpha1.ChatPool) string { return replication(p.Status.Replication) })
	row("Failover ready", func(p *v1alpha1.ChatPool) string { return condition(p, v1alpha1.ConditionFailoverReady) })
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range seen {
		if s.Err != nil {
			fmt.Fprintf(&b, "\n%s does not answer, which says nothing about the site itself: %v\n", s.Where, s.Err)
			continue
		}
		for _, c := range troubles(s.Pool) {
			fmt.Fprintf(&b, "\n%s: %s is %s (%s): %s\n", orDash(s.Pool.Status.Site), c.Type, c.Status, c.Reason, c.Message)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// troubles are the conditions that do not hold, each said once: Ready repeats the first of them.
func troubles(p *v1alpha1.ChatPool) []metav1.Condition {
	var out []metav1.Condition
	for _, c := range p.Status.Conditions {
		wanted := metav1.ConditionTrue
		if c.Type == v1alpha1.ConditionStalled || c.Type == v1alpha1.ConditionReconciling {
			continue
		}
		if c.Status != wanted && !(c.Type == v1alpha1.ConditionReady && len(p.Status.Conditions) > 3) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return out
}

func replication(r *v1alpha1.ReplicationStatus) string {
	if r == nil {
		return ""
	}
	s := r.State + ", lag " + orDash(r.Lag)
	if r.LagBytes != nil {
		s += fmt.Sprintf(" / %d bytes", *r.LagBytes)
	}
	return s
}

func condition(p *v1alpha1.ChatPool, name string) string {
	c := meta.FindStatusCondition(p.Status.Conditions, name)
	if c == nil {
		return ""
	}
	return string(c.Status) + " " + c.Reason
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
