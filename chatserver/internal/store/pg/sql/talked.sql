-- The rooms that have messages, with the newest position of each; found one after the other through the index.
WITH RECURSIVE talked AS (
    (SELECT room_id FROM message ORDER BY room_id LIMIT 1)
    UNION ALL
    SELECT (SELECT m.room_id FROM message m WHERE m.room_id > t.room_id ORDER BY m.room_id LIMIT 1)
    FROM talked t WHERE t.room_id IS NOT NULL
)
SELECT t.room_id, m.epoch, m.seq
FROM talked t
CROSS JOIN LATERAL (SELECT epoch, seq FROM message WHERE room_id = t.room_id ORDER BY epoch DESC, seq DESC LIMIT 1) m
WHERE t.room_id IS NOT NULL
