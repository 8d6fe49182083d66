INSERT INTO heartbeat AS h (epoch, site, pod, instance, counter)
SELECT $1, $2, $3, $4, 1
FROM gate
WHERE closed < $1 AND $1 = (SELECT max(epoch) FROM epoch)
ON CONFLICT (epoch, site) DO UPDATE SET pod = $3, instance = $4, counter = h.counter + 1
