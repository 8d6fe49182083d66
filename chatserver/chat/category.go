package chat

import "slices"

// Category groups rooms and bounds who can ever have a role in them.
type Category struct {
	ID          ID
	Name        string // 1 to 256 characters, unique in the pool
	Description string // at most 256 characters
	// Allowed minus Denied is the scope; Denied wins. An empty Allowed list allows nobody.
	Allowed, Denied []Principal
	// Creators may create rooms in the category, as far as they are in scope.
	Creators []Principal
	// ChatHistory keeps messages for ever (default). Without it posts are delivered live and not kept for users.
	ChatHistory bool
	// FileUpload and Invitations switch these features on for all rooms of the category.
	FileUpload, Invitations bool
	// Version grows with every change.
	Version int64
}

// InScope tells whether the subject can have a role in the category's rooms at all.
func (c *Category) InScope(s Subject) bool { return s.In(c.Allowed) && !s.In(c.Denied) }

// Covers tells whether a principal may be named in the lists of the category's rooms. Of a user, groups tells the
// groups (nil if not known). A group, unit or domain must itself be named in Allowed and not in Denied.
func (c *Category) Covers(p Principal, groups func(Principal) []Principal) bool {
	s := Subject{User: p}
	if p.IsUser() && groups != nil {
		s.Groups = groups(p)
	}
	return c.InScope(s)
}

// OutOfScope lists, sorted and each once, which of the room's principals the category does not cover.
func (c *Category) OutOfScope(r *Room, groups func(Principal) []Principal) []Principal {
	var out []Principal
	for _, list := range [][]Principal{r.Members, r.Managers, r.Presenters} {
		for _, p := range list {
			if !c.Covers(p, groups) {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
