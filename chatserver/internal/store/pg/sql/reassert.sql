-- Writes participants again who may have been lost with a server or removed while this pod was away. Who is attached
-- to another pod by now stays there.
WITH put AS (
    INSERT INTO participant AS p (room_id, user_uri, endpoint, name, pod, serial, joined_at)
    SELECT i.room_id, i.user_uri, i.endpoint, i.name, $6, i.serial, now()
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS i (room_id, user_uri, endpoint, name, serial)
    JOIN room ON room.id = i.room_id
    ON CONFLICT (room_id, user_uri, endpoint) DO UPDATE SET pod = $6, serial = excluded.serial, detached_at = NULL
    WHERE p.detached_at IS NOT NULL OR p.pod = $6
    RETURNING room_id, xmax = 0 AS inserted
)
UPDATE room_presence p SET rev = greatest(p.rev + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
FROM (SELECT DISTINCT room_id FROM put WHERE inserted) n
WHERE p.room_id = n.room_id
RETURNING p.room_id
