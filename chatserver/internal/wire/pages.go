package wire

// pages spreads the items of one answer over documents of at most MaxDocument bytes. An item has a part for the head of
// a document's data and one for its tail.
type pages struct {
	docs       [][]byte
	head, tail []byte
	finish     func(data []byte, more bool) []byte
}

// fits tells whether an item fits the document that is open.
func (p *pages) fits(n int) bool { return len(p.head)+len(p.tail)+n <= MaxDocument-headroom }

// add puts an item into the open document, or into a new one when it is too large for the rest of that.
func (p *pages) add(head, tail []byte) {
	if !p.fits(len(head) + len(tail)) {
		p.flush(true)
	}
	p.head, p.tail = append(p.head, head...), append(p.tail, tail...)
}

func (p *pages) flush(more bool) {
	p.docs = append(p.docs, p.finish(append(p.head, p.tail...), more))
	p.head, p.tail = nil, nil
}

// done ends the answer. An answer without items is one empty document.
func (p *pages) done() [][]byte {
	p.flush(false)
	return p.docs
}
