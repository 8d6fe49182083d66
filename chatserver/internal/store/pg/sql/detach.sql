-- Only what this pod had before the connection was lost: the endpoint may have joined again, here or elsewhere.
UPDATE participant p SET detached_at = coalesce(p.detached_at, now()), pod = ''
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS i (user_uri, endpoint, serial)
WHERE p.user_uri = i.user_uri AND p.endpoint = i.endpoint AND p.pod = $4 AND p.serial <= i.serial
