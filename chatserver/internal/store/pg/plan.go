package pg

import (
	"fmt"
	"time"

	"chatpool.dev/chatserver/chat"
)

// roomRow is a locked row of room_seq.
type roomRow struct {
	room                [16]byte
	epoch, seq, version int64
}

// duplicate is where a draft is stored already.
type duplicate struct {
	pos  chat.Position
	name string
	at   time.Time
}

// observed is what a transaction knows when the rooms of its batch are locked.
type observed struct {
	epoch  int64 // the pool's
	closed int64 // the newest epoch that nobody may write in
	now    time.Time
	rooms  map[[16]byte]roomRow
	// skipped: rooms were locked only as far as nobody else had them; one that is missing may exist.
	skipped    bool
	duplicates map[int]duplicate // by index in the batch
}

// plan is what to do with a batch. Insert lists posts in the order of their positions per room.
type plan struct {
	results []PostResult // by index in the batch
	insert  []int        // indexes of the posts that are new
	heads   map[[16]byte]int64
	proves  bool // there are duplicates, which only a commit may acknowledge
}

// decide gives each post of a batch its outcome, should the transaction commit.
func decide(batch []*post, o observed) plan {
	p := plan{results: make([]PostResult, len(batch)), heads: map[[16]byte]int64{}}
	seen := map[chat.ClientKey]int{}
	for i, b := range batch {
		row, known := o.rooms[b.room]
		first, again := seen[b.key]
		dup, stored := o.duplicates[i]
		switch {
		case !known && o.skipped:
			p.results[i].Err = chat.Errorf(chat.Unavailable, "room %q is locked by another server: try again", b.draft.Room)
		case !known:
			p.results[i].Err = chat.Errorf(chat.NotFound, "room %q does not exist", b.draft.Room)
		case again:
			p.results[i] = PostResult{Message: p.results[first].Message, Duplicate: true}
		case stored:
			p.results[i] = PostResult{Message: b.message(dup.pos, dup.name, dup.at), Duplicate: true}
			p.proves = true
		case row.version != b.version:
			p.results[i].Err = &chat.Error{Kind: chat.Conflict, Err: ErrStale,
				Text: fmt.Sprintf("room %q: %v: version %d, authorized with %d", b.draft.Room, ErrStale, row.version, b.version)}
		default:
			seq, ok := p.heads[b.room]
			if !ok {
				seq = row.seq
			}
			seq++
			p.heads[b.room] = seq
			p.insert = append(p.insert, i)
			p.results[i].Message = b.message(chat.At(o.epoch, seq), b.draft.Name, o.now)
		}
		if p.results[i].Err == nil && !again {
			seen[b.key] = i
		}
	}
	return p
}

// message is what a draft becomes.
func (p *post) message(pos chat.Position, name string, at time.Time) chat.Message {
	d := &p.draft
	return chat.Message{Room: d.Room, Pos: pos, Author: d.Author, AuthorName: name, At: at.UTC(), Alert: d.Alert, Text: d.Text, RTF: d.RTF}
}

// all is the outcome of a batch whose every post has the same error.
func all(batch []*post, err error) []PostResult {
	rs := make([]PostResult, len(batch))
	for i := range rs {
		rs[i].Err = err
	}
	return rs
}
