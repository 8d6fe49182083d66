SELECT room_id, epoch, seq, author, author_name, at, alert, text, coalesce(rtf, ''), coalesce(origin_epoch, 0), coalesce(origin_seq, 0)
FROM message
WHERE room_id = $1 AND (epoch, seq) > ($2, $3) AND text IS NOT NULL
  AND (kept OR coalesce(recovered_at, at) > now() - make_interval(secs => $5))
ORDER BY epoch, seq
LIMIT $4
