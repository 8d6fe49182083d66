package session

import (
	"context"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
	"chatpool.dev/chatserver/internal/wire"
)

// mostHistory is the most messages of one answer.
const mostHistory = 500

// history answers with messages of a room that the session is in.
func (n *session) history(ctx context.Context, c wire.Command, q wire.History) {
	in := n.in(q.Room)
	if !n.server.ours(q.Domain) || in == nil {
		n.fail(c, n.notIn())
		return
	}
	_, category, err := n.server.Hub.Catalog().Authorize(n.subject(), q.Room, chat.Join)
	if err != nil {
		n.fail(c, err)
		return
	}
	count := q.Count
	if count <= 0 {
		count = n.server.Config().Limits.DefaultHistory
	}
	count = min(count, mostHistory)
	if q.HasAfter {
		err = n.after(ctx, c, q, category.ChatHistory, count)
	} else {
		err = n.recent(ctx, c, q, in, count)
	}
	if err != nil {
		n.fail(c, err)
	}
}

// after answers with messages after a position. A category without history keeps none for users.
func (n *session) after(ctx context.Context, c wire.Command, q wire.History, kept bool, count int) error {
	var page pg.Page
	if kept {
		var err error
		if page, err = n.server.History.Resume(ctx, q.Room, q.After, count+1); err != nil {
			return err
		}
	}
	messages := page.Messages
	var fork *chat.Position
	if page.Forked {
		fork = &page.Fork
	}
	more := len(messages) > count
	doc, _ := n.server.Encoder.History(c.Ref, q.Room, messages[:min(count, len(messages))], more, fork)
	n.send(doc)
	return nil
}

// recent answers with the newest messages. The first answer after a join ends where live messages begin.
func (n *session) recent(ctx context.Context, c wire.Command, q wire.History, in *membership, count int) error {
	var messages []chat.Message
	if !in.fresh || in.head > 0 {
		var upTo chat.Position
		if in.fresh {
			upTo = in.head
		}
		var err error
		if messages, err = n.server.History.Last(ctx, q.Room, upTo, count); err != nil {
			return err
		}
	}
	in.fresh = false
	n.send(n.server.Encoder.Recent(c.Ref, q.Room, messages))
	return nil
}
