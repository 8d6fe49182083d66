package pg

import (
	"context"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// Holdings are a database's catalog, and what was removed from it.
type Holdings struct {
	Categories map[chat.ID]CategoryRecord
	Rooms      map[chat.ID]RoomRecord
	// Revised is the revision of each of them, and of what was removed.
	Revised map[chat.ID]int64
	Removed map[chat.ID]bool // of categories and rooms that were there once
}

// Extent measures a room's messages up to a position: their number and a sum over position, author and body in which their order does
// not matter. Beyond is the number of those after the position.
type Extent struct{ Upto, Sum, Beyond int64 }

// readHoldings reads the catalog in one snapshot.
func readHoldings(ctx context.Context, conn *pgx.Conn) (Holdings, error) {
	h := Holdings{
		Categories: map[chat.ID]CategoryRecord{}, Rooms: map[chat.ID]RoomRecord{}, Revised: map[chat.ID]int64{}, Removed: map[chat.ID]bool{},
	}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return h, pgx.BeginTxFunc(ctx, conn, options, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, categoryColumns)
		categories, err := pgx.CollectRows(rows, scanCategory)
		if err != nil {
			return err
		}
		for _, c := range categories {
			h.Categories[c.Category.ID] = c
		}
		rows, _ = tx.Query(ctx, roomColumns)
		rooms, err := pgx.CollectRows(rows, scanRoom)
		if err != nil {
			return err
		}
		for _, r := range rooms {
			h.Rooms[r.Room.ID] = r
		}
		rows, _ = tx.Query(ctx, `SELECT id, revision, false FROM category UNION ALL SELECT id, revision, false FROM room
UNION ALL SELECT id, revision, true FROM tombstone`)
		var id [16]byte
		var revision int64
		removed := false
		_, err = pgx.ForEachRow(rows, []any{&id, &revision, &removed}, func() error {
			if h.Revised[idOf(id)] = max(h.Revised[idOf(id)], revision); removed {
				h.Removed[idOf(id)] = true
			}
			return nil
		})
		return err
	})
}

// positions reads rows of room, epoch and seq.
func positions(ctx context.Context, conn *pgx.Conn, sql string, args ...any) (map[chat.ID]chat.Position, error) {
	at := map[chat.ID]chat.Position{}
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	var room [16]byte
	var epoch, seq int64
	_, err = pgx.ForEachRow(rows, []any{&room, &epoch, &seq}, func() error {
		at[idOf(room)] = chat.At(epoch, seq)
		return nil
	})
	return at, err
}

func extents(ctx context.Context, conn *pgx.Conn, upto map[chat.ID]chat.Position) (map[chat.ID]Extent, error) {
	var rooms [][16]byte
	var epochs, seqs []int64
	for id, p := range upto {
		if room, ok := uuidOf(id); ok {
			rooms, epochs, seqs = append(rooms, room), append(epochs, p.Epoch()), append(seqs, p.Seq())
		}
	}
	out := map[chat.ID]Extent{}
	rows, err := conn.Query(ctx, extentsSQL, rooms, epochs, seqs)
	if err != nil {
		return nil, err
	}
	var room [16]byte
	var e Extent
	_, err = pgx.ForEachRow(rows, []any{&room, &e.Upto, &e.Sum, &e.Beyond}, func() error {
		out[idOf(room)] = e
		return nil
	})
	return out, err
}
