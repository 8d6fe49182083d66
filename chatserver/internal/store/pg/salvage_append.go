package pg

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

var (
	//go:embed sql/find_salvaged.sql
	findSalvaged string
	//go:embed sql/insert_salvaged.sql
	insertSalvaged string
)

const (
	lockProgress = `SELECT at_epoch, at_seq FROM salvage_room WHERE epoch = $1 AND timeline = $2 AND lsn = $3::text::pg_lsn AND room_id = $4 FOR UPDATE`
	moveProgress = `UPDATE salvage_room SET at_epoch = $5, at_seq = $6, recovered = recovered + $7, resent = resent + $8, done = $9
WHERE epoch = $1 AND timeline = $2 AND lsn = $3::text::pg_lsn AND room_id = $4`
	endRemoved = `UPDATE salvage_room SET done = true, removed = true
WHERE epoch = $1 AND timeline = $2 AND lsn = $3::text::pg_lsn AND room_id = $4`
)

// Append appends a page of a room's tail, ascending and directly after a position, as recovered messages, as far as they are not in the room. A page
// that is the last, maybe empty, ends the room. It tells whether the room was removed from the own database meanwhile: then it is at its
// end as well. Either the whole page and the progress are stored, or nothing.
func (x *Salvage) Append(ctx context.Context, room chat.ID, after chat.Position, rows []TailRow, last bool) (removed bool, err error) {
	id, ok := uuidOf(room)
	if !ok {
		return false, chat.Errorf(chat.NotFound, "room %q does not exist", room)
	}
	var head chat.Position
	err = x.change(ctx, func(ctx context.Context, epoch int64) ([]statement, error) {
		in, seq, err := x.lockRoom(ctx, room, id, after)
		if err != nil {
			return nil, err
		}
		if removed = !in; removed {
			return []statement{{endRemoved, x.key(id)}}, nil
		}
		at, err := standings(ctx, x.conn, id, rows)
		if err != nil {
			return nil, err
		}
		a := sortOut(rows, at)
		to := after
		if n := len(rows); n > 0 {
			to = rows[n-1].Pos
		}
		var statements []statement
		if n := int64(len(a.insert)); n > 0 {
			head = chat.At(epoch, seq+n)
			statements = append(statements, insertion(id, epoch, seq, rows, a.insert), statement{advanceRooms, []any{[][16]byte{id}, []int64{seq + n}, epoch}})
		}
		return append(statements, statement{moveProgress, append(x.key(id), to.Epoch(), to.Seq(), a.recovered, a.resent, last)}), nil
	})
	if head != 0 { // also when it is not known whether it was committed: who is told looks
		x.told(room, head)
	}
	return removed, err
}

// lockRoom locks the room as every post does, and then the progress, which must be at a position. In tells whether there is such a room.
func (x *Salvage) lockRoom(ctx context.Context, room chat.ID, id [16]byte, at chat.Position) (in bool, seq int64, err error) {
	var r roomRow
	err = x.conn.QueryRow(ctx, lockRooms, [][16]byte{id}).Scan(&r.room, &r.epoch, &r.seq, &r.version)
	if in = err == nil; err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, 0, err
	}
	var epoch, n int64
	if err := x.conn.QueryRow(ctx, lockProgress, x.key(id)...).Scan(&epoch, &n); err != nil {
		return false, 0, err
	}
	if is := chat.At(epoch, n); is != at {
		return false, 0, x.overtaken(room, at, is)
	}
	return in, r.seq, nil
}

// standings finds posts in a room by their client keys.
func standings(ctx context.Context, conn *pgx.Conn, room [16]byte, page []TailRow) (map[int]found, error) {
	var authors, endpoints, envelopes []string
	var hashes [][]byte
	for i := range page {
		r := &page[i]
		authors, endpoints, envelopes, hashes = append(authors, r.Author), append(endpoints, r.Endpoint), append(envelopes, r.Envelope), append(hashes, r.Hash)
	}
	at := map[int]found{}
	rows, err := conn.Query(ctx, findSalvaged, room, authors, endpoints, envelopes, hashes)
	if err != nil {
		return nil, err
	}
	var n, epoch, seq, originEpoch, originSeq int64
	_, err = pgx.ForEachRow(rows, []any{&n, &epoch, &seq, &originEpoch, &originSeq}, func() error {
		at[int(n-1)] = found{chat.At(epoch, seq), chat.At(originEpoch, originSeq)}
		return nil
	})
	return at, err
}

// insertion appends some rows of a page after seq.
func insertion(room [16]byte, epoch, seq int64, page []TailRow, which []int) statement {
	var seqs, originEpochs, originSeqs []int64
	var authors, names, endpoints, envelopes []string
	var times []time.Time
	var alerts, keeps []bool
	var texts, rtfs []*string
	var hashes [][]byte
	for n, i := range which {
		r := &page[i]
		seqs = append(seqs, seq+int64(n)+1)
		originEpochs, originSeqs = append(originEpochs, r.first().Epoch()), append(originSeqs, r.first().Seq())
		authors, names, times = append(authors, r.Author), append(names, r.Name), append(times, r.At)
		alerts, keeps = append(alerts, r.Alert), append(keeps, r.Kept)
		texts, rtfs = append(texts, r.Text), append(rtfs, r.RTF)
		endpoints, envelopes, hashes = append(endpoints, r.Endpoint), append(envelopes, r.Envelope), append(hashes, r.Hash)
	}
	return statement{insertSalvaged, []any{room, epoch, seqs, authors, names, times, alerts, keeps, texts, rtfs, endpoints, envelopes, hashes,
		originEpochs, originSeqs}}
}

// Missing counts those of a page that are not in the room; none if the room was removed.
func (x *Salvage) Missing(ctx context.Context, room chat.ID, page []TailRow) (missing int, err error) {
	id, ok := uuidOf(room)
	if !ok {
		return 0, chat.Errorf(chat.NotFound, "room %q does not exist", room)
	}
	err = x.asking(ctx, queryTime, func(ctx context.Context) error {
		at, err := standings(ctx, x.conn, id, page)
		if err != nil {
			return err
		}
		if missing = len(page) - len(at); missing == 0 {
			return nil
		}
		in := false
		if err := x.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM room_seq WHERE room_id = $1)`, id).Scan(&in); err != nil {
			return fmt.Errorf("look for room %q: %w", room, err)
		}
		if !in {
			missing = 0
		}
		return nil
	})
	return missing, err
}
