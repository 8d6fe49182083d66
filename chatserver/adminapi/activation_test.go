package adminapi_test

import (
	"encoding/json"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLSNIsWrittenAsPostgreSQLDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := adminapi.LSN(rapid.Uint64().Draw(t, "lsn"))
		if back, err := adminapi.ParseLSN(l.String()); err != nil || back != l {
			t.Fatalf("%s became %s, %v", l, back, err)
		}
	})
	if got := adminapi.LSN(0x16B3748).String(); got != "0/16B3748" {
		t.Errorf("written %s", got)
	}
	for _, bad := range []string{"", "0", "0/", "/1", "0/16B3748 ", "0/16B3748/1", "0/x", "1 0/1", "100000000/0", "-1/0"} {
		if l, err := adminapi.ParseLSN(bad); !chat.Is(err, chat.Invalid) {
			t.Errorf("%q is read as %s, %v", bad, l, err)
		}
	}
}

// What is unknown stays unknown on the way, and is not mistaken for nothing or none.
func TestUnknownIsNeitherDownNorNone(t *testing.T) {
	none, zero := []adminapi.Follower{}, adminapi.LSN(0)
	for name, sent := range map[string]adminapi.DatabaseState{
		"no answer":         {Unreachable: "the database did not answer in time"},
		"nothing but facts": {Facts: &adminapi.DatabaseFacts{Unknown: map[string]string{"followers": "no right"}}},
		"no followers":      {Facts: &adminapi.DatabaseFacts{Followers: none, CurrentLSN: &zero}},
	} {
		b, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		var got adminapi.DatabaseState
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sent, got); diff != "" || got.Reachable() != (sent.Facts != nil) {
			t.Errorf("%s (-sent +got):\n%s", name, diff)
		}
	}
}
