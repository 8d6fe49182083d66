-- Locks the rooms in their order, so that two transactions never wait for each other in a circle.
SELECT room_id, epoch, seq, version
FROM room_seq
WHERE room_id = ANY ($1::uuid[])
ORDER BY room_id
FOR NO KEY UPDATE
