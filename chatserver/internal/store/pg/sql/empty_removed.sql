-- Deletes some messages of a removed room, or notes that there are none left; tells whether there may be more to do.
WITH target AS (
    SELECT id FROM tombstone WHERE NOT emptied ORDER BY id LIMIT 1
), gone AS (
    DELETE FROM message
    WHERE ctid = ANY (ARRAY(SELECT m.ctid FROM message m JOIN target ON m.room_id = target.id LIMIT 2000))
    RETURNING 1
), done AS (
    UPDATE tombstone SET emptied = true
    WHERE id = (SELECT id FROM target)
      AND NOT EXISTS (SELECT FROM message m JOIN target ON m.room_id = target.id)
)
SELECT EXISTS (SELECT FROM target)
