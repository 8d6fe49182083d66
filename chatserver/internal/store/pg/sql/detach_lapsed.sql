-- The participants of pods that do not beat any more.
UPDATE participant SET detached_at = now()
WHERE detached_at IS NULL
  AND pod IN (SELECT name FROM pod WHERE beat < clock_timestamp() - make_interval(secs => $1))
