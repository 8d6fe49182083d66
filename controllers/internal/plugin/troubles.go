package plugin

import (
	"fmt"
	"slices"
	"strings"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/controllers/internal/naming"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// troubles tells of the conditions that are not as they should be, each with the command that helps.
func troubles(v View, s Seen) []string {
	if !s.Answers() {
		return nil
	}
	var out []string
	for _, c := range wrong(s.Pool) {
		t := fmt.Sprintf("\n%s: %s is %s (%s): %s\n", s.Name, c.Type, c.Status, c.Reason, c.Message)
		if h := help(v, s, c); h != "" {
			t += fmt.Sprintf("  %-10s %s\n", "helps", h)
		}
		out = append(out, t)
	}
	return out
}

// wrong are a pool's conditions that do not hold, each said once: Ready repeats the first of them.
func wrong(p *v1alpha1.ChatPool) []metav1.Condition {
	var out []metav1.Condition
	for _, c := range p.Status.Conditions {
		if c.Type != v1alpha1.ConditionReady && isWrong(p, c) {
			out = append(out, c)
		}
	}
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && ready.Status != metav1.ConditionTrue && len(out) == 0 {
		out = append(out, *ready)
	}
	slices.SortStableFunc(out, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return out
}

func isWrong(p *v1alpha1.ChatPool, c metav1.Condition) bool {
	holds := c.Status == metav1.ConditionTrue
	switch c.Type {
	case v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling, v1alpha1.ConditionTransitionActive:
		return false
	case v1alpha1.ConditionForceRefused:
		return holds
	case v1alpha1.ConditionSplitBrainGuard:
		return c.Status == metav1.ConditionUnknown // without a witness it is False for good, which the table says
	case v1alpha1.ConditionMirrorInSync:
		return !holds && p.Status.Role != v1alpha1.RoleStandby
	case v1alpha1.ConditionSchemaReady, v1alpha1.ConditionServersReady, v1alpha1.ConditionServing:
		return !holds && slices.Contains(p.ReadyWhen(), c.Type)
	}
	return !holds
}

// help is the command that shows more of a condition's cause, or ends it.
func help(v View, s Seen, c metav1.Condition) string {
	kubectl := s.kubectl() + "-n " + v.Namespace + " "
	switch c.Type {
	case v1alpha1.ConditionDatabaseReady, v1alpha1.ConditionMirrorInSync:
		return kubectl + "describe clusters.postgresql.cnpg.io " + naming.Cluster(s.Pool)
	case v1alpha1.ConditionServersReady, v1alpha1.ConditionSchemaReady:
		return kubectl + "get pods -l " + naming.LabelPool + "=" + v.Pool
	case v1alpha1.ConditionPeerReachable:
		return v.command("peer", "") + ", if it never answered; else see whether the operator in " + v.Of(s.Side.Other()).Name + " runs"
	case v1alpha1.ConditionPoolStateAgrees:
		if c.Status == metav1.ConditionUnknown {
			return ""
		}
		return v.command("failover", "") + " to have it in " + v.Backup.Name + ", or " + v.command("failback", "") + " to have it in " + v.Home.Name
	case v1alpha1.ConditionFailoverReady, v1alpha1.ConditionFailbackReady:
		return readinessHelp(v, s, c, kubectl)
	case v1alpha1.ConditionForceRefused:
		return ""
	}
	return kubectl + "describe chatpool " + v.Pool
}

// readinessHelp looks at the standby's database, which is in the other cluster when the active site says it.
func readinessHelp(v View, s Seen, c metav1.Condition, kubectl string) string {
	if c.Status == metav1.ConditionUnknown {
		return ""
	}
	if s.Pool.Status.Role == v1alpha1.RoleActive {
		return "look at " + v.Of(s.Side.Other()).Name
	}
	return kubectl + "describe clusters.postgresql.cnpg.io " + naming.Cluster(s.Pool)
}

// kubectl is how kubectl is called for a site.
func (s Seen) kubectl() string {
	if s.Cluster != nil && s.Cluster.Context != "" {
		return "kubectl --context " + s.Cluster.Context + " "
	}
	return "kubectl "
}

// command is a command of this program as it is typed.
func (v View) command(verb, flags string) string {
	s := "kubectl chatpool " + verb + " -n " + v.Namespace + " " + v.Pool
	if flags != "" {
		s += " " + flags
	}
	return s
}
