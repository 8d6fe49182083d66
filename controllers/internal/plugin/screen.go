package plugin

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// row is a line of the table: what a site says of itself, and what the other one knows of it, if anything.
type row struct {
	title string
	own   func(Seen) string
	other func(v1alpha1.PeerStatus) string
}

var rows = []row{
	{"Reachable", reachable, nil},
	{"State", func(s Seen) string { return s.Pool.Status.State }, nil},
	{"Ready", func(s Seen) string { return condition(s.Pool, v1alpha1.ConditionReady) }, nil},
	{"Servers", func(s Seen) string { return s.Pool.Status.Servers.Summary }, nil},
	{"In service", inService, nil},
	{"Database", database, nil},
}

// rowsOfTwo are for a pool with two sites, above and below the others.
var rowsOfTwo = [2][]row{
	{
		{"Operator", func(s Seen) string { return orWord(string(s.Pulse), "not known") }, nil},
		{"Seen by other", func(Seen) string { return "" }, func(p v1alpha1.PeerStatus) string { return p.State + since(p.Since) }},
		{"State wanted", func(s Seen) string { return string(s.Pool.Spec.PoolState) }, nil},
		{"Role", func(s Seen) string { return s.Pool.Status.Role }, func(p v1alpha1.PeerStatus) string { return p.Role }},
		{"Epoch", func(s Seen) string { return number(s.Pool.Status.Epoch) }, nil},
		{"Active site", func(s Seen) string { return s.Pool.Status.ActiveSite }, nil},
	},
	{
		{"Replication", func(s Seen) string { return replication(s.Pool.Status.Replication) }, nil},
		{"Lag", func(s Seen) string { return lag(s.Pool.Status.Replication) }, nil},
		{"DR", func(s Seen) string { return s.Pool.Status.DR }, nil},
		{"Guard", func(s Seen) string { return reason(s.Pool, v1alpha1.ConditionSplitBrainGuard) }, nil},
		{"Step", step, nil},
	},
}

func (v View) rows() []row {
	if v.Single {
		return rows
	}
	return slices.Concat(rows[:1], rowsOfTwo[0], rows[1:], rowsOfTwo[1])
}

// Show prints the sites side by side, then what each is in the middle of, then what is not as it should be.
func Show(out io.Writer, v View) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := "POOL " + v.Pool
	for _, s := range v.sites() {
		line += "\t" + header(v, s)
	}
	fmt.Fprintln(w, line)
	for _, r := range v.rows() {
		line := r.title
		for _, s := range v.sites() {
			line += "\t" + r.value(s, v.Of(s.Side.Other()))
		}
		fmt.Fprintln(w, line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range v.sites() {
		b.WriteString(silence(v, s))
		b.WriteString(middle(s))
		b.WriteString(salvaging(v, s))
		for _, t := range troubles(v, s) {
			b.WriteString(t)
		}
	}
	_, err := io.WriteString(out, trimLines(b.String()))
	return err
}

func header(v View, s Seen) string {
	if v.Single {
		return s.Name
	}
	return fmt.Sprintf("%s (%s)", s.Name, map[failover.Side]v1alpha1.SiteRole{failover.Home: v1alpha1.SitePrimary, failover.Backup: v1alpha1.SiteBackup}[s.Side])
}

// value is what a site says of itself, or what the other says of it.
func (r row) value(s, other Seen) string {
	said, known := "", ""
	if s.Answers() || r.title == "Reachable" {
		said = r.own(s)
	}
	if r.other != nil {
		known = r.other(peerOf(other))
	}
	switch {
	case said != "":
		return said
	case known != "" && !s.Answers() && r.title == "Role":
		return known + ", last heard"
	case known != "":
		return known
	case s.Answers():
		return "-"
	}
	return "?"
}

func reachable(s Seen) string {
	switch {
	case s.Cluster == nil:
		return "not asked"
	case !s.Answers():
		return "no"
	}
	return "yes"
}

func inService(s Seen) string {
	active := s.Pool.Spec.Servers.Active
	switch {
	case active == nil:
		return "all"
	case len(*active) == 0:
		return "none"
	}
	n := 0
	for _, a := range *active {
		if site, _, ok := strings.Cut(a, "/"); !ok || site == s.Name {
			n++
		}
	}
	return fmt.Sprintf("%d of %d", n, replicas(s))
}

func database(s Seen) string {
	d := s.Pool.Status.Database
	switch {
	case d.Summary == "":
		return ""
	case d.Mirror == "":
		return d.Summary
	}
	return d.Summary + ", mirror " + d.Mirror
}

func replication(r *v1alpha1.ReplicationStatus) string {
	switch {
	case r == nil:
		return ""
	case r.State != v1alpha1.ReplicationStreaming && r.LastSeen != nil:
		return r.State + "," + strings.Replace(since(r.LastSeen), "since", "last", 1)
	}
	return r.State
}

// lag is how much would be lost if the active site were lost now.
func lag(r *v1alpha1.ReplicationStatus) string {
	switch {
	case r == nil:
		return ""
	case r.LagBytes != nil:
		return fmt.Sprintf("%s / %d bytes", r.Lag, *r.LagBytes)
	}
	return r.Lag
}

func step(s Seen) string {
	t := s.Pool.Status.Transition
	if t == nil {
		return ""
	}
	return t.Kind + ", " + t.Step
}

// silence says why a site is not shown, or what it shows may be old.
func silence(v View, s Seen) string {
	switch {
	case s.Answers() && s.Pulse == Still:
		return fmt.Sprintf("\n%s: its operator does not renew its counter, so what is shown may be old\n  %-10s %s-n chatpool-system get pods\n", s.Name, "helps", s.kubectl())
	case s.Answers():
		return ""
	case s.Cluster == nil:
		return fmt.Sprintf("\n%s: only what %s knows of it is shown; to ask it: --peer-context\n", s.Name, v.Of(s.Side.Other()).Name)
	}
	return fmt.Sprintf("\n%s: the cluster %s does not answer, which says nothing about the site itself: %v\n", s.Name, s.Cluster.where(), s.Err)
}

// middle tells of what a site is in the middle of.
func middle(s Seen) string {
	if !s.Answers() || s.Pool.Status.Transition == nil {
		return ""
	}
	t := s.Pool.Status.Transition
	b := fmt.Sprintf("\n%s: %s, %s%s\n", s.Name, t.Kind, t.Step, since(t.StartedAt))
	for _, l := range [][2]string{{"waits for", t.WaitingFor}, {"loss", t.DataLoss}, {"next", t.NextCommand}} {
		if l[1] != "" {
			b += fmt.Sprintf("  %-10s %s\n", l[0], l[1])
		}
	}
	return b
}

// salvaging tells of a salvage that is not completed.
func salvaging(v View, s Seen) string {
	if !s.Answers() || s.Pool.Status.Salvage == nil || s.Pool.Status.Salvage.State == v1alpha1.SalvageCompleted {
		return ""
	}
	st := s.Pool.Status.Salvage
	b := fmt.Sprintf("\n%s: salvage of epoch %d from %s: %s\n", s.Name, st.Epoch, st.FromSite, found(st))
	if st.Waiting != "" {
		b += fmt.Sprintf("  %-10s %s\n", "waits for", st.Waiting)
	}
	return b + fmt.Sprintf("  %-10s %s\n", "more", v.command("salvage", ""))
}

// since is a time by the clock of the operator that wrote it.
func since(t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return " since " + t.UTC().Format(time.DateTime) + "Z"
}

func condition(p *v1alpha1.ChatPool, name string) string {
	c := meta.FindStatusCondition(p.Status.Conditions, name)
	if c == nil {
		return ""
	}
	return string(c.Status) + ", " + c.Reason
}

func reason(p *v1alpha1.ChatPool, name string) string {
	if c := meta.FindStatusCondition(p.Status.Conditions, name); c != nil {
		return c.Reason
	}
	return ""
}

// trimLines takes off what the last column is padded with.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
