package pg

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// channel is the name that pods LISTEN on.
const channel = "chatpool"

// maxHintRooms bounds the rooms of one notification: its payload must stay below 8000 bytes, a room takes up to 64.
const maxHintRooms = 100

// HintKind says what a hint is about.
type HintKind string

// The kinds of hints.
const (
	HintMessage  HintKind = "Message"  // Room has messages up to Head
	HintPresence HintKind = "Presence" // the participants of Room have changed
	HintCatalog  HintKind = "Catalog"  // categories or rooms have changed
	HintAll      HintKind = "All"      // hints may have been lost: ask for everything
)

// Hint says that there is something new to read. Hints may be lost, repeated and out of order.
type Hint struct {
	Kind HintKind
	Room chat.ID
	Head chat.Position
}

// payload is a notification's text.
type payload struct {
	From     string                    `json:"f"`
	Messages map[chat.ID]chat.Position `json:"m,omitempty"`
	Presence []chat.ID                 `json:"p,omitempty"`
	Catalog  bool                      `json:"c,omitempty"`
	Doubt    bool                      `json:"d,omitempty"`
}

// hints collects what other pods should know and tells them on a connection of its own, off the way of commits:
// NOTIFY in a transaction makes all such commits wait for each other.
type hints struct {
	from string
	wake chan struct{}

	mu       sync.Mutex
	heads    map[chat.ID]chat.Position
	presence map[chat.ID]bool
	catalog  bool
	doubts   bool
}

func newHints(from string) *hints {
	return &hints{from: from, wake: make(chan struct{}, 1), heads: map[chat.ID]chat.Position{}, presence: map[chat.ID]bool{}}
}

func (h *hints) add(note func()) {
	h.mu.Lock()
	note()
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *hints) messages(heads map[chat.ID]chat.Position) {
	h.add(func() {
		for room, pos := range heads {
			h.heads[room] = max(h.heads[room], pos)
		}
	})
}

func (h *hints) participants(rooms ...chat.ID) {
	h.add(func() {
		for _, r := range rooms {
			h.presence[r] = true
		}
	})
}

func (h *hints) changed() { h.add(func() { h.catalog = true }) }
func (h *hints) doubt()   { h.add(func() { h.doubts = true }) }

// next takes what fits into one notification; false if there is nothing.
func (h *hints) next() (payload, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := payload{From: h.from, Messages: map[chat.ID]chat.Position{}, Catalog: h.catalog, Doubt: h.doubts}
	h.catalog, h.doubts = false, false
	for room, pos := range h.heads {
		if len(p.Messages) == maxHintRooms {
			break
		}
		p.Messages[room] = pos
		delete(h.heads, room)
	}
	for room := range h.presence {
		if len(p.Messages)+len(p.Presence) == maxHintRooms {
			break
		}
		p.Presence = append(p.Presence, room)
		delete(h.presence, room)
	}
	return p, p.Catalog || p.Doubt || len(p.Messages)+len(p.Presence) > 0
}

// back puts a payload back that could not be sent.
func (h *hints) back(p payload) {
	h.messages(p.Messages)
	h.participants(p.Presence...)
	h.add(func() { h.catalog, h.doubts = h.catalog || p.Catalog, h.doubts || p.Doubt })
}

// run sends hints until ctx ends. To a database that takes no writes none can be sent, and none need be: when it takes some,
// every pod has a new witness and asks for everything.
func (h *hints) run(ctx context.Context, connect func(context.Context) (*pgx.Conn, error), follows func() bool, log *slog.Logger) {
	var conn *pgx.Conn
	defer func() { closeConn(ctx, conn) }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		}
		for p, more := h.next(); more && ctx.Err() == nil; p, more = h.next() {
			if follows() {
				continue
			}
			var err error
			if conn, err = send(ctx, conn, p, connect); err != nil {
				h.back(p)
				log.Debug("hints are not sent", "err", err)
				closeConn(ctx, conn)
				conn = nil
				wait(ctx, time.Second)
			}
		}
	}
}

func send(ctx context.Context, conn *pgx.Conn, p payload, connect func(context.Context) (*pgx.Conn, error)) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	if conn == nil {
		var err error
		if conn, err = connect(ctx); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return conn, err
	}
	_, err = conn.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, string(text))
	return conn, err
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := bounded(ctx, time.Second)
	defer cancel()
	conn.Close(ctx)
}

// received hands another pod's notification to who wants it.
func (s *Store) received(text string) {
	var p payload
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.From == s.instance {
		return // our own, or of a version that speaks another way
	}
	if p.Doubt {
		s.witness.doubt()
	}
	for room, head := range p.Messages {
		s.onHint(Hint{Kind: HintMessage, Room: room, Head: head})
	}
	for _, room := range p.Presence {
		s.onHint(Hint{Kind: HintPresence, Room: room})
	}
	if p.Catalog {
		s.onHint(Hint{Kind: HintCatalog})
	}
}
