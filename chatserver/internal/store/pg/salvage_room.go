package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"chatpool.dev/chatserver/chat"
)

// Recreate makes a room that only the tail has, and its category if that is missing: with the ids, settings and lists that they have there, the
// room disabled, both without a declaring object. A name that is taken gets an addition. What is there already stays as it is. A room that was
// removed here in the meantime is not made; Append then ends it.
func (x *Salvage) Recreate(ctx context.Context, room RoomRecord, category CategoryRecord, g Groups) error {
	id, ok := uuidOf(room.Room.ID)
	if !ok {
		return chat.Errorf(chat.NotFound, "room %q does not exist", room.Room.ID)
	}
	made := false
	err := x.change(ctx, func(ctx context.Context, _ int64) ([]statement, error) {
		var revision int64
		there := false
		err := x.conn.QueryRow(ctx, `SELECT revision + 1 FROM catalog FOR UPDATE`).Scan(&revision)
		if err == nil {
			err = x.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM room WHERE id = $1 UNION ALL SELECT FROM tombstone WHERE id = $1)`, id).Scan(&there)
		}
		if err != nil || there {
			return nil, err
		}
		made = true
		c, statements, err := x.recategorize(ctx, category, revision)
		if err != nil {
			return nil, err
		}
		m := room.Room
		if m.Name, err = x.freeName(ctx, "room", m.Name); err != nil {
			return nil, err
		}
		cid, _ := uuidOf(c.ID)
		return append(statements,
			statement{putRoom, []any{id, cid, nil, m.Name, m.Description, m.Privacy, m.Type, m.Invitations, true,
				list(m.Members), list(m.Managers), list(m.Presenters), outOfScope(c, &m, g), revision, ""}},
			statement{bumpRoom, []any{id}},
			statement{`UPDATE salvage_room SET name = $5` + thisSalvage + ` AND room_id = $4`, append(x.key(id), m.Name)},
			statement{`UPDATE catalog SET revision = $1`, []any{revision}}), nil
	})
	if err == nil && made {
		x.s.hints.changed()
		x.s.onHint(Hint{Kind: HintCatalog})
	}
	return err
}

// recategorize gives the room's category as it is here, or the statements that make it.
func (x *Salvage) recategorize(ctx context.Context, category CategoryRecord, revision int64) (*chat.Category, []statement, error) {
	id, ok := uuidOf(category.Category.ID)
	if !ok {
		return nil, nil, chat.Errorf(chat.NotFound, "category %q does not exist", category.Category.ID)
	}
	rows, _ := x.conn.Query(ctx, categoryColumns+` WHERE c.id = $1`, id)
	here, err := pgx.CollectExactlyOneRow(rows, scanCategory)
	if err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return &here.Category, nil, err
	}
	c := category.Category
	c.Version++
	if c.Name, err = x.freeName(ctx, "category", c.Name); err != nil {
		return nil, nil, err
	}
	return &c, []statement{
		{`DELETE FROM tombstone WHERE id = $1`, []any{id}}, // it is there again, under the same id
		{putCategory, []any{id, nil, c.Name, c.Description, list(c.Allowed), list(c.Denied), list(c.Creators), c.ChatHistory,
			c.FileUpload, c.Invitations, c.Version, revision, ""}},
	}, nil
}

// freeName gives a name that no other room or category, as the table says, has.
func (x *Salvage) freeName(ctx context.Context, table, name string) (string, error) {
	try := name
	for n := 1; ; n++ {
		taken := false
		if err := x.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+table+` WHERE name = $1)`, try).Scan(&taken); err != nil || !taken {
			return try, err
		}
		addition := fmt.Sprintf(" (recovered %d)", x.tail.Epoch)
		if n > 1 {
			addition = fmt.Sprintf(" (recovered %d, %d)", x.tail.Epoch, n)
		}
		head := []rune(name)
		try = string(head[:min(len(head), chat.MaxName-len(addition))]) + addition
	}
}
