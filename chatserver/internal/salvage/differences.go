package salvage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"chatpool.dev/chatserver/chat"
)

const (
	// mostDifferences is how many sentences are kept.
	mostDifferences = 50
	// mostNamed is how many principals one of them names of a list.
	mostNamed = 5
)

// compare tells what was made, changed and removed in the other database's catalog after the fork.
func (p *plan) compare(g *gathered) {
	for _, id := range slices.Sorted(maps.Keys(g.there.Categories)) {
		there := g.there.Categories[id].Category
		here, is := g.here.Categories[id]
		switch {
		case is:
			p.changed("category", there.Name, g, id, categoryChanges(&here.Category, &there))
		case g.here.Removed[id] && g.changedThere(id):
			p.tell("category %q was removed here since the fork, and changed at %s", there.Name, g.site)
		case !g.here.Removed[id]:
			p.tell("category %q was made at %s", there.Name, g.site)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.here.Categories)) {
		if c := g.here.Categories[id].Category; g.there.Removed[id] {
			p.tell("category %q was removed at %s", c.Name, g.site)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.here.Rooms)) {
		here := g.here.Rooms[id].Room
		there, is := g.there.Rooms[id]
		switch {
		case is:
			changes := roomChanges(&here, &there.Room)
			if here.CategoryID != there.Room.CategoryID {
				changes = append(changes, fmt.Sprintf("category there %q", g.there.Categories[there.Room.CategoryID].Category.Name))
			}
			p.changed("room", there.Room.Name, g, id, changes)
		case g.there.Removed[id]:
			p.tell("room %q was removed at %s", here.Name, g.site)
		}
	}
	if more := len(p.differences) - mostDifferences; more > 0 {
		p.differences = append(p.differences[:mostDifferences-1], fmt.Sprintf("and %d more", more+1))
	}
}

func (p *plan) changed(kind, name string, g *gathered, id chat.ID, changes []string) {
	if len(changes) > 0 && g.changedThere(id) {
		p.tell("%s %q was changed at %s: %s", kind, name, g.site, strings.Join(changes, "; "))
	}
}

func categoryChanges(here, there *chat.Category) []string {
	var c changes
	c.text("name", here.Name, there.Name)
	c.text("description", here.Description, there.Description)
	c.list("allowed members", here.Allowed, there.Allowed)
	c.list("denied members", here.Denied, there.Denied)
	c.list("creators", here.Creators, there.Creators)
	c.flag("chat history", here.ChatHistory, there.ChatHistory)
	c.flag("file upload", here.FileUpload, there.FileUpload)
	c.flag("invitations", here.Invitations, there.Invitations)
	return c
}

func roomChanges(here, there *chat.Room) []string {
	var c changes
	c.text("name", here.Name, there.Name)
	c.text("description", here.Description, there.Description)
	c.text("privacy", string(here.Privacy), string(there.Privacy))
	c.text("type", string(here.Type), string(there.Type))
	c.text("invitations", string(here.Invitations), string(there.Invitations))
	c.flag("disabled", here.Disabled, there.Disabled)
	c.list("members", here.Members, there.Members)
	c.list("managers", here.Managers, there.Managers)
	c.list("presenters", here.Presenters, there.Presenters)
	return c
}

// changes are parts of a sentence.
type changes []string

func (c *changes) text(what, here, there string) {
	if here != there {
		*c = append(*c, fmt.Sprintf("%s there %q", what, there))
	}
}

func (c *changes) flag(what string, here, there bool) {
	if here != there {
		*c = append(*c, fmt.Sprintf("%s there %t", what, there))
	}
}

func (c *changes) list(what string, here, there []chat.Principal) {
	if more := without(there, here); len(more) > 0 {
		*c = append(*c, what+" there also "+named(more))
	}
	if fewer := without(here, there); len(fewer) > 0 {
		*c = append(*c, what+" there without "+named(fewer))
	}
}

// without gives those of a list that are not in another.
func without(list, other []chat.Principal) []chat.Principal {
	return slices.DeleteFunc(slices.Clone(list), func(p chat.Principal) bool { return slices.Contains(other, p) })
}

func named(list []chat.Principal) string {
	var names []string
	for _, p := range list[:min(len(list), mostNamed)] {
		names = append(names, string(p))
	}
	text := strings.Join(names, ", ")
	if more := len(list) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
