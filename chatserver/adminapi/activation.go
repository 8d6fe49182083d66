package adminapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
)

// LSN is a place in a database's write-ahead log, written as PostgreSQL does, as in "0/16B3748".
type LSN uint64

// String writes it as PostgreSQL does.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// MarshalText implements encoding.TextMarshaler.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. The error is of kind Invalid.
func (l *LSN) UnmarshalText(b []byte) error {
	p, err := ParseLSN(string(b))
	*l = p
	return err
}

// ParseLSN reads what String writes. The error is of kind Invalid.
func ParseLSN(s string) (LSN, error) {
	var high, low uint32
	if n, err := fmt.Sscanf(s, "%X/%X", &high, &low); n != 2 || err != nil || !strings.EqualFold(LSN(uint64(high)<<32|uint64(low)).String(), s) {
		return 0, chat.Errorf(chat.Invalid, "%q: want a place in the write-ahead log such as 0/16B3748", s)
	}
	return LSN(uint64(high)<<32 | uint64(low)), nil
}

// Fork is where an epoch begins: the end of what it has of the epoch before.
type Fork struct {
	Timeline int64 `json:"timeline"` // the one that the new epoch's timeline left
	LSN      LSN   `json:"lsn"`      // where it left it
}

// Opening asks a server to accept posts in an epoch. Whoever sends it has the proof that no other site does.
type Opening struct {
	Epoch int64 `json:"epoch"`
	// Ticket is that of an Activation which this server gave at most TicketTime ago, by its own clock, and before the proof was
	// read: so a request that waited while the server was frozen, or from before it was shut, opens nothing.
	Ticket string `json:"ticket"`
	// Site is the server's; a server of another site refuses.
	Site string `json:"site"`
	// KeepSeconds is how long the right lasts from when the server gave the ticket, up to an hour; 0: it does not end. To
	// renew it is to ask again with a newer ticket: that asks nothing of the database, and an older ticket changes nothing.
	KeepSeconds float64 `json:"keepSeconds,omitempty"`
	// Join: another server of the site is activated for the epoch. It is not opened in the database then, but must be open there.
	Join bool `json:"join,omitempty"`
}

// Recording asks for a new epoch in the database.
type Recording struct {
	Epoch int64  `json:"epoch"`
	Site  string `json:"site"` // whose epoch it is; a server of another site refuses
	// Timeline is the one that the epoch's timeline left: the database's own history says where. 0: they have none in common.
	Timeline int64 `json:"timeline"`
}

// How a server came to be activated.
const (
	BySingleSite = "SingleSite" // the pool has one site: nothing is asked for
	ByOperator   = "Operator"
	ByNeighbour  = "Neighbour" // it watched another server of its site that is activated
)

// Activation is a server's right to accept posts.
type Activation struct {
	// Epoch that it accepts posts for; 0: none. With How SingleSite it is 0 as well: whatever the database's newest is.
	Epoch int64  `json:"epoch"`
	How   string `json:"how,omitempty"` // SingleSite, Operator, Neighbour; "" when not activated
	// Quiesced is the epoch that this process was activated for when it was quiesced, as long as nothing else has ended that
	// right: shutting it, a standstill or a newer epoch do. A server that was not activated when the quiesce came has 0.
	// Epoch is 0 meanwhile, and Activate with the same epoch takes it back.
	Quiesced int64 `json:"quiesced,omitempty"`
	// Neighbour is the pod that was watched.
	Neighbour string `json:"neighbour,omitempty"`
	// EndsInSeconds is when the right ends unless it is renewed; 0: never.
	EndsInSeconds float64 `json:"endsInSeconds,omitempty"`
	// Reason says why the server is not activated.
	Reason string `json:"reason,omitempty"`
	// Seconds since the last change, by the server's own clock.
	Seconds float64 `json:"seconds"`
	// Ticket is for an Opening; it is good for TicketTime.
	Ticket string `json:"ticket,omitempty"`
	// Highest is the highest epoch that this server has heard of since its start; it refuses lower ones.
	Highest int64 `json:"highest"`
}

// Active tells whether the server accepts posts.
func (a Activation) Active() bool { return a.Epoch > 0 || a.How == BySingleSite }

// TicketTime is how long a ticket is good for.
const TicketTime = 10 * time.Second

// Quiescing asks to end an epoch.
type Quiescing struct {
	Epoch int64 `json:"epoch"`
}

// Activation asks the server that answers for its right to accept posts.
func (c *Client) Activation(ctx context.Context) (Activation, error) {
	return call[Activation](ctx, c, http.MethodGet, "/v1/activation", nil)
}

// Activate asks the server that answers to accept posts in an epoch. The same again changes nothing. Conflict, with the
// field that is to blame: a higher epoch is known, the epoch belongs to another site, or it is not recorded. Unavailable: the
// right is what it was before; ask again, with fresh proof.
func (c *Client) Activate(ctx context.Context, o Opening) (Activation, error) {
	return call[Activation](ctx, c, http.MethodPost, "/v1/activation", o)
}

// RecordEpoch records a new epoch in the database of the server that answers, and activates nobody; servers that are
// activated for an older one cannot write from then on. The same again changes nothing. Conflict, with the field that is to
// blame: the database has a higher epoch, or this one for another site, or it never left the timeline. Unavailable: ask
// again; the database may be one that takes no writes. When the database cannot tell its history (the function
// chatpool_timeline_history is missing) the epoch is recorded without a fork.
func (c *Client) RecordEpoch(ctx context.Context, r Recording) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, "/v1/epoch", r)
	return err
}

// Deactivate shuts the server that answers, and it alone; it asks nothing of the database. It stays shut for every
// epoch that it knows of until it is activated again or starts anew.
func (c *Client) Deactivate(ctx context.Context) (Activation, error) {
	return call[Activation](ctx, c, http.MethodDelete, "/v1/activation", nil)
}

// Quiesce shuts the epoch for every server of this database. When it has answered without error, every transaction of
// the epoch has ended and no other will begin until Activate opens the epoch again. After an error the server that was
// asked is shut, and nothing is known of the others: ask again. A database that takes no writes has nothing to be ended.
func (c *Client) Quiesce(ctx context.Context, epoch int64) (Activation, error) {
	return call[Activation](ctx, c, http.MethodPost, "/v1/quiesce", Quiescing{Epoch: epoch})
}

// Database asks the server that answers what its database is like. It answers within DatabaseTime, also without one.
func (c *Client) Database(ctx context.Context) (DatabaseState, error) {
	return call[DatabaseState](ctx, c, http.MethodGet, "/v1/database", nil)
}

// DatabaseTime is after how long GET /v1/database gives an answer without facts.
const DatabaseTime = time.Second
