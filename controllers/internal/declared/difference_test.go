package declared

import (
	"strings"
	"testing"
	"time"

	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/chat"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTheActiveSiteHolds(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	mine, others, people := Fields{"name": "x", "members": "sip:eve@x.test"}, Fields{"name": "x"}, Fields{"name": "x", "members": "sip:bob@x.test"}
	applied := func(f Fields, epoch int64) v1alpha1.DeclarationStatus {
		return v1alpha1.DeclarationStatus{AppliedHash: f.Hash(), Epoch: epoch}
	}
	held := func(f Fields, epoch int64) v1alpha1.DeclarationStatus {
		return v1alpha1.DeclarationStatus{HeldHash: f.Hash(), Epoch: epoch}
	}
	there := func(declared, is Fields) Found { return Found{Hash: declared.Hash(), Fields: is} }
	withdrawn := func(after time.Duration) Found { at := now.Add(after); return Found{Withdrawn: &at} }
	never := v1alpha1.DeclarationStatus{}
	for sentence, c := range map[string]struct {
		mark  v1alpha1.DeclarationStatus
		found Found
		word  string
		holds bool
	}{
		"a new object is put":                                         {never, Found{}, "", false},
		"the same content is put, which repairs drift":                {never, there(mine, people), "", false},
		"the same content is put also when it was held":               {held(mine, 4), there(mine, mine), "", false},
		"another's content at the first look is held":                 {never, there(others, others), "", true},
		"another's content with people's drift is held":               {never, there(others, people), "", true},
		"a content of unknown origin is held":                         {never, Found{Fields: others}, "", true},
		"a hash alone is no difference":                               {never, there(others, mine), "", false},
		"what this site applied two epochs ago is held":               {applied(mine, 3), there(others, others), "", true},
		"what changed here while the other site was active is held":   {applied(others, 3), there(others, others), "", true},
		"what changes while this site is active is put":               {applied(others, 5), there(others, others), "", false},
		"what changes over a cold start of this site is put":          {applied(others, 4), there(others, others), "", false},
		"what is held stays held":                                     {held(mine, 5), there(others, others), "", true},
		"what is held stays held in a next epoch":                     {held(mine, 4), there(others, others), "", true},
		"what is held stays held after more moves":                    {held(mine, 2), there(others, others), "", true},
		"what changes after it was held is put":                       {held(people, 5), there(others, others), "", false},
		"what changed after it was held, two epochs ago, is held":     {held(people, 3), there(others, others), "", true},
		"a person's word for this epoch puts what is held":            {held(mine, 5), there(others, others), "5", false},
		"a person's word puts at the first look":                      {never, there(others, others), "5", false},
		"a person's word for another epoch is none":                   {held(mine, 5), there(others, others), "4", true},
		"what was deleted in the other site is held":                  {never, withdrawn(time.Hour), "", true},
		"what was deleted in the other site is held although applied": {applied(mine, 3), withdrawn(time.Hour), "", true},
		"a person's word puts what was deleted":                       {never, withdrawn(time.Hour), "5", false},
		"what was made anew after it was deleted is put":              {never, withdrawn(-time.Hour), "", false},
		"what was made anew by another clock is put":                  {never, withdrawn(30 * time.Second), "", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := comparison{epoch: 5, want: mine, made: now, word: c.word, mark: c.mark, found: c.found}
			if got.holds() != c.holds {
				t.Errorf("holds: %t", got.holds())
			}
		})
	}
}

func TestAReportNamesTheFieldsAndTheCure(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	want := Fields{"name": "x", "members": "a", "description": ""}
	for text, found := range map[string]Found{
		"with another description, members; ": {Hash: "other", Fields: Fields{"name": "x", "members": "b", "description": "d"}},
		"deleted at 2026-11-20T12:00:00Z":     {Withdrawn: &at},
	} {
		s := comparison{epoch: 7, want: want, found: found}.report("kubectl annotate room fx")
		if !strings.Contains(s.Message, text) || !strings.HasSuffix(s.Message, "kubectl annotate room fx chatpool.dev/apply=7") || !s.Stalled {
			t.Errorf("%+v lacks %q", s, text)
		}
	}
}

func TestAHashIsOfTheContentAlone(t *testing.T) {
	list := func(ps ...chat.Principal) string { return List(ps) }
	f := Fields{"name": "x", "members": list("sip:b@x.test", "sip:a@x.test")}
	for sentence, same := range map[string]Fields{
		"another order": {"name": "x", "members": list("sip:a@x.test", "sip:b@x.test")},
		"one twice":     {"name": "x", "members": list("sip:a@x.test", "sip:b@x.test", "sip:a@x.test")},
		"a field that a later version has and this object does not use": {"name": "x", "members": f["members"], "colour": "", "loud": Bool(false, false)},
	} {
		if same.Hash() != f.Hash() || len(same.differences(f)) > 0 || len(f.differences(same)) > 0 {
			t.Errorf("%s makes another hash, or a difference in %v", sentence, same.differences(f))
		}
	}
	other := Fields{"name": "x", "members": list("sip:a@x.test"), "loud": Bool(true, false)}
	if diff := cmp.Diff([]string{"loud", "members"}, other.differences(f)); diff != "" || other.Hash() == f.Hash() {
		t.Errorf("differences (-want +got): %s", diff)
	}
	// Two sites may run different versions, and one database outlives many: the hash must not change.
	if got := f.Hash(); got != "8577bb4694e117159f2d188637c30163" {
		t.Errorf("the hash is %s", got)
	}
}
