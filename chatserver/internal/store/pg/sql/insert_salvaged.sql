INSERT INTO message (room_id, epoch, seq, author, author_name, at, alert, kept, text, rtf, endpoint, envelope, body_hash,
    origin_epoch, origin_seq, recovered_at)
SELECT $1, $2, i.seq, i.author, i.author_name, i.at, i.alert, i.kept, i.text, i.rtf, i.endpoint, i.envelope, i.body_hash,
    i.origin_epoch, i.origin_seq, now()
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::boolean[], $8::boolean[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::bytea[], $14::bigint[], $15::bigint[])
    AS i (seq, author, author_name, at, alert, kept, text, rtf, endpoint, envelope, body_hash, origin_epoch, origin_seq)
