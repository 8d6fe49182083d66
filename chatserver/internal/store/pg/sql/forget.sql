-- Takes the words from messages that are not kept, when everybody has had the time to deliver them.
UPDATE message SET text = NULL, rtf = NULL
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM message
    WHERE NOT kept AND text IS NOT NULL AND at < now() - make_interval(secs => $1)
      AND (recovered_at IS NULL OR recovered_at < now() - make_interval(secs => $1))
    LIMIT 1000
    FOR UPDATE SKIP LOCKED
))
