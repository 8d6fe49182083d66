package chatcli

import (
	"fmt"
	"testing"
	"time"

	"chatpool.dev/chatserver/chat"
)

func TestWhatWasShownBeforeAFailoverIsNotShownAgain(t *testing.T) {
	message := func(pos, origin chat.Position, text string) *chat.Message {
		return &chat.Message{Room: "r", Pos: pos, Origin: origin, Author: "sip:a@b", At: time.Unix(1, 0).UTC(), Text: text}
	}
	var s shown
	s.add(message(chat.At(1, 5), 0, "lost"))
	s.add(message(chat.At(2, 9), chat.At(1, 6), "recovered once"))
	elsewhere := message(chat.At(2, 7), chat.At(1, 5), "lost")
	elsewhere.Room = "another"
	for sentence, c := range map[string]struct {
		m    *chat.Message
		want bool
	}{
		"shown where it stood first":              {message(chat.At(2, 7), chat.At(1, 5), "lost"), true},
		"something else stood there":              {message(chat.At(2, 7), chat.At(1, 5), "of the other site"), false},
		"never shown":                             {message(chat.At(2, 8), chat.At(1, 7), "lost"), false},
		"the same words, not recovered":           {message(chat.At(2, 7), 0, "lost"), false},
		"shown as recovered, lost and back again": {message(chat.At(3, 9), chat.At(1, 6), "recovered once"), true},
		"in another room":                         {elsewhere, false},
	} {
		if got := s.before(c.m); got != c.want {
			t.Errorf("%s: %v", sentence, got)
		}
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var s shown
	for n := range int64(3 * mostShown) {
		s.add(&chat.Message{Room: "r", Pos: chat.At(1, n+1), Text: fmt.Sprint(n)})
	}
	if r := s.rooms["r"]; len(r.at) != mostShown || len(r.order) != mostShown {
		t.Errorf("%d and %d positions", len(r.at), len(r.order))
	}
}
