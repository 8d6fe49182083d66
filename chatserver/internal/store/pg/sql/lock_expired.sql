SELECT room_id FROM room_presence
WHERE room_id IN (
    SELECT room_id FROM participant WHERE detached_at < now() - make_interval(secs => $1) ORDER BY room_id LIMIT 1000
)
ORDER BY room_id
FOR NO KEY UPDATE
