-- Locks the room's presence, which others see change; makes it for the first participant.
INSERT INTO room_presence AS p (room_id, rev) VALUES ($1, 0)
ON CONFLICT (room_id) DO UPDATE SET rev = p.rev
