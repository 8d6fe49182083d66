package pg

import (
	"errors"
	"testing"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

func TestWhereATimelineWasLeft(t *testing.T) {
	const file = "1\t0/3000A08\tno recovery target specified\n\n# by hand\n2\t1/A0\tbefore 2026-01-01 00:00:00+00\n3\t1/B0\tx\n2\t2/FF000028\tagain\n"
	for name, c := range map[string]struct {
		file     string
		timeline int64
		want     adminapi.LSN
		kind     chat.Kind
		field    string
	}{
		"the only line":                {file, 1, 0x3000A08, "", ""},
		"the last of two lines":        {file, 2, 0x2_FF000028, "", ""},
		"a line without a reason":      {"1\t0/10", 1, 0x10, "", ""},
		"no line":                      {file, 4, 0, chat.Conflict, "timeline"},
		"an empty file":                {"", 1, 0, chat.Conflict, "timeline"},
		"a line without a place":       {"1\n", 1, 0, chat.Unavailable, ""},
		"a place that is none":         {"1\tnowhere\tx\n", 1, 0, chat.Unavailable, ""},
		"a line that is no timeline's": {"one\t0/10\tx\n", 1, 0, chat.Unavailable, ""},
	} {
		got, err := leftAt(c.file, c.timeline)
		var e *chat.Error
		if got != c.want || (c.kind == "") != (err == nil) || err != nil && (!errors.As(err, &e) || e.Kind != c.kind || e.Field != c.field) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
