package session

import (
	"context"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/wire"
)

// dispatch does one command and sends its reply.
func (n *session) dispatch(ctx context.Context, c wire.Command) {
	enc := n.server.Encoder
	switch q := c.Request.(type) {
	case wire.RequestURI:
		// A client that looks the pool up ends this dialog next: its rooms wait for the following one.
		n.send(enc.RequestURI(c.Ref, n.server.Config().PoolURI))
		return
	case wire.Join:
		n.join(ctx, c, q)
		n.restore(ctx)
		return
	}
	n.restore(ctx)
	switch q := c.Request.(type) {
	case wire.ServerInfo:
		n.send(enc.ServerInfo(c.Ref, n.server.info()))
	case wire.Associations:
		n.associations(ctx, c, q)
	case wire.Search:
		n.search(ctx, c, q)
	case wire.History:
		n.history(ctx, c, q)
	case wire.Part:
		n.part(ctx, c, q)
	case wire.Invitations:
		n.send(enc.Invitations(c.Ref))
	case wire.Malformed:
		n.fail(c, q.Err)
	default:
		n.send(enc.Failure(c.Ref, c.Name, wire.NotSupported, "this server does not know the command"))
	}
}

// fail sends the reply to a command that failed.
func (n *session) fail(c wire.Command, err error) {
	n.send(n.server.Encoder.Failure(c.Ref, c.Name, wire.CodeOf(err), reason(err)))
}

// rootID stands for the root category, which every category is in and which has no rooms.
const rootID chat.ID = "00000000-0000-0000-0000-000000000000"

func (s *Server) info() wire.Server {
	c := s.Config()
	return wire.Server{
		Name:         c.Pool,
		Time:         time.Now().UTC(),
		SearchLimit:  c.Limits.SearchResults,
		MessageBytes: c.Limits.MessageBytes,
		RootURI:      chat.CategoryURI(c.Domain, rootID),
		DBVersion:    string(rootID),
	}
}
