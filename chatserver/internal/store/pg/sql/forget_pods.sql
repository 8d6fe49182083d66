DELETE FROM pod p
WHERE beat < clock_timestamp() - interval '1 hour' AND NOT EXISTS (SELECT FROM participant WHERE pod = p.name)
