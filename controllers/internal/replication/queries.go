// Package replication asks a site's database how it stands, without SQL: over the metrics that CloudNativePG's
// instances serve, extended by two queries of ours. A question that is not answered leaves nothing behind: unknown is
// an error and never a zero.
package replication

// Queries are what CloudNativePG makes metrics of, in its format for custom queries.
//
// chatpool_site: how this instance stands. Positions are bytes from the beginning of the write-ahead log. The oldest
// one is the lowest of all segments on disk: a follower that needs an older one can never go on. (Segments that are
// kept for reuse have names of the future.)
//
// chatpool_follower: who follows, by the name that each gives itself, and how it stands. A follower that diverged from
// us shows up in another state than streaming.
const Queries = `chatpool_site:
  target_databases: [postgres]
  query: |
    SELECT pg_catalog.pg_is_in_recovery()::int AS recovery
         , pg_catalog.pg_wal_lsn_diff(
             CASE WHEN pg_catalog.pg_is_in_recovery()
               THEN GREATEST(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
               ELSE pg_catalog.pg_current_wal_flush_lsn() END, '0/0') AS position
         , (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_wal_receiver WHERE status = 'streaming') AS receiving
         , (SELECT min(('x' || pg_catalog.substr(name, 9, 8))::bit(32)::bigint * 4294967296
                 + ('x' || pg_catalog.substr(name, 17, 8))::bit(32)::bigint
                   * pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')))
            FROM pg_catalog.pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') AS oldest
  metrics:
    - recovery: {usage: GAUGE, description: "1 while the instance follows another"}
    - position: {usage: GAUGE, description: "End of the write-ahead log, in bytes"}
    - receiving: {usage: GAUGE, description: "1 while the log receiver streams"}
    - oldest: {usage: GAUGE, description: "Where the log begins that is still kept, in bytes"}
chatpool_follower:
  target_databases: [postgres]
  query: |
    SELECT application_name AS name, COALESCE(state, 'unknown') AS state
         , COALESCE(max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), flush_lsn)), -1) AS lag_bytes
         , COALESCE(max(EXTRACT(EPOCH FROM flush_lag)), 0)::float AS lag_seconds
    FROM pg_catalog.pg_stat_replication WHERE NOT pg_catalog.pg_is_in_recovery() GROUP BY 1, 2
  metrics:
    - name: {usage: LABEL, description: "What the follower calls itself"}
    - state: {usage: LABEL, description: "State of the connection"}
    - lag_bytes: {usage: GAUGE, description: "What it has not flushed, -1 if it did not say"}
    - lag_seconds: {usage: GAUGE, description: "How long it took to flush what it flushed last"}
`
