-- Where the posts of these client keys stand in a room, as far as they do.
SELECT i.n, m.epoch, m.seq, coalesce(m.origin_epoch, 0), coalesce(m.origin_seq, 0)
FROM unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) WITH ORDINALITY AS i (author, endpoint, envelope, body_hash, n)
CROSS JOIN LATERAL (
    SELECT epoch, seq, origin_epoch, origin_seq
    FROM message
    WHERE room_id = $1 AND author = i.author AND endpoint = i.endpoint AND envelope = i.envelope AND body_hash = i.body_hash
    LIMIT 1
) m
