package sipedge

import "chatpool.dev/chatserver/chat"

// Backend is what the edge needs of the sessions. Methods are called from many goroutines and must not block for long: they
// hold up their own connection.
type Backend interface {
	// Credential finds a user (login, or address, as the client sent it) and his hash A1 = H(user:realm:password), in
	// hexadecimal, for algorithm "MD5" or "SHA-256". Kinds of errors: NotFound (no such user), Denied (not enabled by policy,
	// or the account is disabled; give the hash all the same: only who knows the password is told why), Unavailable.
	Credential(user, algorithm, realm string) (ha1 string, subject chat.Subject, err error)
	// Provisioning tells a signed-in user which pool serves him.
	Provisioning(subject chat.Subject) Provisioning
	// Away tells where clients are to go instead of here, or nil. It is asked for each REGISTER, and each request that would
	// open something.
	Away() *Away
	// Open begins a dialog for an endpoint of the user. Kinds of errors: Denied, NotFound (no such URI here), TooLarge
	// (too many endpoints), Unavailable.
	Open(subject chat.Subject, endpoint, requestURI string, to Outbox) (Dialog, error)
	// SignedOff says that the user has signed this endpoint off (REGISTER with Expires 0) and is not coming back soon. It
	// is called before the dialogs of the connection that are still open are closed.
	SignedOff(subject chat.Subject, endpoint string)
}

// Provisioning is the content of the document vnd-microsoft-provisioning-v2.
type Provisioning struct {
	Enabled bool
	PoolURI string // sip:POOL@DOMAIN
	// Site is the name of the server's site, Servers where the pool's servers are reached over TLS, HOST:PORT: those of this
	// site first. Both are for clients of ours.
	Site    string
	Servers []string
}

// Away says that clients are not served here now.
type Away struct {
	Target     string // HOST:PORT of the servers, over TLS, that clients are to try; "" = the others of this site
	RetryAfter int    // seconds
	Reason     string // for people; no quotes in it
}

// Outbox is the edge's side of a dialog. Its methods never block and may be called from any goroutine, also before Open
// has returned and after the dialog has ended.
type Outbox interface {
	// Send queues a document, which is not changed any more; documents arrive in the order of Send. An error means that the
	// dialog is lost; Closed of the Dialog is or was called.
	Send(body []byte) error
	// Close ends the dialog after what was sent before.
	Close(Reason)
}

// Reason says why the server ends a dialog.
type Reason string

// Moved sends the client to another server: its next request is answered 481 and the connection closed. Ended says BYE.
const (
	Moved Reason = "moved"
	Ended Reason = "ended"
)

// Dialog is the session's side of a dialog.
type Dialog interface {
	// Receive takes a document of the client, in the order sent. It must not block; answer must be called exactly
	// once, from any goroutine. body is the callee's.
	Receive(body []byte, answer func(Answer))
	// Closed is called once, last: after BYE, when the connection is lost or cut off, or after Close.
	Closed()
}

// Answer is the SIP response to a document. The zero Answer is 200 OK.
type Answer struct {
	Status      int    // 0 = 200
	Reason      string // "" = the status's own phrase
	RetryAfter  int    // seconds; 0 = none
	Diagnostics string // header ms-diagnostics, or ""
}
