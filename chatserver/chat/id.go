package chat

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// ID names a category or a room for ever: a UUID in its canonical lower-case text form. Clients compare room URIs
// byte for byte, so the spelling never varies.
type ID string

// ParseID reads a UUID in canonical form, in upper or lower case.
func ParseID(s string) (ID, error) {
	t := strings.ToLower(s)
	if len(t) != 36 || t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
		return "", Errorf(Invalid, "id %q: want a UUID such as 0190a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b", s)
	}
	if _, err := hex.DecodeString(strings.ReplaceAll(t, "-", "")); err != nil {
		return "", Errorf(Invalid, "id %q: want hexadecimal digits", s)
	}
	return ID(t), nil
}

const (
	roomScheme     = "ma-chan://"
	categoryScheme = "ma-cat://"
)

// RoomURI is how XCCOS names a room: ma-chan://DOMAIN/ID.
func RoomURI(domain string, id ID) string { return roomScheme + domain + "/" + string(id) }

// CategoryURI is how XCCOS names a category: ma-cat://DOMAIN/ID.
func CategoryURI(domain string, id ID) string { return categoryScheme + domain + "/" + string(id) }

// ParseRoomURI takes a room URI apart. The domain's case does not matter.
func ParseRoomURI(s string) (domain string, id ID, err error) {
	rest, ok := cutPrefixFold(s, roomScheme)
	if !ok {
		return "", "", Errorf(Invalid, "room %q: want ma-chan://DOMAIN/ID", s)
	}
	domain, last, ok := strings.Cut(rest, "/")
	if !ok || domain == "" {
		return "", "", Errorf(Invalid, "room %q: want ma-chan://DOMAIN/ID", s)
	}
	if id, err = ParseID(last); err != nil {
		return "", "", fmt.Errorf("room %q: %w", s, err)
	}
	return strings.ToLower(domain), id, nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
