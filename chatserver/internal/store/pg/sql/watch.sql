SELECT pg_is_in_recovery(), e.newest, g.closed, h.site, h.pod, h.instance, h.counter
FROM (SELECT max(epoch) AS newest FROM epoch) e
CROSS JOIN gate g
LEFT JOIN heartbeat h ON h.epoch = e.newest
