package chat

import (
	"errors"
	"fmt"
)

// Kind classes errors by what the asker can do about them. Each edge (SIP, XCCOS, HTTP, conditions) has one table
// from Kind to its own codes.
type Kind string

// The closed list of kinds.
const (
	Invalid     Kind = "Invalid"     // the request is wrong: Field and Text say what to change
	Denied      Kind = "Denied"      // not allowed
	NotFound    Kind = "NotFound"    // no such room, category or principal
	Conflict    Kind = "Conflict"    // the state of things forbids it: a name is taken, a category has rooms
	TooLarge    Kind = "TooLarge"    // above a limit
	Unavailable Kind = "Unavailable" // cannot be done or not be known now: try again
)

// Error is the error of the core and of whoever speaks its language.
type Error struct {
	Kind  Kind
	Field string // the field that is wrong, or ""
	Text  string // for people; never a message body or a secret
	Err   error  // the cause, or nil
}

// Error gives field and text in one line; the text holds the cause's own.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Text
	}
	return e.Text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind; %w names the cause.
func Errorf(k Kind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Text: err.Error(), Err: errors.Unwrap(err)}
}

// FieldErrorf makes an error of kind Invalid about a field.
func FieldErrorf(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: field, Text: fmt.Sprintf(format, args...)}
}

// KindOf finds the kind of an error; whatever has none is Unavailable.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unavailable
}

// Is tells whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }
