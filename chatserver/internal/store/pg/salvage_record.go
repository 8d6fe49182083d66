package pg

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

// SalvageRecord is how far a salvage is, as the database knows it.
type SalvageRecord struct {
	Tail        adminapi.Tail
	Site        string // whose database it is
	Done        bool
	Differences []string
	Waiting     string
	Rooms       []SalvageRoom // by id
}

// SalvageRoom is a room's part of it: the messages after From are looked through, up to At they are.
type SalvageRoom struct {
	ID                chat.ID
	Name              string
	From, At          chat.Position
	Recovered, Resent int64
	Recreated         bool // the room has to be made here first
	Removed           bool // the room was removed here while this went on
	Done              bool
}

// key is the tail, and a room of it, as arguments.
func (x *Salvage) key(room ...[16]byte) []any {
	args := []any{x.tail.Epoch, x.tail.Timeline, x.tail.LSN.String()}
	for _, r := range room {
		args = append(args, r)
	}
	return args
}

const (
	putSalvage = `INSERT INTO salvage (epoch, timeline, lsn, site, differences) VALUES ($1, $2, $3::text::pg_lsn, $4, $5)`
	putRooms   = `INSERT INTO salvage_room (epoch, timeline, lsn, room_id, name, from_epoch, from_seq, at_epoch, at_seq, recreated)
SELECT $1, $2, $3::text::pg_lsn, r.room_id, r.name, r.epoch, r.seq, r.epoch, r.seq, r.recreated
FROM unnest($4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::boolean[]) AS r (room_id, name, epoch, seq, recreated)`
	thisSalvage = ` WHERE epoch = $1 AND timeline = $2 AND lsn = $3::text::pg_lsn`
	mostRecords = 100
)

// Begin records what is to be done.
func (x *Salvage) Begin(ctx context.Context, site string, rooms []SalvageRoom, differences []string) error {
	var ids [][16]byte
	var names []string
	var epochs, seqs []int64
	var recreated []bool
	for _, r := range rooms {
		if id, ok := uuidOf(r.ID); ok {
			ids, names, recreated = append(ids, id), append(names, r.Name), append(recreated, r.Recreated)
			epochs, seqs = append(epochs, r.From.Epoch()), append(seqs, r.From.Seq())
		}
	}
	return x.change(ctx, func(context.Context, int64) ([]statement, error) {
		return []statement{{putSalvage, append(x.key(), site, append([]string{}, differences...))}, {putRooms, append(x.key(), ids, names, epochs, seqs, recreated)}}, nil
	})
}

// Again has a room looked through once more from its beginning, because not everything was found here.
func (x *Salvage) Again(ctx context.Context, room chat.ID) error {
	id, ok := uuidOf(room)
	if !ok {
		return chat.Errorf(chat.NotFound, "room %q does not exist", room)
	}
	return x.change(ctx, func(context.Context, int64) ([]statement, error) {
		return []statement{{`UPDATE salvage_room SET at_epoch = from_epoch, at_seq = from_seq, recovered = 0, resent = 0, done = false` +
			thisSalvage + ` AND room_id = $4`, x.key(id)}}, nil
	})
}

// Finish records that everything was found here.
func (x *Salvage) Finish(ctx context.Context) error {
	return x.change(ctx, func(context.Context, int64) ([]statement, error) {
		return []statement{{`UPDATE salvage SET done = true, waiting = ''` + thisSalvage, x.key()}}, nil
	})
}

// Wait records why it does not go on; "": it does. What is not begun has nothing recorded.
func (x *Salvage) Wait(ctx context.Context, why string) error {
	return x.change(ctx, func(context.Context, int64) ([]statement, error) {
		return []statement{{`UPDATE salvage SET waiting = $4` + thisSalvage + ` AND waiting <> $4 AND NOT done`, append(x.key(), why)}}, nil
	})
}

// Record reads how far the salvage is; nil: it is not recorded.
func (x *Salvage) Record(ctx context.Context) (r *SalvageRecord, err error) {
	err = x.asking(ctx, queryTime, func(ctx context.Context) error {
		r, err = newestOf(readSalvages(ctx, x.conn, thisSalvage, x.key()...))
		return err
	})
	return r, err
}

// Salvaged reads how far the salvage of a tail is; nil: it was not begun. What it says is on the mirror.
func (s *Store) Salvaged(ctx context.Context, t adminapi.Tail) (r *SalvageRecord, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err = newestOf(readSalvages(ctx, conn, thisSalvage, t.Epoch, t.Timeline, t.LSN.String()))
		return err
	})
	if err != nil {
		return nil, unavailable("read how far the salvage is", err)
	}
	return r, nil
}

// Salvages reads the newest 100, the newest first. What they say is on the mirror.
func (s *Store) Salvages(ctx context.Context) (all []SalvageRecord, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		all, err = readSalvages(ctx, conn, "")
		return err
	})
	if err != nil {
		return nil, unavailable("read the salvages", err)
	}
	return all, nil
}

func newestOf(all []SalvageRecord, err error) (*SalvageRecord, error) {
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func readSalvages(ctx context.Context, conn *pgx.Conn, where string, args ...any) ([]SalvageRecord, error) {
	rows, err := conn.Query(ctx, `SELECT epoch, timeline, lsn::text, site, done, differences, waiting FROM salvage`+where+
		` ORDER BY begun_at DESC, epoch DESC LIMIT `+strconv.Itoa(mostRecords), args...)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (SalvageRecord, error) {
		var r SalvageRecord
		var end string
		err := row.Scan(&r.Tail.Epoch, &r.Tail.Timeline, &end, &r.Site, &r.Done, &r.Differences, &r.Waiting)
		if err == nil {
			r.Tail.LSN, err = adminapi.ParseLSN(end)
		}
		return r, err
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Rooms, err = readSalvageRooms(ctx, conn, all[i].Tail); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func readSalvageRooms(ctx context.Context, conn *pgx.Conn, t adminapi.Tail) ([]SalvageRoom, error) {
	rows, err := conn.Query(ctx, `SELECT room_id, name, from_epoch, from_seq, at_epoch, at_seq, recovered, resent, recreated, removed, done
FROM salvage_room`+thisSalvage+` ORDER BY room_id`, t.Epoch, t.Timeline, t.LSN.String())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (SalvageRoom, error) {
		var r SalvageRoom
		var id [16]byte
		var fromEpoch, fromSeq, atEpoch, atSeq int64
		err := row.Scan(&id, &r.Name, &fromEpoch, &fromSeq, &atEpoch, &atSeq, &r.Recovered, &r.Resent, &r.Recreated, &r.Removed, &r.Done)
		r.ID, r.From, r.At = idOf(id), chat.At(fromEpoch, fromSeq), chat.At(atEpoch, atSeq)
		return r, err
	})
}

// salvaged asks which tails are all here. What is not known to be on the mirror is not told: the other database is given up for it.
func (q *inquiry) salvaged(w *witness) func(context.Context) error {
	return func(ctx context.Context) error {
		p := w.now()
		same := false
		if p != nil {
			var err error
			if same, err = p.holdsOn(ctx, q.conn); err != nil {
				return err
			}
		}
		if !same {
			q.facts.Unknown["salvaged"] = errUnproven.Error()
			return nil
		}
		rows, err := q.conn.Query(ctx, `SELECT epoch, timeline, lsn::text FROM salvage WHERE done ORDER BY begun_at DESC, epoch DESC LIMIT $1`, mostRecords)
		if err != nil {
			return err
		}
		tails, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (adminapi.Tail, error) {
			var t adminapi.Tail
			var end string
			err := row.Scan(&t.Epoch, &t.Timeline, &end)
			if err == nil {
				t.LSN, err = adminapi.ParseLSN(end)
			}
			return t, err
		})
		if err == nil && w.still(p) {
			q.facts.Salvaged = tails
		}
		return err
	}
}
