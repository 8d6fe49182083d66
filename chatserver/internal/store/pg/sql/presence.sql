SELECT k.room_id, p.rev, u.n, CASE WHEN u.n <= $3 THEN u.uris END, CASE WHEN u.n <= $3 THEN u.names END
FROM unnest($1::uuid[], $2::bigint[]) AS k (room_id, rev)
JOIN room_presence p ON p.room_id = k.room_id AND p.rev <> k.rev
CROSS JOIN LATERAL (
    SELECT count(*) AS n, array_agg(user_uri ORDER BY user_uri) AS uris, array_agg(name ORDER BY user_uri) AS names
    FROM (SELECT user_uri, min(name) AS name FROM participant WHERE room_id = k.room_id GROUP BY user_uri) users
) u
