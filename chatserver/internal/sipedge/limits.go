package sipedge

import "time"

// Limits bound what a client can cost. Zero fields take the value of DefaultLimits.
type Limits struct {
	Connections        int           // at the same time
	ConnectionsPerIP   int           // at the same time, of one address
	Dialogs            int           // of a connection
	HeaderBytes        int           // start line and headers of a message
	BodyBytes          int           // body of a message
	Unanswered         int           // documents of a connection that wait for an answer; then it is not read further
	Window             int           // documents to a dialog that wait for its answer; further ones are queued
	QueueMessages      int           // waiting for a connection's writer, or for a dialog's window
	QueueBytes         int           // the same in bytes
	HandshakeTimeout   time.Duration // TLS
	SignInTimeout      time.Duration // from accepting to REGISTER 200
	MessageTimeout     time.Duration // from a message's first byte to its last
	IdleTimeout        time.Duration // without any byte
	WriteTimeout       time.Duration // for one write
	TransactionTimeout time.Duration // for the answer to one of our requests, and for ACK
	MoveGrace          time.Duration // for a moved dialog's next request
	Registration       time.Duration // Expires of REGISTER
}

// DefaultLimits fit tens of thousands of clients behind one address translator.
func DefaultLimits() Limits {
	return Limits{
		Connections: 20000, ConnectionsPerIP: 5000, Dialogs: 8,
		HeaderBytes: 16 << 10, BodyBytes: 64 << 10,
		Unanswered: 256, Window: 64, QueueMessages: 4096, QueueBytes: 4 << 20,
		HandshakeTimeout: 10 * time.Second, SignInTimeout: 30 * time.Second, MessageTimeout: 10 * time.Second,
		IdleTimeout: 5 * time.Minute, WriteTimeout: 10 * time.Second, TransactionTimeout: 32 * time.Second,
		MoveGrace: 2 * time.Second, Registration: 10 * time.Minute,
	}
}

// withDefaults fills in the fields that are zero.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	for _, f := range [][2]*int{
		{&l.Connections, &d.Connections}, {&l.ConnectionsPerIP, &d.ConnectionsPerIP}, {&l.Dialogs, &d.Dialogs},
		{&l.HeaderBytes, &d.HeaderBytes}, {&l.BodyBytes, &d.BodyBytes}, {&l.Unanswered, &d.Unanswered},
		{&l.Window, &d.Window}, {&l.QueueMessages, &d.QueueMessages}, {&l.QueueBytes, &d.QueueBytes},
	} {
		if *f[0] == 0 {
			*f[0] = *f[1]
		}
	}
	for _, f := range [][2]*time.Duration{
		{&l.HandshakeTimeout, &d.HandshakeTimeout}, {&l.SignInTimeout, &d.SignInTimeout}, {&l.MessageTimeout, &d.MessageTimeout},
		{&l.IdleTimeout, &d.IdleTimeout}, {&l.WriteTimeout, &d.WriteTimeout}, {&l.TransactionTimeout, &d.TransactionTimeout},
		{&l.MoveGrace, &d.MoveGrace}, {&l.Registration, &d.Registration},
	} {
		if *f[0] == 0 {
			*f[0] = *f[1]
		}
	}
	return l
}
