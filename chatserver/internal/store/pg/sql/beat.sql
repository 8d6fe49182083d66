-- Tells whether the lease had ended, or is new.
WITH old AS (SELECT beat FROM pod WHERE name = $1)
INSERT INTO pod AS p (name, beat) VALUES ($1, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET beat = clock_timestamp()
RETURNING coalesce((SELECT beat FROM old) < clock_timestamp() - make_interval(secs => $2), true)
