-- Whether a position is of an overtaken epoch and beyond what the room has of it, and the newest position up to it.
SELECT $2 < (SELECT max(epoch) FROM epoch) AND (coalesce(m.epoch, 0), coalesce(m.seq, 0)) < ($2::bigint, $3::bigint),
    coalesce(m.epoch, 0), coalesce(m.seq, 0)
FROM (SELECT 1) one
LEFT JOIN LATERAL (
    SELECT epoch, seq FROM message
    WHERE room_id = $1 AND (epoch, seq) <= ($2, $3)
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) m ON true
