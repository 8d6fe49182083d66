INSERT INTO room_presence AS p (room_id, rev)
SELECT id, 0 FROM room WHERE id = ANY ($1::uuid[]) ORDER BY id
ON CONFLICT (room_id) DO UPDATE SET rev = p.rev
