package wire

// MaxDocument is the largest size of a document we send, in bytes. Decode takes up to 64 KiB.
const MaxDocument = 60 << 10

// Decode reads a client's document. The error is a *chat.Error of kind Invalid or TooLarge that names what is wrong:
// nothing of the document was understood then. Commands that are wrong by themselves are Malformed values instead.
func Decode(doc []byte) (*Envelope, error) { return nil, nil }
