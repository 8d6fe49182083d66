-- Per room: how many messages it has up to a position, a sum over them in no order, and how many beyond.
SELECT k.room_id, low.n, low.sum, high.n
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS k (room_id, epoch, seq)
CROSS JOIN LATERAL (
    SELECT count(*) AS n,
        coalesce(bit_xor(hashtextextended(epoch || '/' || seq || '/' || author || '/' || encode(body_hash, 'hex'), 0)), 0) AS sum
    FROM message WHERE room_id = k.room_id AND (epoch, seq) <= (k.epoch, k.seq)
) low
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM message WHERE room_id = k.room_id AND (epoch, seq) > (k.epoch, k.seq)
) high
