SELECT room_id, epoch, seq, author, author_name, at, alert, text, coalesce(rtf, ''), coalesce(origin_epoch, 0), coalesce(origin_seq, 0)
FROM message
WHERE room_id = $1 AND (epoch, seq) <= ($2, $3) AND kept
ORDER BY epoch DESC, seq DESC
LIMIT $4
