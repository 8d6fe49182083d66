WITH gone AS (
    DELETE FROM participant
    WHERE detached_at < now() - make_interval(secs => $1) AND room_id = ANY ($2::uuid[])
    RETURNING room_id, user_uri
), visible AS (
    SELECT DISTINCT room_id FROM gone g
    WHERE NOT EXISTS (
        SELECT FROM participant p
        WHERE p.room_id = g.room_id AND p.user_uri = g.user_uri
          AND (p.detached_at IS NULL OR p.detached_at >= now() - make_interval(secs => $1))
    )
)
UPDATE room_presence p SET rev = greatest(p.rev + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
FROM visible v
WHERE p.room_id = v.room_id
RETURNING p.room_id
