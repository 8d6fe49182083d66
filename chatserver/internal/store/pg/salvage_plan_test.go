package pg

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

func TestWhatBecomesOfARowOfATail(t *testing.T) {
	lost := TailRow{Pos: chat.At(1, 12)}
	twice := TailRow{Pos: chat.At(2, 15), Origin: chat.At(1, 12)}
	for sentence, c := range map[string]struct {
		row  TailRow
		at   map[int]found
		want appending
	}{
		"it is nowhere":                            {lost, nil, appending{insert: []int{0}, recovered: 1}},
		"it is where it was":                       {lost, map[int]found{0: {pos: chat.At(1, 12)}}, appending{}},
		"it was recovered before":                  {lost, map[int]found{0: {pos: chat.At(2, 40), origin: chat.At(1, 12)}}, appending{recovered: 1}},
		"its author has sent it again":             {lost, map[int]found{0: {pos: chat.At(2, 13)}}, appending{resent: 1}},
		"it was sent again, lost and recovered":    {lost, map[int]found{0: {pos: chat.At(3, 13), origin: chat.At(2, 13)}}, appending{resent: 1}},
		"recovered there, and lost again":          {twice, nil, appending{insert: []int{0}, recovered: 1}},
		"recovered there, and here as well":        {twice, map[int]found{0: {pos: chat.At(3, 40), origin: chat.At(1, 12)}}, appending{recovered: 1}},
		"recovered there, and here never lost":     {twice, map[int]found{0: {pos: chat.At(1, 12)}}, appending{}},
		"recovered there, and common to both":      {twice, map[int]found{0: {pos: chat.At(2, 15), origin: chat.At(1, 12)}}, appending{}},
		"recovered there, and sent again here":     {twice, map[int]found{0: {pos: chat.At(3, 16)}}, appending{resent: 1}},
		"another of the page is somewhere, not it": {lost, map[int]found{1: {pos: chat.At(2, 13)}}, appending{insert: []int{0}, recovered: 1}},
	} {
		if diff := cmp.Diff(c.want, sortOut([]TailRow{c.row}, c.at), cmp.AllowUnexported(appending{})); diff != "" {
			t.Errorf("%s: %s", sentence, diff)
		}
	}
	if first := twice.first(); first != chat.At(1, 12) {
		t.Errorf("what is recovered again stood first at %s", first)
	}
}

func TestWhetherADatabaseIsTheTailThatIsMeant(t *testing.T) {
	want := adminapi.Tail{Epoch: 3, Timeline: 4, LSN: 100}
	type facts = adminapi.DatabaseFacts
	for sentence, c := range map[string]struct {
		newest   int64
		receives bool
		change   func(*facts)
		want     string // "": it is
	}{
		"it is":                         {3, false, func(*facts) {}, ""},
		"it has received nothing":       {3, false, func(f *facts) { f.ReceivedLSN = nil }, ""},
		"it has received less":          {3, false, func(f *facts) { *f.ReceivedLSN = 90 }, ""},
		"it takes writes":               {3, false, func(f *facts) { f.InRecovery = false }, "takes writes"},
		"it follows":                    {3, true, func(*facts) {}, "still follows"},
		"its timeline is not known":     {3, false, func(f *facts) { f.Timeline = nil }, "does not tell"},
		"its end is not known":          {3, false, func(f *facts) { f.ReplayedLSN = nil }, "does not tell"},
		"it has a newer epoch":          {4, false, func(*facts) {}, "is in epoch 4"},
		"it is on another timeline":     {3, false, func(f *facts) { *f.Timeline = 5 }, "of timeline 5"},
		"it has more":                   {3, false, func(f *facts) { *f.ReceivedLSN = 101 }, "ends at 0/65"},
		"it has less":                   {3, false, func(f *facts) { *f.ReplayedLSN, f.ReceivedLSN = 99, nil }, "ends at 0/63"},
		"it has not replayed all of it": {3, false, func(f *facts) { *f.ReplayedLSN = 99 }, "replayed up to 0/63"},
	} {
		timeline, received, replayed := int64(4), adminapi.LSN(100), adminapi.LSN(100)
		f := facts{InRecovery: true, Timeline: &timeline, ReceivedLSN: &received, ReplayedLSN: &replayed}
		c.change(&f)
		err := judgeTail(want, c.newest, c.receives, &f)
		var e *chat.Error
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", sentence, err)
		case c.want != "" && (!errors.As(err, &e) || e.Kind != chat.Unavailable || e.Field != "tail" || !strings.Contains(e.Text, c.want)):
			t.Errorf("%s: %v, want %q", sentence, err, c.want)
		}
	}
}
