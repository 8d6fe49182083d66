-- Which of the drafts are stored already; run after the rooms are locked, when no other can add one.
SELECT i.n, m.epoch, m.seq, m.author_name, m.at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[])
    WITH ORDINALITY AS i (room_id, author, endpoint, envelope, body_hash, n)
CROSS JOIN LATERAL (
    SELECT epoch, seq, author_name, at
    FROM message
    WHERE room_id = i.room_id AND author = i.author AND endpoint = i.endpoint
      AND envelope = i.envelope AND body_hash = i.body_hash
    LIMIT 1
) m
