package salvage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

const (
	// pageKeys is how many are looked for at a time in the second look.
	pageKeys = 2000
	// roomsMeasured is how many rooms are measured at a time: one query must get through the largest.
	roomsMeasured = 1
)

// errElsewhere: another server is at it.
var errElsewhere = errors.New("another server is at it")

// work is one try to bring a tail to its end, by one goroutine.
type work struct {
	adminapi.Salvaging
	store  *pg.Store
	groups pg.Groups
	log    *slog.Logger
	// rows is how many messages are appended in one transaction.
	rows int
	// between is called before each step, with what it is. Its error ends the work.
	between func(step string) error
	// begun is called when the other database is known to be the one that is meant.
	begun func()

	here  *pg.Salvage
	there *pg.Overtaken
	// catalog is the other database's; read when it is needed.
	catalog *pg.Holdings
}

// do works until the tail is done, something fails, or ctx ends.
func (w *work) do(ctx context.Context) error {
	var err error
	if w.here, err = w.store.Salvage(ctx, w.Tail); err != nil {
		return err
	}
	if w.here == nil {
		return errElsewhere
	}
	defer w.here.Close()
	if err = w.alone(ctx); err != nil && ctx.Err() == nil {
		if waiting := w.here.Wait(ctx, reason(err)); waiting != nil {
			w.log.Debug("why a salvage waits is not recorded", "err", waiting)
		}
	}
	return err
}

// alone works with the right to.
func (w *work) alone(ctx context.Context) error {
	var err error
	if w.there, err = w.store.Overtaken(ctx, w.Host, w.Port); err != nil {
		return err
	}
	defer w.there.Close()
	if err := w.there.Check(ctx, w.Tail); err != nil {
		return err
	}
	w.begun()
	return w.through(ctx)
}

// maxReason bounds the recorded reason, in bytes.
const maxReason = 500

func reason(err error) string {
	s := err.Error()
	return strings.ToValidUTF8(s[:min(len(s), maxReason)], "")
}

func (w *work) through(ctx context.Context) error {
	record, err := w.record(ctx)
	if err != nil || record.Done {
		return err
	}
	if record.Waiting != "" {
		if err := w.here.Wait(ctx, ""); err != nil {
			return err
		}
	}
	for _, r := range record.Rooms {
		if r.Done {
			continue
		}
		if err := w.pull(ctx, r); err != nil {
			return fmt.Errorf("room %q: %w", r.Name, err)
		}
	}
	for _, r := range record.Rooms {
		if err := w.verify(ctx, r); err != nil {
			return fmt.Errorf("room %q: %w", r.Name, err)
		}
	}
	if err := w.between("finish"); err != nil {
		return err
	}
	if err := w.there.Check(ctx, w.Tail); err != nil {
		return err
	}
	return w.here.Finish(ctx)
}

// record gives what is to be done, and how far it is; the first time it decides that.
func (w *work) record(ctx context.Context) (*pg.SalvageRecord, error) {
	record, err := w.here.Record(ctx)
	if err != nil || record != nil {
		return record, err
	}
	g, err := w.gather(ctx)
	if err != nil {
		return nil, err
	}
	p := decide(g)
	if err := w.between("begin"); err != nil {
		return nil, err
	}
	if err := w.here.Begin(ctx, w.Site, p.rooms, p.differences); err != nil {
		return nil, err
	}
	w.log.Info("salvage begins", "site", w.Site, "epoch", w.Epoch, "rooms", len(p.rooms), "differences", len(p.differences))
	return w.here.Record(ctx)
}

func (w *work) gather(ctx context.Context) (*gathered, error) {
	g := &gathered{tail: w.Tail, site: w.Site, extentsHere: map[chat.ID]pg.Extent{}, extentsThere: map[chat.ID]pg.Extent{}}
	var err error
	if g.fork, err = w.here.Fork(ctx); err != nil {
		return nil, err
	}
	if g.heads, err = w.there.Heads(ctx); err != nil {
		return nil, err
	}
	// The two are asked in turn: neither session may be idle for long.
	if g.here, err = w.here.Holdings(ctx); err != nil {
		return nil, err
	}
	if g.there, err = w.there.Holdings(ctx); err != nil {
		return nil, err
	}
	bounds := g.bounds()
	for part := range slices.Chunk(slices.Sorted(maps.Keys(bounds)), roomsMeasured) {
		some := map[chat.ID]chat.Position{}
		for _, id := range part {
			some[id] = bounds[id]
		}
		here, err := w.here.Extents(ctx, some)
		if err != nil {
			return nil, err
		}
		there, err := w.there.Extents(ctx, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(g.extentsHere, here)
		maps.Copy(g.extentsThere, there)
	}
	g.here, err = w.here.Holdings(ctx)
	return g, err
}

// pull looks through a room's tail and appends what is not here.
func (w *work) pull(ctx context.Context, r pg.SalvageRoom) error {
	if err := w.recreate(ctx, r); err != nil {
		return err
	}
	for at, more := r.At, true; more; {
		var rows []pg.TailRow
		var err error
		if rows, more, err = w.there.Rows(ctx, r.ID, at, w.rows); err != nil {
			return err
		}
		if err := w.between("append"); err != nil {
			return err
		}
		removed, err := w.here.Append(ctx, r.ID, at, rows, !more)
		if err != nil || removed {
			return err
		}
		if len(rows) > 0 {
			at = rows[len(rows)-1].Pos
		}
	}
	return nil
}

// recreate makes the room if only the other database has it.
func (w *work) recreate(ctx context.Context, r pg.SalvageRoom) error {
	if !r.Recreated {
		return nil
	}
	if w.catalog == nil {
		h, err := w.there.Holdings(ctx)
		if err != nil {
			return err
		}
		w.catalog = &h
	}
	if err := w.between("recreate"); err != nil {
		return err
	}
	room := w.catalog.Rooms[r.ID]
	return w.here.Recreate(ctx, room, w.catalog.Categories[room.Room.CategoryID], w.groups)
}

// verify looks for every post of a room's tail here. When some are missing the room is looked through again, by the next try.
func (w *work) verify(ctx context.Context, r pg.SalvageRoom) error {
	for at, more := r.From, true; more; {
		var keys []pg.TailRow
		var err error
		if keys, more, err = w.there.Keys(ctx, r.ID, at, pageKeys); err != nil {
			return err
		}
		if len(keys) == 0 {
			return nil
		}
		if err := w.between("verify"); err != nil {
			return err
		}
		missing, err := w.here.Missing(ctx, r.ID, keys)
		if err != nil {
			return err
		}
		if missing > 0 {
			if err := w.here.Again(ctx, r.ID); err != nil {
				return err
			}
			return chat.Errorf(chat.Unavailable, "a second look misses %s: the room is looked through again", posts(int64(missing)))
		}
		at = keys[len(keys)-1].Pos
	}
	return nil
}
