package condition

import (
	"errors"
	"strings"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSummarizeComputesWhatStandsAbove(t *testing.T) {
	ok, wait, stuck := True("Ready", "fine"), Waiting("Progressing", "soon"), Stuck("SecretMissing", "make it")
	for sentence, c := range map[string]struct {
		applied, scope              State
		ready, reconciling, stalled metav1.ConditionStatus
		reason, message             string
	}{
		"all is well":                     {ok, ok, "True", "False", "False", "Ready", "here we are"},
		"one waits":                       {ok, wait, "False", "True", "False", "Progressing", "ScopeSatisfied: soon"},
		"the first that waits speaks":     {wait, Waiting("Later", "later"), "False", "True", "False", "Progressing", "Applied: soon"},
		"who is stuck speaks first":       {wait, stuck, "False", "False", "True", "SecretMissing", "ScopeSatisfied: make it"},
		"the first of two stuck speaks":   {stuck, Stuck("Other", "x"), "False", "False", "True", "SecretMissing", "Applied: make it"},
		"what is unknown is not ready":    {Failed(errors.New("refused")), ok, "False", "True", "False", "Error", "Applied: refused; it is tried again"},
		"a condition that nobody has set": {State{}, ok, "False", "True", "False", "Progressing", "Applied: Applied is not known yet"},
	} {
		t.Run(sentence, func(t *testing.T) {
			room := &v1alpha1.Room{}
			room.Generation = 7
			states := map[string]State{v1alpha1.ConditionScopeSatisfied: c.scope}
			if c.applied.Status != "" {
				states[v1alpha1.ConditionApplied] = c.applied
			}
			if !Summarize(room, states, "here we are") {
				t.Error("the first summary is not new")
			}
			if Summarize(room, states, "here we are") {
				t.Error("the same again is new")
			}
			for name, want := range map[string]metav1.ConditionStatus{
				v1alpha1.ConditionReady: c.ready, v1alpha1.ConditionReconciling: c.reconciling, v1alpha1.ConditionStalled: c.stalled,
			} {
				if got, _ := Get(room, name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			r := meta.FindStatusCondition(room.Status.Conditions, v1alpha1.ConditionReady)
			if r.Reason != c.reason || r.Message != c.message || r.ObservedGeneration != 7 {
				t.Errorf("Ready says %s, %q for generation %d", r.Reason, r.Message, r.ObservedGeneration)
			}
		})
	}
}

func TestSetKeepsTheTimeOfAStatusThatStays(t *testing.T) {
	room := &v1alpha1.Room{}
	Set(room, "X", Waiting("A", "a"))
	past := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	room.Status.Conditions[0].LastTransitionTime = past
	if !Set(room, "X", Waiting("B", "b")) {
		t.Error("another reason is not new")
	}
	if got := room.Status.Conditions[0]; !got.LastTransitionTime.Equal(&past) || got.Message != "b" {
		t.Errorf("got %+v", got)
	}
	Set(room, "X", True("B", "%s", strings.Repeat("x", 40000)))
	if got := room.Status.Conditions[0]; got.LastTransitionTime.Equal(&past) || len(got.Message) > 32768 {
		t.Errorf("time %v, message of %d bytes", got.LastTransitionTime, len(got.Message))
	}
}
