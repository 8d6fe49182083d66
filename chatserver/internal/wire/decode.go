package wire

import (
	"strings"

	"chatpool.dev/chatserver/chat"
)

const (
	maxCommands = 64 // of an envelope
	maxRooms    = 1000
	maxToken    = 64 // bytes of envid and seqid
)

// Decode reads a client's document. The error is a *chat.Error of kind Invalid or TooLarge that names what is wrong:
// nothing of the document was understood then. Commands that are wrong by themselves are Malformed values instead.
func Decode(doc []byte) (*Envelope, error) {
	root, err := parse(doc)
	if err != nil {
		return nil, err
	}
	if root.name != "xccos" {
		return nil, chat.FieldErrorf(root.name, "root element must be xccos")
	}
	e := &Envelope{ID: root.attr("envid")}
	if len(e.ID) > maxToken {
		return nil, chat.FieldErrorf("envid", "longer than %d bytes", maxToken)
	}
	for _, n := range root.children {
		switch n.name {
		case "cmd", "grpchat", "rpl", "ntc", "sys", "err":
		default:
			continue
		}
		if len(e.Commands) == maxCommands {
			return nil, chat.FieldErrorf("xccos", "more than %d commands in one document", maxCommands)
		}
		c, err := command(e.ID, n)
		if err != nil {
			return nil, err
		}
		e.Commands = append(e.Commands, c)
	}
	if len(e.Commands) == 0 {
		return nil, chat.FieldErrorf("xccos", "holds no cmd and no grpchat element")
	}
	return e, nil
}

func command(envelope string, n *node) (Command, error) {
	c := Command{Ref: Ref{Envelope: envelope, Seq: n.attr("seqid")}}
	if c.Ref.Seq == "" {
		c.Ref.Seq = "1"
	}
	if len(c.Ref.Seq) > maxToken {
		return c, chat.FieldErrorf("seqid", "longer than %d bytes", maxToken)
	}
	id := n.attr("id")
	if len(id) > maxToken {
		return c, chat.FieldErrorf("id", "longer than %d bytes", maxToken)
	}
	switch {
	case n.name == "grpchat":
		c.Name = "grpchat"
		c.Request = orMalformed(post(n))
	case n.name == "cmd" && strings.HasPrefix(id, "cmd:"):
		c.Name = id[len("cmd:"):]
		c.Request = Unsupported{}
		if read := readers[c.Name]; read != nil {
			c.Request = orMalformed(read(n.child("data")))
		}
	case n.name == "cmd":
		c.Request = Malformed{chat.FieldErrorf("id", "%q: want cmd:NAME", id)}
	default:
		c.Name = id
		c.Request = Unsupported{}
	}
	return c, nil
}

func orMalformed(r Request, err error) Request {
	if err != nil {
		return Malformed{err}
	}
	return r
}
