-- Visible is a user who was not there before, or has another name. Revisions are times, so that one that was lost with
-- its server is not given again.
WITH before AS (
    SELECT count(*) AS n, count(*) FILTER (WHERE name = $4) AS same FROM participant WHERE room_id = $1 AND user_uri = $2
), put AS (
    INSERT INTO participant (room_id, user_uri, endpoint, name, pod, serial, joined_at)
    VALUES ($1, $2, $3, $4, $5, $6, now())
    ON CONFLICT (room_id, user_uri, endpoint) DO UPDATE SET name = $4, pod = $5, serial = $6, detached_at = NULL
), renamed AS (
    UPDATE participant SET name = $4 WHERE room_id = $1 AND user_uri = $2 AND endpoint <> $3 AND name <> $4
)
UPDATE room_presence p SET rev = greatest(p.rev + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
FROM before
WHERE p.room_id = $1 AND (before.n = 0 OR before.same < before.n)
