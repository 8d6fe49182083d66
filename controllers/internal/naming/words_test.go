package naming

import (
	"strings"
	"testing"

	"chatpool.dev/api/v1alpha1"

	"pgregory.net/rapid"
)

func said(uid, annotation, value string) *v1alpha1.ChatPool {
	p := &v1alpha1.ChatPool{}
	p.UID, p.Annotations = "uid-1", map[string]string{annotation: strings.Replace(value, "UID", uid, 1)}
	return p
}

func TestWordOf(t *testing.T) {
	for sentence, c := range map[string]struct {
		annotation, value string
		want              Word
		err               string
	}{
		"nothing is said":                        {AnnotationActivate, "", Word{}, ""},
		"an epoch":                               {AnnotationActivate, "UID/4", Word{Epoch: 4}, ""},
		"a new pool":                             {AnnotationActivate, "UID/1/new-pool", Word{Epoch: 1, NewPool: true}, ""},
		"what is abandoned":                      {AnnotationActivate, "UID/4/abandon=3", Word{Epoch: 4, Abandon: 3}, ""},
		"both, in any order":                     {AnnotationActivate, "UID/4/new-pool/abandon=3", Word{4, 3, true}, ""},
		"of another object it is none":           {AnnotationActivate, "uid-0/4", Word{}, ""},
		"of another object, it may be anything":  {AnnotationActivate, "home", Word{}, ""},
		"an epoch is released":                   {AnnotationRelease, "UID/3", Word{Epoch: 3}, ""},
		"a tail is abandoned":                    {AnnotationAbandonTail, "UID/3", Word{Epoch: 3}, ""},
		"no epoch":                               {AnnotationActivate, "UID", Word{}, `"" is not an epoch`},
		"epoch 0 is nobody's":                    {AnnotationActivate, "UID/0", Word{}, `"0" is not an epoch`},
		"an epoch that no position can hold":     {AnnotationActivate, "UID/16777216", Word{}, "16777215"},
		"something else is said":                 {AnnotationActivate, "UID/4/force", Word{}, `"force" is not`},
		"something is said twice":                {AnnotationActivate, "UID/4/abandon=3/abandon=2", Word{}, "twice"},
		"abandoned is something else":            {AnnotationActivate, "UID/4/abandon=all", Word{}, `"all" is not an epoch`},
		"a release abandons nothing":             {AnnotationRelease, "UID/3/abandon=2", Word{}, "must be UID/EPOCH"},
		"whoever abandons a tail begins no pool": {AnnotationAbandonTail, "UID/3/new-pool", Word{}, "must be UID/EPOCH"},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, err := WordOf(said("uid-1", c.annotation, c.value), c.annotation)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWordsAreReadAsTheyWereSaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Word{
			Epoch:   rapid.Int64Range(1, maxEpoch).Draw(t, "epoch"),
			Abandon: rapid.Int64Range(0, maxEpoch).Draw(t, "abandon"),
			NewPool: rapid.Bool().Draw(t, "new pool"),
		}
		p := said("", AnnotationActivate, "")
		p.Annotations[AnnotationActivate] = w.Value(p)
		got, err := WordOf(p, AnnotationActivate)
		if err != nil || got != w {
			t.Fatalf("said %+v, read %+v (%v)", w, got, err)
		}
	})
}
