package plugin

import (
	"fmt"
	"io"
	"text/tabwriter"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/failover"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Gate is one thing that a move needs.
type Gate struct {
	What string
	// OK; when it is not, Why says what was found, and Cure what helps.
	OK        bool
	Why, Cure string
	// Note: it does not hold the move up, but is worth reading.
	Note bool
}

// word is the gate's state for people.
func (g Gate) word() string {
	switch {
	case g.OK:
		return "ok"
	case g.Note:
		return "note"
	}
	return "NOT OK"
}

// red are the gates that are closed.
func red(gates []Gate) []Gate {
	var out []Gate
	for _, g := range gates {
		if !g.OK && !g.Note {
			out = append(out, g)
		}
	}
	return out
}

// showGates prints each gate with ok or not ok and why.
func showGates(out io.Writer, gates []Gate) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GATE\tSTATE\tWHY")
	for _, g := range gates {
		why := g.Why
		if !g.OK && g.Cure != "" {
			why += "; " + g.Cure
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", g.What, g.word(), orWord(why, "-"))
	}
	return w.Flush()
}

func gate(what string, ok bool, why, cure string) Gate {
	return Gate{What: what, OK: ok, Why: why, Cure: cure}
}

// gatesOf are what it takes to move the pool to a side without a confirmation, and the kind of the move as the
// operators will see it: NoMove, Planned or Assisted. The operators decide by more than a status tells; what is closed
// here, they refuse or wait for.
func gatesOf(v View, to failover.Side) (failover.Kind, []Gate) {
	from, taker := v.Of(to.Other()), v.Of(to)
	gates := []Gate{answers(v, v.Home, to), answers(v, v.Backup, to)}
	if len(red(gates)) > 0 {
		return failover.Planned, gates
	}
	gates = append(gates, sameSites(v))
	if serves(taker) {
		return failover.NoMove, append(gates, gate(taker.Name+" serves already", true, "epoch "+number(taker.Pool.Status.Epoch), ""))
	}
	gates = append(gates, hears(v, from, taker), hears(v, taker, from), holdsTheEpoch(from, to), standsBy(taker), idle(v, from, to), idle(v, taker, to))
	kind, lost := failover.Planned, databaseLost(from)
	if lost != "" {
		kind = failover.Assisted
		gates = append(gates, Gate{What: from.Name + " has its database", Note: true, Why: lost + ": " + loss(taker)})
	} else {
		gates = append(gates, gate(from.Name+" has its database", true, orWord(from.Pool.Status.Database.Summary, "-"), ""))
	}
	gates = append(gates, holdsAll(taker, from))
	if kind == failover.Planned {
		gates = append(gates, isReady(v, from, to), isReady(v, taker, to))
	}
	return kind, append(gates, votes(from), takesPosts(v, taker))
}

// answers: without the other site's status, and without a way to write its manifest, there is only the forced move.
func answers(v View, s Seen, to failover.Side) Gate {
	g := gate(s.Name+" answers", s.Answers(), "", "")
	switch taker := v.Of(to); {
	case s.Answers():
	case s.Cluster == nil:
		g.Why, g.Cure = "no way to it was given", "say --peer-context"
	case s.Side == to || !taker.Answers():
		g.Why, g.Cure = s.Err.Error(), "nothing can be moved to a site that does not answer"
	default:
		g.Why, g.Cure = s.Err.Error(), "if "+s.Name+" is lost, once "+taker.Name+" says that it is silent: "+v.command(verb(to), "--confirm "+number(mint(taker)))
	}
	return g
}

// sameSites: two manifests that make both sites the same one are not to be acted on.
func sameSites(v View) Gate {
	h, b := v.Home.Pool, v.Backup.Pool
	same := primary(h) == primary(b) && backup(h) == backup(b)
	if !same {
		return gate("both name the same sites", false, fmt.Sprintf("primary %s and backup %s at %s, primary %s and backup %s at %s",
			primary(h), backup(h), v.Home.Name, primary(b), backup(b), v.Backup.Name), "make spec.sites the same in both manifests")
	}
	return gate("both name the same sites", true, "", "")
}

func serves(s Seen) bool {
	return s.Answers() && s.Pool.Status.Role == v1alpha1.RoleActive && s.Side.Mints(s.Pool.Status.Epoch)
}

// hears: a planned move needs operators that hear each other.
func hears(v View, who, whom Seen) Gate {
	p := peerOf(who)
	g := gate(who.Name+" hears "+whom.Name, p.State == v1alpha1.PeerAlive, orWord(p.State, "it has not looked yet")+since(p.Since), "")
	if p.Message != "" {
		g.Why += ": " + p.Message
	}
	g.Cure = "see whether the operator in " + whom.Name + " runs, and whether " + who.Name + " reaches its API server: " + v.command("peer", "")
	return g
}

// holdsTheEpoch: the site that gives must be the one whose epoch is the highest.
func holdsTheEpoch(from Seen, to failover.Side) Gate {
	st := from.Pool.Status
	g := gate(from.Name+" has the epoch", to.Other().Mints(st.Epoch), fmt.Sprintf("%s, epoch %d", orWord(st.Role, "no role yet"), st.Epoch), "")
	if st.Epoch == 0 {
		g.Why, g.Cure = "no epoch has begun", "wait until the pool was created"
	} else {
		g.Cure = "the epoch was given away: wait until the move that is under way is over"
	}
	return g
}

func standsBy(s Seen) Gate {
	role := s.Pool.Status.Role
	return gate(s.Name+" stands by", role == v1alpha1.RoleStandby, orWord(role, "no role yet"), "it returns by itself; wait until its role is Standby")
}

// idle: a site that is in the middle of something else is not moved. What was begun the same way is gone on with.
func idle(v View, s Seen, to failover.Side) Gate {
	t := moving(s)
	if t == nil {
		return gate(s.Name+" is idle", true, "", "")
	}
	why := t.Kind + ", " + t.Step
	if t.WaitingFor != "" {
		why += ": " + t.WaitingFor
	}
	begun := failover.Kind(t.Kind) == failover.Planned || failover.Kind(t.Kind) == failover.Assisted
	undone := failover.Step(t.Step) == failover.RollingBack
	g := Gate{What: s.Name + " is idle", Why: why, Note: begun && !undone && wants(s) == to}
	switch {
	case undone:
		g.Cure = "it begins anew by itself; to begin at once, first give it up: " + v.command(verb(to.Other()), "")
	case t.NextCommand != "":
		g.Cure = "next: " + t.NextCommand
	default:
		g.Cure = "wait until it is over"
	}
	return g
}

// databaseLost says why the site cannot hand its database over; empty: it can.
func databaseLost(s Seen) string {
	f, st := failoverOf(s), s.Pool.Status
	switch {
	case f.Data == "":
		return "it does not answer"
	case failover.Data(f.Data) != failover.DataPresent:
		return "it is gone"
	case f.HeldEpoch != st.Epoch:
		return fmt.Sprintf("it holds epoch %d only", f.HeldEpoch)
	}
	return ""
}

// holdsAll: the taker's database must go up to the present epoch.
func holdsAll(taker, from Seen) Gate {
	f, epoch := failoverOf(taker), from.Pool.Status.Epoch
	g := gate(fmt.Sprintf("%s holds epoch %d", taker.Name, epoch), false, "", "it is cloned or rejoins by itself: wait")
	switch {
	case f.Data == "":
		g.Why, g.Cure = "its database does not answer", "see that it runs"
	case failover.Data(f.Data) != failover.DataPresent:
		g.Why = "its database is " + f.Data
	case f.Strayed:
		g.Why = "its database was open out of turn"
	case f.HeldEpoch != epoch:
		g.Why = fmt.Sprintf("its database holds epoch %d", f.HeldEpoch)
	default:
		g.OK = true
	}
	return g
}

// isReady is the condition that is looked at every morning, as either site says it.
func isReady(v View, s Seen, to failover.Side) Gate {
	name := v1alpha1.ConditionFailoverReady
	if to == failover.Home {
		name = v1alpha1.ConditionFailbackReady
	}
	g := gate(s.Name+" says "+name, false, "it has not said so yet", "")
	c := meta.FindStatusCondition(s.Pool.Status.Conditions, name)
	if c == nil {
		return g
	}
	g.OK, g.Why = c.Status == metav1.ConditionTrue, c.Message
	if !g.OK {
		g.Why, g.Cure = fmt.Sprintf("%s, %s: %s", c.Status, c.Reason, c.Message), v.command("status", "")+" says more"
	}
	return g
}

// votes: with a witness that does not answer, nobody opens.
func votes(s Seen) Gate {
	c := meta.FindStatusCondition(s.Pool.Status.Conditions, v1alpha1.ConditionSplitBrainGuard)
	if c == nil {
		return gate("no witness is silent", true, "", "")
	}
	return gate("no witness is silent", c.Status != metav1.ConditionUnknown, c.Message, "see that it runs, or take it out of the manifests")
}

// takesPosts: a site of which no server is in service takes no posts, which may be what is wanted.
func takesPosts(v View, s Seen) Gate {
	n := inService(s)
	out := n == "none" || (len(n) > 0 && n[0] == '0')
	return Gate{What: s.Name + " has servers in service", OK: !out, Note: out, Why: n,
		Cure: "it takes no posts until: " + v.command("active-servers", "--all")}
}

// loss bounds what a move without the other site's database loses, by what either site says of the standby's lag.
func loss(sites ...Seen) string {
	for _, s := range sites {
		if s.Answers() && s.Pool.Status.Replication != nil && s.Pool.Status.Replication.LagSeconds != nil {
			return "at most " + lag(s.Pool.Status.Replication) + " would be lost"
		}
	}
	return "what would be lost is not known"
}

// verb is the command that moves a pool to a side.
func verb(to failover.Side) string {
	if to == failover.Backup {
		return "failover"
	}
	return "failback"
}

// mint is the epoch that the site would begin, as its operator reckons by its own status.
func mint(s Seen) int64 { return s.Side.Mint(top(s)) }

// mintNew is the epoch in which it would begin a pool anew.
func mintNew(s Seen) int64 {
	const leap = 100
	return s.Side.Mint((top(s)/leap + 1) * leap)
}

func top(s Seen) int64 {
	f := failoverOf(s)
	known := max(s.Pool.Status.Epoch, f.VoidedEpoch)
	if f.Grant != nil {
		known = max(known, f.Grant.Epoch)
	}
	return known
}
