package chat

import (
	"strings"
	"unicode/utf8"
)

// MaxName is the largest length of a name or description, in characters.
const MaxName = 256

// ValidateCategory checks a category's own fields; the error names the first wrong one.
func ValidateCategory(c *Category) error {
	if err := validateName("name", c.Name); err != nil {
		return err
	}
	if err := validateText("description", c.Description); err != nil {
		return err
	}
	return validateLists(map[string][]Principal{"allowedMembers": c.Allowed, "deniedMembers": c.Denied, "creators": c.Creators})
}

// ValidateRoom checks a room's own fields; the error names the first wrong one.
func ValidateRoom(r *Room) error {
	if err := validateName("name", r.Name); err != nil {
		return err
	}
	if err := validateText("description", r.Description); err != nil {
		return err
	}
	switch {
	case r.Privacy != Open && r.Privacy != Closed && r.Privacy != Secret:
		return FieldErrorf("privacy", "%q: want Open, Closed or Secret", r.Privacy)
	case r.Type != Normal && r.Type != Auditorium:
		return FieldErrorf("type", "%q: want Normal or Auditorium", r.Type)
	case r.Invitations != Inherit && r.Invitations != Off:
		return FieldErrorf("invitations", "%q: want Inherit or False", r.Invitations)
	case r.Type == Normal && len(r.Presenters) > 0:
		return FieldErrorf("presenters", "a Normal room has no presenters: set type to Auditorium or remove them")
	}
	return validateLists(map[string][]Principal{"members": r.Members, "managers": r.Managers, "presenters": r.Presenters})
}

func validateName(field, s string) error {
	if strings.TrimSpace(s) == "" {
		return FieldErrorf(field, "must not be empty")
	}
	if strings.TrimSpace(s) != s {
		return FieldErrorf(field, "%q: must not begin or end with a space", s)
	}
	return validateText(field, s)
}

func validateText(field, s string) error {
	if !utf8.ValidString(s) {
		return FieldErrorf(field, "must be valid UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > MaxName {
		return FieldErrorf(field, "has %d characters; at most %d are allowed", n, MaxName)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return FieldErrorf(field, "must not contain control characters")
	}
	return nil
}

func validateLists(lists map[string][]Principal) error {
	for _, field := range []string{"allowedMembers", "deniedMembers", "creators", "members", "managers", "presenters"} {
		for _, p := range lists[field] {
			if q, err := ParsePrincipal(string(p)); err != nil {
				return FieldErrorf(field, "%v", err)
			} else if q != p {
				return FieldErrorf(field, "%q must be written %q", p, q)
			}
		}
	}
	return nil
}
