INSERT INTO message (room_id, epoch, seq, author, author_name, at, alert, kept, text, rtf, endpoint, envelope, body_hash)
SELECT i.room_id, $3::bigint, i.seq, i.author, i.author_name, $4::timestamptz, i.alert, i.kept, i.text, nullif(i.rtf, ''),
    i.endpoint, i.envelope, i.body_hash
FROM unnest($1::uuid[], $2::bigint[], $5::text[], $6::text[], $7::boolean[], $8::boolean[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::bytea[])
    AS i (room_id, seq, author, author_name, alert, kept, text, rtf, endpoint, envelope, body_hash)
