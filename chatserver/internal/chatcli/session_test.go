package chatcli

import (
	"testing"
	"time"

	"chatpool.dev/chatserver/client"
)

func TestWhereTheClientIsAgainIsOneLine(t *testing.T) {
	for want, e := range map[string]client.Reconnected{
		"connected to a:5061 after 1.5 s":                      {Site: "home"},
		"connected to a:5061 after 1.5 s, 1 post resent":       {Resent: 1},
		"moved to backup (a:5061) after 1.5 s":                 {Site: "backup", Moved: true},
		"moved to backup (a:5061) after 1.5 s, 2 posts resent": {Site: "backup", Moved: true, Resent: 2},
	} {
		e.Server, e.Away = "a:5061", 1500*time.Millisecond
		if got := returned(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
