package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"chatpool.dev/chatserver/chat"
)

const (
	maxInput    = 64 << 10
	maxDepth    = 16
	maxElements = 4096
)

// node is an element as far as we look at it: namespaces are dropped, and of the content either children or text counts.
type node struct {
	name     string
	attrs    []xml.Attr
	children []*node
	text     string
}

// parse reads a document into its root element.
func parse(doc []byte) (*node, error) {
	if len(doc) > maxInput {
		return nil, chat.Errorf(chat.TooLarge, "document has %d bytes; at most %d are allowed", len(doc), maxInput)
	}
	p := parser{in: xml.NewDecoder(bytes.NewReader(doc))}
	p.in.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("encoding %q: want UTF-8", charset)
	}
	for {
		token, err := p.in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, chat.Errorf(chat.Invalid, "document is no XML: %w", err)
		}
		if err := p.take(token); err != nil {
			return nil, err
		}
	}
	if p.root == nil {
		return nil, chat.Errorf(chat.Invalid, "document has no element")
	}
	return p.root, nil
}

type parser struct {
	in       *xml.Decoder
	root     *node
	open     []*node
	text     [][]byte // of the open elements
	elements int
}

func (p *parser) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.Directive:
		return chat.Errorf(chat.Invalid, "document has a DTD, which is not allowed")
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		last := len(p.open) - 1
		p.open[last].text = string(p.text[last])
		p.open, p.text = p.open[:last], p.text[:last]
	case xml.CharData:
		if len(p.open) > 0 {
			last := len(p.text) - 1
			p.text[last] = append(p.text[last], t...)
		} else if len(bytes.TrimSpace(t)) > 0 {
			return chat.Errorf(chat.Invalid, "document has text outside of its element")
		}
	}
	return nil
}

func (p *parser) start(t xml.StartElement) error {
	if p.elements++; p.elements > maxElements {
		return chat.Errorf(chat.Invalid, "document has more than %d elements", maxElements)
	}
	if len(p.open) == maxDepth {
		return chat.Errorf(chat.Invalid, "element %q: deeper than %d levels", t.Name.Local, maxDepth)
	}
	n := &node{name: t.Name.Local, attrs: t.Attr}
	if len(p.open) > 0 {
		parent := p.open[len(p.open)-1]
		parent.children = append(parent.children, n)
	} else if p.root != nil {
		return chat.Errorf(chat.Invalid, "document has more than one root element")
	} else {
		p.root = n
	}
	p.open, p.text = append(p.open, n), append(p.text, nil)
	return nil
}

// attr gives the attribute of that name in any case, or "".
func (n *node) attr(name string) string {
	for _, a := range n.attrs {
		if strings.EqualFold(a.Name.Local, name) && a.Name.Space != "xmlns" {
			return a.Value
		}
	}
	return ""
}

// child gives the first child element of that name, or nil.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// all gives the child elements of that name.
func (n *node) all(name string) []*node {
	if n == nil {
		return nil
	}
	var out []*node
	for _, c := range n.children {
		if c.name == name {
			out = append(out, c)
		}
	}
	return out
}
