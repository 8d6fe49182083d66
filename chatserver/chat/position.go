package chat

import "fmt"

// Position is a message's place in its room: the epoch in the upper 24 bits, the sequence number in the lower 40.
// It always grows. Within an epoch sequence numbers have no gap and start where the epoch forked off. On the wire
// it is the decimal attribute chatId. The zero Position lies before every message.
type Position int64

const (
	seqBits = 40
	// MaxSeq is the largest sequence number of a room: about 10^12.
	MaxSeq = 1<<seqBits - 1
	// MaxEpoch is the largest epoch of a pool; a position stays positive.
	MaxEpoch = 1<<(63-seqBits) - 1
)

// At makes the position of sequence number seq in epoch. It panics outside of 0..MaxEpoch and 0..MaxSeq: a caller
// that gets there has lost count.
func At(epoch, seq int64) Position {
	if epoch < 0 || epoch > MaxEpoch || seq < 0 || seq > MaxSeq {
		panic(fmt.Sprintf("chat: no position for epoch %d, seq %d", epoch, seq))
	}
	return Position(epoch<<seqBits | seq)
}

// Epoch tells in which epoch the message was accepted.
func (p Position) Epoch() int64 { return int64(p) >> seqBits }

// Seq is the message's number in its room.
func (p Position) Seq() int64 { return int64(p) & MaxSeq }

// String gives epoch and number for people, as in "1/42".
func (p Position) String() string { return fmt.Sprintf("%d/%d", p.Epoch(), p.Seq()) }
