WITH gone AS (
    DELETE FROM participant WHERE room_id = $1 AND user_uri = $2 AND endpoint = $3 RETURNING 1
)
UPDATE room_presence p SET rev = greatest(p.rev + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
WHERE p.room_id = $1 AND EXISTS (SELECT FROM gone)
  AND NOT EXISTS (SELECT FROM participant WHERE room_id = $1 AND user_uri = $2 AND endpoint <> $3)
