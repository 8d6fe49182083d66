SELECT room_id, epoch, seq, author, author_name, at, alert, text, coalesce(rtf, '')
FROM message
WHERE room_id = $1 AND (epoch, seq) <= ($2, $3) AND kept
ORDER BY epoch DESC, seq DESC
LIMIT $4
