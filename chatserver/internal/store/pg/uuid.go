package pg

import (
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"chatpool.dev/chatserver/chat"
)

// uuidOf is an id in the form of the database. Byte order there and text order here are the same.
func uuidOf(id chat.ID) ([16]byte, bool) {
	var u [16]byte
	s := strings.ReplaceAll(string(id), "-", "")
	if len(s) != 32 || len(id) != 36 {
		return u, false
	}
	_, err := hex.Decode(u[:], []byte(s))
	return u, err == nil
}

// uuidsOf leaves out what is no id: it names nothing.
func uuidsOf(ids []chat.ID) [][16]byte {
	us := make([][16]byte, 0, len(ids))
	for _, id := range ids {
		if u, ok := uuidOf(id); ok {
			us = append(us, u)
		}
	}
	return us
}

func idOf(u [16]byte) chat.ID { return chat.ID(uuid.UUID(u).String()) }

// newID makes an id that sorts by time (UUID version 7, RFC 9562).
func newID() chat.ID { return chat.ID(uuid.Must(uuid.NewV7()).String()) }
