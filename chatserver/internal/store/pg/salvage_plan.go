package pg

import "chatpool.dev/chatserver/chat"

// found is where a post of the tail stands in the own database.
type found struct{ pos, origin chat.Position }

// appending is what to do with a page of a room's tail.
type appending struct {
	insert            []int // indexes in the page, in its order
	recovered, resent int64
}

// sortOut gives each row of a page its outcome, by where its client key is found; the key is unique in a room. One that stands nowhere is
// appended. One that stands at its own position was never lost. One that was recovered before counts as recovered: the same database may be
// salvaged under two names, as its end moved. Any other was sent again by its author.
func sortOut(rows []TailRow, at map[int]found) appending {
	var a appending
	for i := range rows {
		r := &rows[i]
		here, stands := at[i]
		switch {
		case !stands:
			a.insert = append(a.insert, i)
			a.recovered++
		case here.pos == r.Pos || here.pos == r.first():
		case here.origin == r.first():
			a.recovered++
		default:
			a.resent++
		}
	}
	return a
}
