UPDATE room_seq r SET epoch = $3, seq = i.seq
FROM unnest($1::uuid[], $2::bigint[]) AS i (room_id, seq)
WHERE r.room_id = i.room_id
