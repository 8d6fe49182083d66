// Package condition sets conditions and computes from them the three that stand above: Ready, Reconciling, Stalled.
// Their lastTransitionTime changes only with their status.
package condition

import (
	"fmt"
	"strings"

	"chatpool.dev/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Object has conditions.
type Object interface {
	GetGeneration() int64
	GetConditions() *[]metav1.Condition
	// ReadyWhen lists the conditions that must be True for the object to be Ready.
	ReadyWhen() []string
}

// State is what a condition says.
type State struct {
	Status  metav1.ConditionStatus
	Reason  string
	Message string
	// Stalled: it stays so until somebody changes something; the message says what.
	Stalled bool
}

// True is a condition that holds.
func True(reason, format string, args ...any) State {
	return State{Status: metav1.ConditionTrue, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Waiting is a condition that comes true by itself.
func Waiting(reason, format string, args ...any) State {
	return State{Status: metav1.ConditionFalse, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Stuck is a condition that comes true only after somebody has changed something.
func Stuck(reason, format string, args ...any) State {
	s := Waiting(reason, format, args...)
	s.Stalled = true
	return s
}

// Unknown is a condition about which nothing can be said.
func Unknown(reason, format string, args ...any) State {
	s := Waiting(reason, format, args...)
	s.Status = metav1.ConditionUnknown
	return s
}

// Failed is a condition about which nothing is known because a call failed; it is tried again.
func Failed(err error) State { return Unknown(v1alpha1.ReasonError, "%v; it is tried again", err) }

// Set sets a condition for the object's current generation and tells whether its status or reason is new.
func Set(o Object, name string, s State) bool {
	old := meta.FindStatusCondition(*o.GetConditions(), name)
	isNew := old == nil || old.Status != s.Status || old.Reason != s.Reason
	meta.SetStatusCondition(o.GetConditions(), metav1.Condition{
		Type: name, Status: s.Status, Reason: s.Reason, Message: clip(s.Message), ObservedGeneration: o.GetGeneration(),
	})
	return isNew
}

// Get gives a condition's status and reason; Unknown and "" if it is not set.
func Get(o Object, name string) (metav1.ConditionStatus, string) {
	if c := meta.FindStatusCondition(*o.GetConditions(), name); c != nil {
		return c.Status, c.Reason
	}
	return metav1.ConditionUnknown, ""
}

// IsTrue tells whether the condition is True.
func IsTrue(o Object, name string) bool {
	status, _ := Get(o, name)
	return status == metav1.ConditionTrue
}

// Summarize computes Ready, Reconciling and Stalled from the states of this round, and tells whether Ready's status or
// reason is new. ready is what Ready says when all is well. The first condition of ReadyWhen that does not hold gives
// Ready its reason and message; a Stuck one goes before those that only wait for it.
func Summarize(o Object, states map[string]State, ready string) bool {
	worst := ""
	for _, name := range o.ReadyWhen() {
		s, ok := states[name]
		if ok && s.Status == metav1.ConditionTrue {
			continue
		}
		if worst == "" || s.Stalled && !states[worst].Stalled {
			worst = name
		}
	}
	if worst == "" {
		Set(o, v1alpha1.ConditionReconciling, Waiting(v1alpha1.ReasonReady, "all is as declared"))
		Set(o, v1alpha1.ConditionStalled, Waiting(v1alpha1.ReasonReady, "all is as declared"))
		return Set(o, v1alpha1.ConditionReady, True(v1alpha1.ReasonReady, "%s", ready))
	}
	s, ok := states[worst]
	if !ok {
		s = Unknown(v1alpha1.ReasonProgressing, "%s is not known yet", worst)
	}
	said := s
	said.Message = worst + ": " + s.Message
	if s.Stalled {
		Set(o, v1alpha1.ConditionReconciling, Waiting(s.Reason, "it waits for a change by you"))
		Set(o, v1alpha1.ConditionStalled, State{Status: metav1.ConditionTrue, Reason: s.Reason, Message: said.Message})
	} else {
		Set(o, v1alpha1.ConditionReconciling, State{Status: metav1.ConditionTrue, Reason: s.Reason, Message: said.Message})
		Set(o, v1alpha1.ConditionStalled, Waiting(v1alpha1.ReasonProgressing, "it goes on by itself"))
	}
	said.Status = metav1.ConditionFalse
	return Set(o, v1alpha1.ConditionReady, said)
}

// Note is a condition's message as the note of an Event, which has at most 1024 bytes.
func Note(message string) string { return cut(message, 1000) }

// clip keeps a message readable, and within the API's limit of 32768 bytes.
func clip(s string) string { return cut(s, 2048) }

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-4], "") + " ..."
}
