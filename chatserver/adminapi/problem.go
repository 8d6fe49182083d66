package adminapi

import (
	"errors"
	"net/http"

	"chatpool.dev/chatserver/chat"
)

// Problem is the body of every answer that is not a success (in the manner of RFC 9457).
type Problem struct {
	Kind  chat.Kind `json:"kind"`
	Field string    `json:"field,omitempty"`
	Text  string    `json:"text"`
}

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

// statuses is the one table from kinds to HTTP status codes.
var statuses = map[chat.Kind]int{
	chat.Invalid:     http.StatusUnprocessableEntity,
	chat.Denied:      http.StatusForbidden,
	chat.NotFound:    http.StatusNotFound,
	chat.Conflict:    http.StatusConflict,
	chat.TooLarge:    http.StatusRequestEntityTooLarge,
	chat.Unavailable: http.StatusServiceUnavailable,
}

// ProblemOf describes an error, and gives the HTTP status to send it with.
func ProblemOf(err error) (Problem, int) {
	p := Problem{Kind: chat.KindOf(err), Text: err.Error()}
	var e *chat.Error
	if errors.As(err, &e) {
		p.Field = e.Field
		if e == err {
			p.Text = e.Text
		}
	}
	return p, statuses[p.Kind]
}

// Err makes the error again that the problem describes.
func (p Problem) Err() error {
	kind := p.Kind
	if _, known := statuses[kind]; !known {
		kind = chat.Unavailable
	}
	return &chat.Error{Kind: kind, Field: p.Field, Text: p.Text}
}
